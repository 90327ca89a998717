"""Remembers a long line for a moment, so that the many who wait in it learn their places without queries for each."""

from __future__ import annotations

import time
from bisect import bisect_left
from collections.abc import Mapping, Sequence
from typing import Any

from pymongo import ASCENDING

from store.database import Database

LONG = 100  # so many in line are counted anew for each who asks
KEPT_S = 1.0
# A reading is kept so many times as long as it took, so that it takes a small share of the time; but not for ever.
KEPT_TIMES, KEPT_S_MAX = 50, 10.0
PLACE = {"lane": 1, "follows": 1, "queued": 1, "order": 1}  # the fields that say where a computation waits
_AT_ONCE = 1000  # documents, so that others of the process get their turns in between


class Reading:
    """The places of all first turns that wait, as they were at one moment.

    ``found``: of each what PLACE reads, in the order of the index ``line``: those in line, then those behind others.
    """

    def __init__(self, found: Sequence[Mapping[str, Any]]) -> None:
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

    def note(self, length: int) -> None:
        """Note that so many were found in line."""
        self.is_long = self.is_long or length >= LONG

    def read(self) -> Reading | None:
        """Return the line as of a moment ago, None when it is not long. Raises PyMongoError."""
        began = time.monotonic()
        if self.is_long and began >= self._due:
            if began >= self._due + KEPT_S:
                self._reading = None  # nobody has asked for a while
            self._due = began + KEPT_S  # meanwhile others take what there is
            index = [("follows", ASCENDING), ("queued", ASCENDING), ("order", ASCENDING)]
            waiting = self._database.collection("computations").find({"state": "queued"}, PLACE, batch_size=_AT_ONCE)
            reading = Reading(list(waiting.hint("line").sort(index)))
            ended = time.monotonic()
            self._due = ended + max(KEPT_S, min(KEPT_S_MAX, KEPT_TIMES * (ended - began)))
            self.is_long = len(reading) >= LONG
            self._reading = reading if self.is_long else None
        return self._reading
