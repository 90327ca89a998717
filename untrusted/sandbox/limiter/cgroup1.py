"""Limits sessions by cgroup v1, in directories of each controller that the operator gave to this account."""

from __future__ import annotations

import itertools
import os
import signal
from collections.abc import Callable, Hashable
from contextlib import suppress
from functools import partial

from untrusted.sandbox.limiter.cgroupfs import (
    ControlFiles,
    Removals,
    counter,
    group_name,
    read,
    remove_orphans,
    write,
)
from untrusted.sandbox.limiter.group import Overrun
from untrusted.sandbox.limiter.kernel_memory import GrowthWatch, LockWatch
from untrusted.sandbox.limiter.stock import CPU_S_MAX, LEFT_BYTES_MAX, Stock
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
        self._stock: Stock[Directories1] = Stock()
        self._made = itertools.count()
        for path in dict.fromkeys(self._parents.values()):
            remove_orphans(path)
        self.detail = f"memory, processes and CPU share of a session by cgroup v1: {', '.join(self._parents)}"
        # The first group shows whether all of it works: a limiter that works by halves limits nothing.
        self.open("trial").close()
        self.close()

    def open(self, session: str, limits: Limits | None = None) -> Group1:
        """Return a group without processes, with limits of its own or the limiter's. Raises OSError."""
        self._removals.sweep()
        limits = limits or self._limits
        kept = _kept_by(limits)
        directories = self._stock.take(kept) or self._make(session, limits)
        try:
            return Group1(directories, partial(self._stock.give, kept), self._growth, limits.session_cpu_weight)
        except OSError:
            directories.remove()
            raise

    def _make(self, session: str, limits: Limits) -> Directories1:
        # A kept group has the name of its first session, and numbers of processes come again.
        name = group_name(f"{session}-{next(self._made)}")
        paths = {controller: f"{parent}/{name}" for controller, parent in self._parents.items()}
        directories = Directories1(paths, self._removals)
        try:
            # One hierarchy may hold several controllers (cpu,cpuacct): the same directory then comes twice.
            for path in dict.fromkeys(paths.values()):
                os.mkdir(path)
            _limit(paths, limits)
        except OSError:
            directories.remove()
            raise
        return directories

    def close(self) -> None:
        """Remove the groups that are kept for sessions to come."""
        self._stock.close()


def _kept_by(limits: Limits) -> Hashable:
    """Return what a group is kept by: all that ``_limit`` sets."""
    return (
        limits.session_memory_bytes,
        limits.session_processes_max,
        limits.session_cpu_weight,
        limits.session_cpus_max,
    )


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


def pids_in(directory: str) -> list[int]:
    """Return the processes in a group."""
    # Not from a file that is kept open: the kernel would show for a second what it has shown before.
    return [int(pid) for pid in read(directory, "cgroup.procs").split()]


class Directories1:
    """The directories of one session, by controller, with their control files."""

    def __init__(self, paths: dict[str, str], removals: Removals) -> None:
        self._removals = removals
        by_path = {path: ControlFiles(path) for path in paths.values()}
        self.all = tuple(by_path.values())
        self.of = {controller: by_path[path] for controller, path in paths.items()}

    def is_empty(self) -> bool:
        """Return whether it is certain that the session has left nothing."""
        # The dead who wait to be reaped stand in no list, but count here.
        if int(self.of["pids"].read("pids.current")) or any(pids_in(files.directory) for files in self.all):
            return False
        return int(self.of["memory"].read("memory.usage_in_bytes")) <= LEFT_BYTES_MAX

    def remove(self) -> None:
        """Remove them, now or as soon as the kernel lets them go."""
        for files in self.all:
            files.close()
            self._removals.remove(files.directory)


class Group1:
    """The control groups of one session. ``weight``: of its CPU time beside other sessions.

    ``keep``: takes the directories of one that did nothing unusual, for sessions to come.
    """

    def __init__(
        self, directories: Directories1, keep: Callable[[Directories1], None], growth: GrowthWatch, weight: int
    ) -> None:
        self._directories, self._keep, self._locks = directories, keep, LockWatch(growth)
        self._files = directories.of
        self._weight, self._share = weight, 1.0
        self._files["memory"].write("memory.max_usage_in_bytes", 0)  # the most from now on
        # What it has counted of sessions before this one, of which none has hit a limit.
        self._cpu_before_ns = int(self._files["cpuacct"].read("cpuacct.usage"))
        self._memory_before_bytes = int(self._files["memory"].read("memory.usage_in_bytes"))

    def add(self, pid: int) -> None:
        """Take in a process. Raises OSError."""
        for files in self._directories.all:
            files.write("cgroup.procs", pid)

    def usage(self) -> tuple[float, int, int]:
        """Return CPU seconds, the most memory in bytes, processes and threads now."""
        memory_bytes = int(self._files["memory"].read("memory.max_usage_in_bytes")) - self._memory_before_bytes
        return self._cpu_s(), max(0, memory_bytes), max(0, int(self._files["pids"].read("pids.current")) - 1)

    def _cpu_s(self) -> float:
        return (int(self._files["cpuacct"].read("cpuacct.usage")) - self._cpu_before_ns) / 1e9

    def overrun(self) -> Overrun | None:
        """Return which limit was hit: a process killed for memory, or a fork refused."""
        return self._hit() or ("memory" if self._locks.found(self._pids) else None)

    def _hit(self) -> Overrun | None:
        if counter(self._files["memory"].read("memory.oom_control"), "oom_kill"):
            return "memory"
        return "processes" if counter(self._files["pids"].read("pids.events"), "max") else None

    def weigh(self, share: float) -> None:
        """Have its processes weigh this share of what the limits say beside other groups."""
        self._share = share
        if "cpu" in self._files:
            with suppress(OSError):  # it ends just now
                self._files["cpu"].write("cpu.shares", _shares(self._weight * share))

    def kill(self) -> None:
        """Kill every process that is in the group; the end of the session's init has killed them already."""
        for pid in self._pids():
            with suppress(OSError):
                pidfd = os.pidfd_open(pid)
                try:
                    # Still there, so the descriptor is that process and no later one of the same number.
                    if pid in self._pids():
                        signal.pidfd_send_signal(pidfd, signal.SIGKILL)
                finally:
                    os.close(pidfd)

    def _pids(self) -> list[int]:
        return pids_in(self._files["pids"].directory)

    def close(self) -> None:
        """Give the groups back: to be kept for sessions to come, or to be removed."""
        if self._hit() or self._cpu_s() > CPU_S_MAX:
            self._directories.remove()
            return
        if self._share != 1.0:
            self.weigh(1.0)
        self._keep(self._directories)
