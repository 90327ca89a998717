"""Limits sessions by cgroup v2, in a directory delegated to this account."""

from __future__ import annotations

import os
from contextlib import suppress

from untrusted.sandbox.limiter.cgroupfs import Removals, counter, group_name, read, remove_orphans, write
from untrusted.sandbox.limiter.group import Overrun
from untrusted.sandbox.limiter.kernel_memory import GrowthWatch, LockWatch
from wire import Limits

_NEEDED = ("memory", "pids", "cpu")
_PERIOD_US = 100_000
_LEAF = "supervisor"


class Cgroup2:
    """The limiter by cgroup v2: each session has a group below a delegated directory.

    Raises ValueError or OSError when it cannot work.
    """

    name = "cgroup2"
    sees_all_memory = True

    def __init__(self, directory: str, limits: Limits) -> None:
        if not directory or "=" in directory:
            raise ValueError("no delegated cgroup v2 directory is named")
        available = read(directory, "cgroup.controllers").split()
        missing = [controller for controller in _NEEDED if controller not in available]
        if missing:
            raise ValueError(f"{directory} does not have the controllers {', '.join(missing)}")
        self._directory, self._limits, self._removals, self._growth = directory, limits, Removals(), GrowthWatch()
        self._delegate()
        remove_orphans(directory)
        self.detail = f"memory, processes and CPU share of a session by control groups below {directory}"
        # The first group shows whether all of it works: a limiter that works by halves limits nothing.
        self.open("trial").close()

    def _delegate(self) -> None:
        # Only a group without processes may give controllers to its children: ours, if here, go into a leaf.
        if read(self._directory, "cgroup.procs").strip():
            leaf = f"{self._directory}/{_LEAF}"
            os.makedirs(leaf, exist_ok=True)
            for pid in read(self._directory, "cgroup.procs").split():
                with suppress(ProcessLookupError):
                    write(leaf, "cgroup.procs", pid)
        write(self._directory, "cgroup.subtree_control", " ".join(f"+{controller}" for controller in _NEEDED))

    def open(self, session: str, limits: Limits | None = None) -> Group2:
        """Return a new group, with limits of its own or the limiter's. Raises OSError."""
        self._removals.sweep()
        directory = f"{self._directory}/{group_name(session)}"
        os.mkdir(directory)
        limits = limits or self._limits
        try:
            _limit(directory, limits)
        except OSError:
            self._removals.remove(directory)
            raise
        return Group2(directory, self._removals, self._growth, limits.session_cpu_weight)

    def close(self) -> None:
        """Nothing is kept."""


def _limit(directory: str, limits: Limits) -> None:
    write(directory, "memory.max", limits.session_memory_bytes)
    with suppress(FileNotFoundError):  # a kernel without swap accounting
        write(directory, "memory.swap.max", 0)
    write(directory, "memory.oom.group", 1)
    write(directory, "pids.max", limits.session_processes_max + 1)  # init is ours
    write(directory, "cpu.weight", limits.session_cpu_weight)
    write(directory, "cpu.max", f"{int(limits.session_cpus_max * _PERIOD_US)} {_PERIOD_US}")


class Group2:
    """A control group of one session. ``weight``: of its CPU time beside other sessions."""

    def __init__(self, directory: str, removals: Removals, growth: GrowthWatch, weight: int) -> None:
        self._directory, self._removals, self._locks = directory, removals, LockWatch(growth)
        self._weight = weight

    def add(self, pid: int) -> None:
        """Take in a process. Raises OSError."""
        write(self._directory, "cgroup.procs", pid)

    def usage(self) -> tuple[float, int, int]:
        """Return CPU seconds, the most memory in bytes, processes and threads now."""
        cpu_s = counter(read(self._directory, "cpu.stat"), "usage_usec") / 1e6
        try:
            memory_bytes = int(read(self._directory, "memory.peak"))
        except FileNotFoundError:  # before Linux 5.19
            memory_bytes = int(read(self._directory, "memory.current"))
        return cpu_s, memory_bytes, max(0, int(read(self._directory, "pids.current")) - 1)

    def overrun(self) -> Overrun | None:
        """Return which limit was hit: processes killed for memory, or a fork refused."""
        if counter(read(self._directory, "memory.events"), "oom_kill"):
            return "memory"
        if counter(read(self._directory, "pids.events"), "max"):
            return "processes"
        return "memory" if self._locks.found(self._pids) else None

    def weigh(self, share: float) -> None:
        """Have its processes weigh this share of what the limits say beside other groups."""
        with suppress(OSError):  # it ends just now
            write(self._directory, "cpu.weight", max(1, int(self._weight * share)))

    def kill(self) -> None:
        """Kill every process; before Linux 5.14 the end of the session's init does."""
        with suppress(FileNotFoundError):
            write(self._directory, "cgroup.kill", 1)

    def _pids(self) -> list[int]:
        return [int(pid) for pid in read(self._directory, "cgroup.procs").split()]

    def close(self) -> None:
        """Remove the group."""
        self._removals.remove(self._directory)
