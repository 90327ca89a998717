"""Finds sessions that hold much of the memory that the kernel takes for locks on ranges of files.

No control group counts it, and no limit bounds it. Looking for who holds it means to read about every open file of a
session, so it is done only when the kernel's own memory has grown by much.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterable
from contextlib import suppress

LOOK_S = 0.5
RISE_BYTES = 128 << 20  # sessions are looked at each time that so much has been taken: 640,000 locks
LOCKS_MAX = 10_000  # 2 MB; databases hold a handful
# Of the supervisor's CPU time for each look at a session: an ordinary one takes some milliseconds, and one that takes
# much longer has been made to.
LOOKING_CPU_S_MAX = 0.25


class GrowthWatch:
    """A counter of how often the kernel has taken much more memory that it cannot give back."""

    def __init__(self) -> None:
        self._least_bytes = _unreclaimable_bytes()
        self._looked_at = float("-inf")
        self._times = 0

    def times(self) -> int:
        """Return how often it has grown so."""
        now = time.monotonic()
        if now - self._looked_at >= LOOK_S:
            self._looked_at = now
            taken_bytes = _unreclaimable_bytes()
            if taken_bytes > self._least_bytes + RISE_BYTES:
                self._times += 1
                self._least_bytes = taken_bytes  # what nobody is found to hold is in use for something else
            self._least_bytes = min(self._least_bytes, taken_bytes)
        return self._times


class LockWatch:
    """The watch over one session's locks, which are looked at once after each growth."""

    def __init__(self, growth: GrowthWatch) -> None:
        self._growth, self._heard = growth, growth.times()

    def found(self, pids: Callable[[], Iterable[int]]) -> bool:
        """Return whether there was growth, and these processes hold more locks than any program needs."""
        times = self._growth.times()
        if times == self._heard:
            return False
        self._heard = times
        return _hold_many_locks(pids())


def _hold_many_locks(pids: Iterable[int]) -> bool:
    # Threads, and init with its worker, have one table of open files: the same lock is met again and again.
    locks: set[bytes] = set()
    stop_at = time.process_time() + LOOKING_CPU_S_MAX
    for pid in pids:
        with suppress(OSError):
            # It has ended, and its locks are gone; or it is gVisor's own, which hides. The filter lets no cell do that.
            for thread in os.listdir(f"/proc/{pid}/task"):  # it may have a table of its own
                directory = f"/proc/{pid}/task/{thread}/fdinfo"
                for name in os.listdir(directory):
                    _collect(f"{directory}/{name}", locks)
                    if len(locks) > LOCKS_MAX or time.process_time() > stop_at:
                        return True
    return False


def _collect(path: str, locks: set[bytes]) -> None:
    with suppress(FileNotFoundError, ProcessLookupError), open(path, "rb") as file:
        for line in file:
            if line.startswith(b"lock:"):
                locks.add(line.split(b":", 2)[2])  # without its place among those of the file
                if len(locks) > LOCKS_MAX:
                    return


def _unreclaimable_bytes() -> int:
    with open("/proc/meminfo", encoding="ascii") as file:
        for line in file:
            name, _colon, value = line.partition(":")
            if name == "SUnreclaim":
                return int(value.split()[0]) << 10
    return 0
