"""Limits of a whole session: memory, processes and CPU share of all its processes together.

Three drivers with one interface: ``cgroup2`` and ``cgroup1`` where a directory of the kernel's control groups is ours,
``watchdog`` where there is neither.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Literal, Protocol

from untrusted.sandbox import SandboxError
from wire import Layer

Overrun = Literal["memory", "processes"]
MODES = ("cgroup2", "cgroup1", "watchdog")


class GroupLimits(Protocol):
    """What a limiter reads of the limits, under the names of the settings."""

    @property
    def session_memory_bytes(self) -> int: ...

    @property
    def session_processes_max(self) -> int: ...

    @property
    def session_cpu_weight(self) -> int: ...

    @property
    def session_cpus_max(self) -> float: ...


class Group(Protocol):
    """The processes of one session."""

    def add(self, pid: int) -> None:
        """Take in a process; what it starts from now on belongs to the group too. Raises OSError."""

    def usage(self) -> tuple[float, int, int]:
        """Return CPU seconds used so far, the most bytes of memory used, and the processes and threads there are."""

    def overrun(self) -> Overrun | None:
        """Return which limit the group has hit, once it has."""

    def freeze(self) -> None:
        """Stop every process, where the driver can."""

    def thaw(self) -> None:
        """Let every process go on."""

    def kill(self) -> None:
        """Kill every process."""

    def close(self) -> None:
        """Give back what the group holds, when its processes are gone; leaves nothing behind."""


class Limiter(Protocol):
    """Makes groups; ``name`` is its mode, ``detail`` a sentence for the host.

    ``sees_all_memory``: also what belongs to no process and no directory.
    """

    name: str
    detail: str
    sees_all_memory: bool

    def open(self, session: str, limits: GroupLimits | None = None) -> Group:
        """Return a new group, with limits of its own or the limiter's. Raises OSError."""


def choose(mode: str, directory: str, limits: GroupLimits) -> Limiter:
    """Return the limiter for a mode: ``auto`` takes the best that works. Raises SandboxError with the reason.

    ``directory``: for cgroup2 a delegated directory; for cgroup1 ``memory=/…,pids=/…,cpuacct=/…`` and, where the host
    has them, ``cpu=/…`` and ``freezer=/…``.
    """
    from untrusted.sandbox.limiter import cgroup1, cgroup2, watchdog

    drivers: dict[str, Callable[[str, GroupLimits], Limiter]] = {
        "cgroup2": cgroup2.Cgroup2,
        "cgroup1": cgroup1.Cgroup1,
        "watchdog": watchdog.Watchdog,
    }
    if mode != "auto" and mode not in drivers:
        raise SandboxError(f"there is no limiter {mode!r}; there are auto, {', '.join(MODES)}")
    reasons = []
    for name in MODES if mode == "auto" else (mode,):
        try:
            return drivers[name](directory, limits)
        except (OSError, ValueError) as error:
            reasons.append(f"{name}: {error}")
    raise SandboxError(f"memory and processes cannot be limited: {'; '.join(reasons)}")


def layer(limiter: Limiter) -> Layer:
    """Return the limiter as one more layer of the self-test's report."""
    return Layer("limiter", "on", f"{limiter.name}: {limiter.detail}")
