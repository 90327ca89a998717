"""Name the station that limits a server: the part whose processors are full."""

from __future__ import annotations

from collections.abc import Mapping

FULL = 0.9  # of a processor: what is busier has no time left, for work does not come evenly
# One process each, in which one thread of Python runs at a time; other parts use what processors there are.
ONE_PROCESSOR = ("web", "device")


def limiting(cores: Mapping[str, float], processors: int) -> str:
    """Return a sentence about the full station. ``cores``: of each part and of the whole machine, how many are busy."""
    parts = {name: busy for name, busy in cores.items() if name not in ("machine", "tsung")}
    if not parts:
        return "the limiting station is not known: the server was not started here"
    alone = {name: parts[name] for name in ONE_PROCESSOR if parts.get(name, 0.0) >= FULL}
    if alone:
        name = max(alone, key=lambda part: alone[part])
        return f"the limiting station: {name}, one process, which is busy for {alone[name]:.2f} of the time"
    if cores.get("machine", 0.0) >= FULL * processors:
        name = max(parts, key=lambda part: parts[part])
        return (
            f"the limiting station: the machine, whose {processors} processors are full ({cores['machine']:.2f} busy); "
            f"most of it is {name} ({parts[name]:.2f})"
        )
    return f"no station is full ({cores.get('machine', 0.0):.2f} of {processors} processors busy): something waits"
