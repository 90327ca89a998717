"""Limits whole sessions: memory, processes and CPU share of all their processes together.

Three drivers with one interface: ``cgroup2`` and ``cgroup1`` where a directory of the kernel's control groups is ours,
``watchdog`` where there is neither.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

from untrusted.sandbox import SandboxError
from untrusted.sandbox.limiter.cgroup1 import Cgroup1
from untrusted.sandbox.limiter.cgroup2 import Cgroup2
from untrusted.sandbox.limiter.group import Limiter
from untrusted.sandbox.limiter.watchdog import Watchdog
from wire import Layer, Limits


def choose(mode: str, directory: str, limits: Limits, guests: bool = False) -> Limiter:
    """Return the limiter for a mode: ``auto`` takes the best that works. Raises SandboxError with the reason.

    ``directory``: for cgroup2 a delegated directory; for cgroup1 ``memory=/…,pids=/…,cpuacct=/…`` and, where the host
    has it, ``cpu=/…``. ``guests``: whether sessions are guests of gVisor.
    """
    # The best first.
    drivers: dict[str, Callable[[str, Limits], Limiter]] = {
        "cgroup2": Cgroup2,
        "cgroup1": Cgroup1,
        "watchdog": partial(Watchdog, guests=guests),
    }
    if mode != "auto" and mode not in drivers:
        raise SandboxError(f"there is no limiter {mode!r}; there are auto, {', '.join(drivers)}")
    reasons = []
    for name in drivers if mode == "auto" else (mode,):
        try:
            return drivers[name](directory, limits)
        except (OSError, ValueError) as error:
            reasons.append(f"{name}: {error}")
    raise SandboxError(f"memory and processes cannot be limited: {'; '.join(reasons)}")


def layer(limiter: Limiter) -> Layer:
    """Return the limiter as one more layer of the self-test's report."""
    return Layer("limiter", "on", f"{limiter.name}: {limiter.detail}")
