"""Cut all tests into parts, each of which one pytest runs with servers, ports and databases of its own."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from dataclasses import dataclass

# What is aborted has said all until then, and says where it stands, also after its last test.
PYTEST = [sys.executable, "-u", "-X", "faulthandler", "-m", "pytest"]


@dataclass(frozen=True)
class Part:
    """A part; ``alone``: nothing runs beside it, for it compares times, or takes all that the machine has."""

    name: str
    paths: tuple[str, ...]
    alone: bool = False


# In the order in which they begin: those that last longest are first, so that both ends come at the same time.
PARTS = (
    Part("browser", ("tests/browser",)),
    Part("adversarial", ("tests/adversarial",)),
    Part("end_to_end", ("tests/end_to_end",)),
    Part("device, host, load", ("tests/device", "tests/host", "tests/load")),
    Part("untrusted", ("tests/untrusted",)),
    # What needs the whole server with all languages, so that they are loaded for it once.
    Part("languages", ("tests/sage", "tests/r", "tests/gvisor", "tests/programs", "tests/host/test_sage.py")),
    Part("store, web, wire", ("tests/store", "tests/web", "tests/wire")),
    Part("all others", ("tests",)),
    Part(
        "floods and sieges",
        (
            "tests/adversarial/test_fairness.py", "tests/adversarial/test_floods.py",
            "tests/adversarial/test_overload.py", "tests/adversarial/test_siege.py",
            "tests/adversarial/test_stalling.py",
        ),
        alone=True,
    ),
)  # fmt: skip


def argv(part: Part, parts: Sequence[Part] = PARTS) -> list[str]:
    """Return the command for a part: what lies below its paths, without what is another part's."""
    others = [path for other in parts if other is not part for path in other.paths]
    inner = [path for path in others if any(path.startswith(f"{own}/") for own in part.paths)]
    return [*PYTEST, *part.paths, *(f"--ignore={path}" for path in inner)]
