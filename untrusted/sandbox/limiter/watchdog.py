"""Limits sessions without control groups: the supervisor looks at their processes again and again.

Weaker than a control group, and named so: it sees an overrun when it looks, not when it happens; CPU share is not
limited; CPU time of processes that lived between two looks is not seen, nor is memory that belongs to no process and no
directory (memfd, System V segments and queues): the filter refuses the calls that make it.
"""

from __future__ import annotations

import os
import time
from collections.abc import Iterable
from contextlib import suppress

from untrusted.sandbox.limiter.group import Overrun
from untrusted.sandbox.limiter.kernel_memory import GrowthWatch, LockWatch
from untrusted.sandbox.limiter.processes import Process, open_guest_memory, private_share, read_process
from untrusted.sandbox.plan import HOME
from untrusted.sandbox.release import release
from wire import Limits

LOOK_S = 0.1  # a scan of /proc serves all groups for this long
# A close look at a session that takes longer than this is followed by a pause of so many times what was more.
CLOSELY_S, CLOSELY_PAUSES = 0.002, 10
_WRITABLE = (HOME, "/tmp", "/dev/shm")


class Watchdog:
    """The limiter without control groups: it makes groups that are watched."""

    name = "watchdog"
    sees_all_memory = False
    detail = "degraded: no control groups, so memory and processes are looked at now and then, and CPU share never"

    def __init__(self, _directory: str, limits: Limits, guests: bool = False) -> None:
        self._limits, self.guests = limits, guests
        self._processes: dict[int, Process] = {}
        self._children: dict[int, list[int]] = {}
        self._looked_at = float("-inf")
        self.growth = GrowthWatch()

    def open(self, _session: str, limits: Limits | None = None) -> WatchedGroup:
        """Return a new group, with limits of its own or the watchdog's."""
        return WatchedGroup(self, limits or self._limits)

    def close(self) -> None:
        """Nothing is kept."""

    def tree(self, init: int) -> dict[int, Process]:
        """Return init and everything below it, as seen at most ``LOOK_S`` ago: all processes of its pid namespace."""
        self._look()
        found, waiting = {}, [init]
        while waiting:
            pid = waiting.pop()
            if pid in self._processes:
                found[pid] = self._processes[pid]
                waiting += self._children.get(pid, ())
        return found

    def _look(self) -> None:
        if time.monotonic() - self._looked_at < LOOK_S:
            return
        self._processes, self._children = {}, {}
        for name in os.listdir("/proc"):
            if name.isdigit() and (process := read_process(name)) is not None:
                self._processes[int(name)] = process
                self._children.setdefault(process.parent, []).append(int(name))
        self._looked_at = time.monotonic()


class WatchedGroup:
    """The processes below one init."""

    def __init__(self, watchdog: Watchdog, limits: Limits) -> None:
        self._watchdog, self._limits = watchdog, limits
        self._init: int | None = None
        self._started = 0
        self._cpu_s: dict[tuple[int, int], float] = {}
        self._memory_bytes_max = 0
        self._directories: list[int] = []
        self._guest_memory: int | None = None
        self._hit: Overrun | None = None
        self._locks = LockWatch(watchdog.growth)
        self._closely_at, self._shares_bytes = 0.0, 0

    def add(self, pid: int) -> None:
        """Watch the processes below this one. Raises ProcessLookupError."""
        process = read_process(str(pid))
        if process is None:
            raise ProcessLookupError(f"process {pid} is gone")
        self._init, self._started = pid, process.started

    def usage(self) -> tuple[float, int, int]:
        """Return CPU seconds, the most memory in bytes, processes and threads, as far as they were seen."""
        tree = self._tree()
        for pid, process in tree.items():
            self._cpu_s[pid, process.started] = process.cpu_s
        # Init shares the worker's memory and would count it twice; once it goes on, user code has made it do so.
        members = {pid: process for pid, process in tree.items() if pid != self._init or not process.still}
        guest_bytes = self._guest_bytes(members)
        memory_bytes = sum(process.resident_bytes for process in members.values()) + self._file_bytes() + guest_bytes
        if memory_bytes > self._limits.session_memory_bytes:
            memory_bytes = self._look_closely(members, guest_bytes > 0) + self._file_bytes() + guest_bytes
        self._memory_bytes_max = max(self._memory_bytes_max, memory_bytes)
        return sum(self._cpu_s.values()), self._memory_bytes_max, sum(process.threads for process in members.values())

    def _look_closely(self, members: dict[int, Process], is_guest: bool) -> int:
        """Return the bytes of these processes, with each one's part of what the zygote's children share.

        The kernel goes through every page for it: no more than a part of the time is spent so on one session.
        """
        started = time.monotonic()
        if started >= self._closely_at:
            self._shares_bytes = sum(private_share(pid, process, is_guest) for pid, process in members.items())
            took_s = time.monotonic() - started
            self._closely_at = started + took_s + max(0.0, took_s - CLOSELY_S) * CLOSELY_PAUSES
        return self._shares_bytes

    def overrun(self) -> Overrun | None:
        """Return which limit was passed, once it was seen."""
        _cpu_s, memory_bytes, processes = self.usage()
        if self._hit is None and memory_bytes > self._limits.session_memory_bytes:
            self._hit = "memory"
        if self._hit is None and processes > self._limits.session_processes_max:
            self._hit = "processes"
        if self._hit is None and self._locks.found(self._tree):
            self._hit = "memory"
        return self._hit

    def weigh(self, share: float) -> None:
        """Without control groups all sessions weigh the same."""

    def kill(self) -> None:
        """The end of the session's init kills its processes."""

    def close(self) -> None:
        """Close the handles of the session's directories."""
        for descriptor in (*self._directories, self._guest_memory):
            if descriptor is not None:
                release(descriptor)
        self._directories, self._guest_memory = [], None

    def _tree(self) -> dict[int, Process]:
        if self._init is None:
            return {}
        tree = self._watchdog.tree(self._init)
        init = tree.get(self._init)
        # The same number but another process: ours is gone.
        return tree if init is not None and init.started == self._started else {}

    def _guest_bytes(self, members: Iterable[int]) -> int:
        """Return what a guest of gVisor occupies: its memory is a file of runsc, which may be mapped by no process."""
        if self._guest_memory is None and self._watchdog.guests:
            self._guest_memory = next(filter(None, map(open_guest_memory, members)), None)
        return os.fstat(self._guest_memory).st_blocks * 512 if self._guest_memory is not None else 0

    def _file_bytes(self) -> int:
        """Return what the session's files in memory occupy."""
        if not self._directories and self._init is not None:
            # Once, when the worker is ready and no user code has run; it could close this way later.
            with suppress(OSError):
                root = f"/proc/{self._init}/root"
                if os.stat(root + HOME).st_dev != os.stat(root).st_dev:
                    self._directories = [os.open(root + path, os.O_PATH | os.O_CLOEXEC) for path in _WRITABLE]
        total_bytes = 0
        for descriptor in self._directories:
            state = os.fstatvfs(descriptor)
            total_bytes += (state.f_blocks - state.f_bfree) * state.f_frsize
        return total_bytes
