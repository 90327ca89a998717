"""Keeps the line of the queue fair: of each lane one computation stands in line, and the others behind that one.

A lane is one page of a client, or a client without a page. When the computation in line is claimed, the next of its
lane gets in line, at the end. So who submits many waits, between two of them, for everybody else who waits.
``follows`` of a computation is null in line, else its own order. What has no lane (the operator's) always stands in
line itself.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from contextlib import suppress
from typing import Any

from bson import ObjectId
from pymongo import ASCENDING
from pymongo.errors import DuplicateKeyError, PyMongoError

from store.database import Database, Documents
from store.hints import Hints
from store.long_line import PLACE, FarBack, LongLine
from store.requester import Requester

# Many pages of one client have so many lanes at most: what a class may have, and who pretends to be one.
LANES_OF_CLIENT = 64
IN_LINE: dict[str, Any] = {"state": "queued", "follows": None}
BEHIND: dict[str, Any] = {"state": "queued", "follows": {"$type": "objectId"}}


def lane_of(requester: Requester, page: str | None) -> str | None:
    """Return the lane of a requester's page; None for one without a client."""
    if requester.client is None:
        return None
    if page is None:
        return f"{requester.client}.-"
    number = int.from_bytes(hashlib.blake2b(page.encode(), digest_size=4).digest(), "big") % LANES_OF_CLIENT
    return f"{requester.client}.{number}"


class Lanes:
    """The lanes of all that waits. A unique index sees to it that no lane has two computations in line."""

    def __init__(self, database: Database, hints: Hints) -> None:
        self._database, self._hints = database, hints
        self._long_line = LongLine(database)

    @property
    def _computations(self) -> Documents:
        return self._database.collection("computations")

    def behind(self, lane: str, most: int) -> int:
        """Return how many stand behind the one of the lane that is in line; so many at most. Raises PyMongoError."""
        return self._computations.count_documents({**BEHIND, "lane": lane}, limit=most)

    def announce(self, lane: str) -> None:
        """Have the lane's computation in line bring the next one, which was stored just now. Raises PyMongoError."""
        if not self._mark(lane):
            # It was claimed between the two writes: perhaps by a device that found nothing behind it.
            self._go_on(lane)

    def move_up(self, lane: str | None) -> None:
        """Bring the next of a lane, one of which has left the line. What fails here, ``bring_strays`` does later."""
        if lane is not None:
            with suppress(PyMongoError):
                self._go_on(lane)

    def bring_strays(self) -> None:
        """Bring the next of each lane that has nothing in line: who should have done it died. Raises PyMongoError."""
        in_line = {"$sum": {"$cond": [{"$eq": [{"$type": "$follows"}, "objectId"]}, 0, 1]}}
        lanes: list[dict[str, Any]] = [
            {"$match": {"state": "queued", "lane": {"$exists": True}}},
            {"$group": {"_id": "$lane", "in_line": in_line}},
            {"$match": {"in_line": 0}},
        ]
        for lane in list(self._computations.aggregate(lanes, hint="lanes")):
            self._go_on(lane["_id"])

    @property
    def is_long(self) -> bool:
        """Whether the line was long when places were last asked for."""
        return self._long_line.is_long

    def place(self, id: str) -> int | None:
        """Return the place of a first turn, 1 for the next, as of a moment ago; None where the line is not long.

        Raises PyMongoError.
        """
        reading = self._long_line.read()
        return None if reading is None else reading.place(id)

    def far_back(self, id: str) -> FarBack | None:
        """Return a first turn if it stands far back in a long line. Raises PyMongoError."""
        return self._long_line.far_back(id)

    def before(self, waiting: Mapping[str, Any]) -> int:
        """Return how many first turns are claimed before this one that waits, if no other comes.

        ``waiting``: what PLACE reads of it. Raises PyMongoError.
        """
        if waiting.get("follows") is None:
            return self._in_line_before(waiting)
        lane = waiting["lane"]
        sooner = {**BEHIND["follows"], "$lt": waiting["follows"]}
        ahead = 1 + self._computations.count_documents({"state": "queued", "lane": lane, "follows": sooner})
        leader = self._computations.find_one({**IN_LINE, "lane": lane}, PLACE)
        followers = self._followers()
        found = self._computations.find({**IN_LINE, "lane": {"$in": sorted(followers.keys() - {lane})}}, PLACE)
        # Each lane comes once in a round, in the order in which they stand in line; ours comes in round ``ahead``.
        others = self._computations.count_documents(IN_LINE, hint="line") - (leader is not None)
        for other in found:
            is_before = leader is None or (other["queued"], other["order"]) < (leader["queued"], leader["order"])
            others += min(followers[other["lane"]], ahead if is_before else ahead - 1)
        return others + ahead

    def _followers(self) -> dict[str, int]:
        lanes: list[dict[str, Any]] = [
            {"$match": {**BEHIND, "lane": {"$exists": True}}},
            {"$group": {"_id": "$lane", "count": {"$sum": 1}}},
        ]
        return {lane["_id"]: int(lane["count"]) for lane in self._computations.aggregate(lanes, hint="lanes")}

    def _in_line_before(self, waiting: Mapping[str, Any]) -> int:
        reading = self._long_line.read()
        if reading is not None:
            return reading.in_line_before(waiting)
        queued = waiting.get("queued")
        earlier = [{"queued": {"$lt": queued}}, {"queued": queued, "order": {"$lt": waiting["order"]}}]
        found = self._computations.count_documents({**IN_LINE, "$or": earlier})
        self._long_line.note(found)
        return found

    def _go_on(self, lane: str) -> None:
        """Bring the next of a lane; if a new one has just got in line, have that one bring it."""
        while not self._bring(lane) and not self._mark(lane):
            pass  # the new one was claimed between the two writes

    def _mark(self, lane: str) -> bool:
        """Note of the one in line that others stand behind it; return whether there was one."""
        leader = {**IN_LINE, "lane": lane}
        marked = self._database.early("computations").update_one(leader, {"$set": {"followed": True}})
        return marked.matched_count == 1

    def _bring(self, lane: str) -> bool:
        """Let the next of a lane, if there is one, get in line, at its end; return False when another stands there."""
        update = [{"$set": {"follows": None, "queued": "$$NOW", "order": ObjectId(), "followed": True}}]
        try:
            found = self._database.early("computations").find_one_and_update(
                {**BEHIND, "lane": lane}, update, {"_id": 1}, sort=[("follows", ASCENDING)]
            )
        except DuplicateKeyError:
            return False
        if found is not None:
            self._hints.announce("submitted", found["_id"])
        return True
