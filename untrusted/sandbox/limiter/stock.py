"""Keeps control groups of sessions that are over for those that come: making and removing one costs more than a cell.

A group gets its next session when it is proved empty: no process is in it, not even one that nobody has reaped yet, and
what the kernel holds on its account is less than ``LEFT_BYTES_MAX``. What it has counted is the next one's baseline. A
group whose session ran into a limit, or used much CPU time, is removed and never used again.
"""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Hashable
from itertools import chain
from typing import Generic, Protocol, TypeVar

LEFT_BYTES_MAX = 512 << 10  # an ordinary session leaves less: pages that the kernel counts ahead, and a few of its own
CPU_S_MAX = 1.0  # one that used more may have left its group without CPU time until the next period
KEPT_MAX = 16  # of all kinds together: those to come, and those that end just now
EMPTY_S_MAX = 1.0  # the kernel takes a dead session apart in its own time


class Directories(Protocol):
    """The directories of one session's groups."""

    def is_empty(self) -> bool:
        """Return whether it is certain that the session has left nothing."""

    def remove(self) -> None:
        """Remove them, now or as soon as the kernel lets them go."""


Kept = TypeVar("Kept", bound=Directories)


class Stock(Generic[Kept]):
    """The groups that wait for their next session, by the limits that were set in them."""

    def __init__(self) -> None:
        self._empty: dict[Hashable, list[Kept]] = {}
        self._ending: deque[tuple[float, Hashable, Kept]] = deque()  # with the time at which they are given up

    def __len__(self) -> int:
        return len(self._ending) + sum(map(len, self._empty.values()))

    def take(self, limits: Hashable) -> Kept | None:
        """Return an empty group with these limits, if there is one."""
        if not self._empty.get(limits):
            self._sort()
        found = self._empty.get(limits)
        return found.pop() if found else None

    def give(self, limits: Hashable, directories: Kept) -> None:
        """Keep the group of a session that is over, if it becomes empty soon; else it is removed."""
        if len(self) >= KEPT_MAX:
            directories.remove()
        else:
            self._ending.append((time.monotonic() + EMPTY_S_MAX, limits, directories))

    def _sort(self) -> None:
        now = time.monotonic()
        for _ in range(len(self._ending)):
            give_up_at, limits, directories = self._ending.popleft()
            if directories.is_empty():
                self._empty.setdefault(limits, []).append(directories)
            elif now > give_up_at:
                directories.remove()
            else:
                self._ending.append((give_up_at, limits, directories))

    def close(self) -> None:
        """Remove all that is kept."""
        for directories in (*(last for _at, _limits, last in self._ending), *chain(*self._empty.values())):
            directories.remove()
        self._ending.clear()
        self._empty.clear()
