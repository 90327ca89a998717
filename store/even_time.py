"""Says whether a time in the database tells that somebody is dead: its clock may have been set, or nobody reached it.

Whoever lives renews within a third of a lease what it holds. After the database was away, or its clock was set forward,
all times look old, and those who live need a lease's time to renew them; until then nobody is taken for dead. After the
clock was set back, the times of the dead lie in the future, where nobody who lives has one for longer than a lease.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

AWAY_SHARE = 1 / 2  # of a lease between two looks: then a lease may have run out that could not be renewed
JUMP_SHARE = 1 / 6  # of a lease; with the share above it leaves a third, in which a lease is renewed


@dataclass(frozen=True)
class Moment:
    """A moment by MongoDB's clock. ``is_even``: whether times that are too old tell that somebody is dead.

    ``knows_future``: whether times that lie in the future do, too.
    """

    now: datetime
    lease: timedelta
    is_even: bool
    knows_future: bool

    def is_past(self, time: datetime, age: timedelta) -> bool:
        """Return whether a time is longer ago than so, or from before the clock was set back."""
        return time < self.now - age or (self.knows_future and time > self.now + 2 * self.lease)

    def past(self, field: str, age: timedelta) -> dict[str, Any]:
        """Return the condition that the field's time is so, for MongoDB to find."""
        earlier: dict[str, Any] = {field: {"$lt": self.now - age}}
        # A lease that is renewed while this is asked ends a little more than a lease from now.
        future = {field: {"$gt": self.now + 2 * self.lease}}
        return {"$or": [earlier, future]} if self.knows_future else earlier


class EvenTime:
    """What one process has seen of MongoDB's clock, beside its own, which nobody sets."""

    def __init__(self, lease_s: float, own_clock: Callable[[], float] = time.monotonic) -> None:
        self._lease_s, self._own_clock = lease_s, own_clock
        self._last: tuple[datetime, float, float] | None = None
        self._first_at: float | None = None
        self._uneven_at: float | None = None

    def look(self, ask: Callable[[], datetime]) -> Moment:
        """Ask MongoDB for its time; return the moment, as far as the looks so far tell. Raises what ``ask`` raises."""
        before = self._own_clock()
        now = ask()
        after = self._own_clock()
        if self._first_at is None:
            self._first_at = after
        if self._last is not None and not self._went_evenly(*self._last, now, before, after):
            self._uneven_at = after
        self._last = now, before, after
        rested_s = after - (self._first_at if self._uneven_at is None else self._uneven_at)
        is_long = rested_s >= self._lease_s
        return Moment(now, timedelta(seconds=self._lease_s), is_long or self._uneven_at is None, is_long)

    def _went_evenly(
        self, last: datetime, last_before: float, last_after: float, now: datetime, before: float, after: float
    ) -> bool:
        """Return whether the database was there all the time since the last look, and its clock was not set."""
        # When in between MongoDB read its clock nobody knows.
        least_s, most_s = before - last_after, after - last_before
        went_s, jump_s = (now - last).total_seconds(), self._lease_s * JUMP_SHARE
        return most_s <= self._lease_s * AWAY_SHARE and least_s - jump_s <= went_s <= most_s + jump_s
