"""Have several times as many visitors come as a server can serve, and see what it still does.

``python -m bench overload [--seconds 120] [--times 5]`` starts a server as ``make run`` does and looks for its
capacity: the most right results a second with few or many visitors, each of whom comes when another one leaves. Then
visitors come at so many times this rate, each from an address of its own, whatever becomes of those before; who is
refused leaves. The visitors have a processor of their own, the last one, and the server the others. It prints the
goodput beside the peak, the memory of each part over time, and how soon all is as before; it ends with 1 when
something that was acknowledged came to no right end.
"""

from __future__ import annotations

import argparse
import asyncio
import os
import resource
import sys
import threading
import time
from collections import defaultdict
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

import requests as http

from bench.crowd import Crowd
from bench.latency import quantile_ms
from bench.machine import a_processor_apart
from harness.processes import birth, cpu_s
from harness.server import Server, serve
from harness.usage import PARTS, cpu_by_part_s, sessions_group
from host import descendants

VISITORS = (8, 32, 96)
CLOSED_S, LOOK_S, ANSWER_S = 10.0, 1.0, 30.0
PROBES = 20
MIB = 1 << 20


class Memory:
    """The memory of each part of a server over time, in bytes: what its processes have for themselves.

    Only those count that were there when it began, so no sessions; ``ended``: how many of these have ended since.
    """

    def __init__(self, pid: int) -> None:
        self._pids = {one: (_part(one), birth(one)) for one in descendants.find(pid)}
        self._ended = threading.Event()
        self.over_time: dict[str, list[int]] = defaultdict(list)
        self._thread = threading.Thread(target=self._look, daemon=True)
        self._thread.start()

    def stop(self) -> None:
        """Look no more."""
        self._ended.set()
        self._thread.join()

    def _look(self) -> None:
        while not self._ended.wait(LOOK_S):
            now: dict[str, int] = defaultdict(int)
            for pid, (part, born) in self._pids.items():
                if part and birth(pid) == born:
                    now[part] += _private_bytes(pid)
            for part, size_bytes in now.items():
                self.over_time[part].append(size_bytes)


@dataclass
class Overload:
    """What came of it. Times in seconds, rates in right results a second.

    ``emptied_s``: from the last visitor until all that was acknowledged had ended; ``behind``: how many that were;
    ``answers_s``: of /healthz meanwhile; ``before_s``, ``after_s``: cells of one visitor alone.
    """

    peaks: dict[int, float] = field(default_factory=dict)
    goodput: float = 0.0
    seconds: float = 0.0
    rate: float = 0.0
    behind: int = 0
    emptied_s: float = 0.0
    ready_s: float = 0.0
    before_s: list[float] = field(default_factory=list)
    after_s: list[float] = field(default_factory=list)
    answers_s: list[float] = field(default_factory=list)
    cores: dict[str, float] = field(default_factory=dict)
    memory: Mapping[str, list[int]] = field(default_factory=dict)
    requests_per_s: float = 0.0

    @property
    def peak(self) -> float:
        """The most right results a second that there were."""
        return max(self.peaks.values())

    @property
    def share(self) -> float:
        """The goodput under overload, as a share of the peak."""
        return self.goodput / self.peak


async def overload(
    server: Server, crowd: Crowd, seconds: float, times: float, visitors: tuple[int, ...] = VISITORS,
    closed_s: float = CLOSED_S,
) -> Overload:  # fmt: skip
    """Find the capacity of a server, and have so many times as many visitors come for so long."""
    found = Overload()
    await crowd.closed(4, closed_s / 2)  # what is slow the first time is over then
    found.before_s = await _alone(crowd)
    for count in visitors:
        found.peaks[count] = await crowd.closed(count, closed_s)
    found.rate = times * found.peak
    memory, probes = Memory(server.process.pid), asyncio.create_task(_probe(server.url, found.answers_s))
    pids, group = {"server": server.process.pid}, sessions_group(server.data)
    requests = crowd.requests

    def cpu() -> dict[str, float]:
        return {**cpu_by_part_s(pids, group), "visitors": cpu_s([os.getpid()])}

    began, cpu_before = time.monotonic(), cpu()
    await crowd.opened(found.rate, seconds)
    ended = time.monotonic()
    cpu_after = cpu()
    found.cores = {part: (used - cpu_before.get(part, 0.0)) / (ended - began) for part, used in cpu_after.items()}
    found.seconds = ended - began
    found.requests_per_s = (crowd.requests - requests) / found.seconds
    found.goodput, found.behind = crowd.goodput(began, ended), crowd.under_way
    await crowd.left()
    found.emptied_s = time.monotonic() - ended
    found.after_s = await _alone(crowd)
    probes.cancel()
    memory.stop()
    found.memory = memory.over_time
    return found


async def _alone(crowd: Crowd) -> list[float]:
    """Return the times of one visitor's cells."""
    first = len(crowd.rights)
    for _ in range(PROBES):
        await crowd.visit()
    return [elapsed_s for _, elapsed_s in crowd.rights[first:]]


async def _probe(url: str, answers_s: list[float]) -> None:
    while True:
        began = time.monotonic()
        with suppress(http.RequestException):
            await asyncio.to_thread(http.get, f"{url}/healthz", timeout=ANSWER_S)
        answers_s.append(time.monotonic() - began)
        await asyncio.sleep(LOOK_S)


def _part(pid: int) -> str:
    with suppress(OSError):
        while pid > 1:
            command = Path(f"/proc/{pid}/cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace")
            for word, name in PARTS.items():
                if word in command:
                    return name
            pid = int(Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[1])
    return ""


def _private_bytes(pid: int) -> int:
    with suppress(OSError):
        lines = Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines()
        return sum(int(line.split()[1]) << 10 for line in lines if line.startswith("Private_"))
    return 0


def described(found: Overload, crowd: Crowd) -> str:
    """Return the table."""
    peaks = ", ".join(f"{visitors}: {rate:.1f}" for visitors, rate in found.peaks.items())
    late = [elapsed_s for _, elapsed_s in crowd.rights]

    def quantiles(times_s: list[float]) -> str:
        return f"p50 {quantile_ms(times_s, 0.5):.0f}, p95 {quantile_ms(times_s, 0.95):.0f} ms" if times_s else "none"

    lines = [
        f"right results a second, by visitors at once: {peaks}",
        f"{found.rate:.0f} visitors a second for {found.seconds:.1f} s, {found.requests_per_s:.0f} requests a second: "
        f"{found.goodput:.1f} right results a second, "
        f"{found.share:.2f} of the peak; each took {quantiles(late)}",
        f"ends of all that was acknowledged: {dict(crowd.ends)}; refused: {dict(crowd.refused)}, "
        f"{quantiles(crowd.refusal_times_s)}; faults: {dict(crowd.faults)}",
        f"/healthz meanwhile: {quantiles(found.answers_s)}",
        f"when the last had come {found.behind} had no end yet: that took {found.emptied_s:.1f} s, at the peak's rate "
        f"{found.behind / found.peak:.1f} s",
        f"one visitor alone before: {quantiles(found.before_s)}; at once afterwards: {quantiles(found.after_s)}",
        "cores: " + ", ".join(f"{part} {cores:.2f}" for part, cores in sorted(found.cores.items())),
        "MiB of each part over time:",
    ]
    for part, over_time in sorted(found.memory.items()):
        steps = [over_time[len(over_time) * step // 12] // MIB for step in range(12)]
        lines.append(f"  {part:10} {steps}, at most {max(over_time) // MIB}")
    return "\n".join(lines)


def main(arguments: list[str]) -> int:
    """Overload a server of our own; print the table."""
    parser = argparse.ArgumentParser(prog="python -m bench overload")
    parser.add_argument("--seconds", type=float, default=120.0, help="how long the visitors come")
    parser.add_argument("--times", type=float, default=5.0, help="how many times as many as can be served")
    options = parser.parse_args(arguments)
    most = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))
    with a_processor_apart() as keep_to_it, serve("") as server:
        keep_to_it()
        crowd = Crowd(server.url)
        found = asyncio.run(overload(server, crowd, options.seconds, options.times))
    print(described(found, crowd))
    return 1 if crowd.bad else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
