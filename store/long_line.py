"""Remembers a long line for a moment, so that the many who wait in it learn their places without queries for each."""

from __future__ import annotations

import time
from bisect import bisect_left
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from pymongo import ASCENDING

from store.database import Database

LONG = 100  # so many in line are counted anew for each who asks
KEPT_S = 1.0
# A reading is kept so many times as long as it took, so that it takes a small share of the time; but not for ever.
KEPT_TIMES, KEPT_S_MAX = 50, 10.0
# What may be claimed within so long, at twice the pace of late, is near, and so are the first: they are looked at.
NEAR_S, NEAR_TIMES, NEAR = 2.0, 2, 50
PLACE = {"lane": 1, "follows": 1, "queued": 1, "order": 1}  # the fields that say where a computation waits
SITES = {"origin": 1, "key": 1}
_AT_ONCE = 1000  # documents, so that others of the process get their turns in between


class FarBack(NamedTuple):
    """A first turn that stands so far back in a long line that it waits still; its origin and its key."""

    place: int
    origin: str | None
    key: str | None


class Reading:
    """The places of all first turns that wait, as they were at one moment: ``at``, by the monotonic clock.

    ``found``: of each what PLACE and SITES read, in the order of the index ``line``: those in line, then those behind
    others.
    """

    def __init__(self, found: Sequence[Mapping[str, Any]], at: float) -> None:
        self.at = at
        self._sites = {one["_id"]: (one.get("origin"), one.get("key")) for one in found}
        in_line = [one for one in found if one.get("follows") is None]
        self._turns = [(one["queued"], one["order"]) for one in in_line]
        self._places = {one["_id"]: place for place, one in enumerate(in_line, 1)}
        self._leaders = {one["lane"]: place for place, one in enumerate(in_line, 1) if "lane" in one}
        self._followers: dict[str, int] = {}  # how many stand behind others, by lane
        self._behind: dict[str, tuple[str, int]] = {}  # in which lane, and as the how manyth behind the one in line
        for one in found[len(in_line) :]:
            if "lane" in one:  # without one it waits for its session
                ahead = self._followers[one["lane"]] = self._followers.get(one["lane"], 0) + 1
                self._behind[one["_id"]] = one["lane"], ahead

    def __len__(self) -> int:
        return len(self._turns)

    def sites(self, id: str) -> tuple[str | None, str | None]:
        """Return the origin and the key of one that has a place."""
        return self._sites[id]

    def gone_since(self, earlier: Reading) -> float:
        """Return how many a second have left the line since an earlier reading."""
        return len(earlier._sites.keys() - self._sites.keys()) / (self.at - earlier.at)

    def in_line_before(self, waiting: Mapping[str, Any]) -> int:
        """Return how many stood in line before this one that stands there."""
        return bisect_left(self._turns, (waiting["queued"], waiting["order"]))

    def place(self, id: str) -> int | None:
        """Return how many first turns are claimed until this one is, itself included; None if it did not wait."""
        if id in self._places or id not in self._behind:
            return self._places.get(id)
        lane, ahead = self._behind[id]
        leader = self._leaders.get(lane)
        others = len(self._turns) - (leader is not None)
        # Each lane comes once in a round, in the order in which they stand in line; ours comes in round ``ahead``.
        for other, followers in self._followers.items():
            if other != lane and other in self._leaders:
                is_before = leader is None or self._leaders[other] < leader
                others += min(followers, ahead if is_before else ahead - 1)
        return 1 + others + ahead


class LongLine:
    """The last reading of the line, as long as the line is long and somebody asks."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._reading: Reading | None = None
        self.is_long = False
        self._due = 0.0  # by the monotonic clock: when the line is read again
        self._gone_per_s: float | None = None  # None: nobody knows

    def note(self, length: int) -> None:
        """Note that so many were found in line."""
        self.is_long = self.is_long or length >= LONG

    def read(self) -> Reading | None:
        """Return the line as of a moment ago, None when it is not long. Raises PyMongoError."""
        began = time.monotonic()
        if self.is_long and began >= self._due:
            if began >= self._due + KEPT_S:
                self._reading = self._gone_per_s = None  # nobody has asked for a while
            self._due = began + KEPT_S  # meanwhile others take what there is
            index = [("follows", ASCENDING), ("queued", ASCENDING), ("order", ASCENDING)]
            waiting = self._database.collection("computations").find(
                {"state": "queued"}, PLACE | SITES, batch_size=_AT_ONCE
            )
            reading = Reading(list(waiting.hint("line").sort(index)), began)
            ended = time.monotonic()
            self._due = ended + max(KEPT_S, min(KEPT_S_MAX, KEPT_TIMES * (ended - began)))
            self.is_long = len(reading) >= LONG
            self._gone_per_s = None if self._reading is None else reading.gone_since(self._reading)
            self._reading = reading if self.is_long else None
        return self._reading

    def far_back(self, id: str) -> FarBack | None:
        """Return a first turn that cannot have begun since the line was read, None for others. Raises PyMongoError."""
        reading, gone_per_s = self.read(), self._gone_per_s
        if reading is None or gone_per_s is None or (place := reading.place(id)) is None:
            return None
        near_s = time.monotonic() - reading.at + NEAR_S
        is_far = place > max(NEAR, NEAR_TIMES * gone_per_s * near_s)
        return FarBack(place, *reading.sites(id)) if is_far else None
