"""Limits sessions by cgroup v1, in directories of each controller that the operator gave to this account."""

from __future__ import annotations

import os
import signal
from contextlib import suppress

from untrusted.sandbox.limiter.cgroupfs import Removals, counter, group_name, read, remove_orphans, write
from untrusted.sandbox.limiter.group import Overrun
from untrusted.sandbox.limiter.kernel_memory import GrowthWatch, LockWatch
from wire import Limits

_NEEDED = ("memory", "pids", "cpuacct")
_PERIOD_US = 100_000
_SHARES_OF_WEIGHT_100 = 1024


class Cgroup1:
    """The limiter by cgroup v1: each session has a group in every controller's directory.

    Raises ValueError or OSError when it cannot work.
    """

    name = "cgroup1"
    sees_all_memory = True

    def __init__(self, directory: str, limits: Limits) -> None:
        pairs = [part.partition("=") for part in directory.split(",") if part]
        self._parents = {controller.strip(): path.strip() for controller, _equals, path in pairs}
        missing = [controller for controller in _NEEDED if not self._parents.get(controller)]
        if missing:
            raise ValueError(f"no cgroup v1 directory is named for {', '.join(missing)}")
        self._limits, self._removals, self._growth = limits, Removals(), GrowthWatch()
        for path in dict.fromkeys(self._parents.values()):
            remove_orphans(path)
        self.detail = f"memory, processes and CPU share of a session by cgroup v1: {', '.join(self._parents)}"
        # The first group shows whether all of it works: a limiter that works by halves limits nothing.
        self.open("trial").close()

    def open(self, session: str, limits: Limits | None = None) -> Group1:
        """Return a new group, with limits of its own or the limiter's. Raises OSError."""
        self._removals.sweep()
        directories = {controller: f"{parent}/{group_name(session)}" for controller, parent in self._parents.items()}
        limits = limits or self._limits
        group = Group1(directories, self._removals, self._growth, limits.session_cpu_weight)
        try:
            # One hierarchy may hold several controllers (cpu,cpuacct): the same directory then comes twice.
            for directory in dict.fromkeys(directories.values()):
                os.mkdir(directory)
            _limit(directories, limits)
        except OSError:
            group.close()
            raise
        return group


def _limit(directories: dict[str, str], limits: Limits) -> None:
    memory = directories["memory"]
    write(memory, "memory.limit_in_bytes", limits.session_memory_bytes)
    with suppress(FileNotFoundError):  # a kernel without swap accounting
        write(memory, "memory.memsw.limit_in_bytes", limits.session_memory_bytes)
    with suppress(OSError):  # not everywhere
        write(memory, "memory.swappiness", 0)
    write(directories["pids"], "pids.max", limits.session_processes_max + 1)  # init is ours
    if "cpu" in directories:
        write(directories["cpu"], "cpu.shares", _shares(limits.session_cpu_weight))
        with suppress(FileNotFoundError):  # a kernel without CFS bandwidth
            write(directories["cpu"], "cpu.cfs_period_us", _PERIOD_US)
            write(directories["cpu"], "cpu.cfs_quota_us", int(limits.session_cpus_max * _PERIOD_US))


def _shares(weight: float) -> int:
    return max(2, int(weight * _SHARES_OF_WEIGHT_100 / 100))  # the kernel's least


class Group1:
    """The control groups of one session. ``weight``: of its CPU time beside other sessions."""

    def __init__(self, directories: dict[str, str], removals: Removals, growth: GrowthWatch, weight: int) -> None:
        self._directories, self._removals, self._locks = directories, removals, LockWatch(growth)
        self._weight = weight

    def add(self, pid: int) -> None:
        """Take in a process. Raises OSError."""
        for directory in dict.fromkeys(self._directories.values()):
            write(directory, "cgroup.procs", pid)

    def usage(self) -> tuple[float, int, int]:
        """Return CPU seconds, the most memory in bytes, processes and threads now."""
        cpu_s = int(read(self._directories["cpuacct"], "cpuacct.usage")) / 1e9
        memory_bytes = int(read(self._directories["memory"], "memory.max_usage_in_bytes"))
        return cpu_s, memory_bytes, max(0, int(read(self._directories["pids"], "pids.current")) - 1)

    def overrun(self) -> Overrun | None:
        """Return which limit was hit: a process killed for memory, or a fork refused."""
        if counter(read(self._directories["memory"], "memory.oom_control"), "oom_kill"):
            return "memory"
        if counter(read(self._directories["pids"], "pids.events"), "max"):
            return "processes"
        return "memory" if self._locks.found(self._pids) else None

    def weigh(self, share: float) -> None:
        """Have its processes weigh this share of what the limits say beside other groups."""
        if "cpu" in self._directories:
            with suppress(OSError):  # it ends just now
                write(self._directories["cpu"], "cpu.shares", _shares(self._weight * share))

    def kill(self) -> None:
        """Kill every process that is in the group; the end of the session's init has killed them already."""
        for pid in read(self._directories["pids"], "cgroup.procs").split():
            with suppress(OSError):
                pidfd = os.pidfd_open(int(pid))
                try:
                    # Still there, so the descriptor is that process and no later one of the same number.
                    if pid in read(self._directories["pids"], "cgroup.procs").split():
                        signal.pidfd_send_signal(pidfd, signal.SIGKILL)
                finally:
                    os.close(pidfd)

    def _pids(self) -> list[int]:
        return [int(pid) for pid in read(self._directories["pids"], "cgroup.procs").split()]

    def close(self) -> None:
        """Remove the groups."""
        for directory in dict.fromkeys(self._directories.values()):
            self._removals.remove(directory)
