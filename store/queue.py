"""Orders the computations that wait for a device, and gives a device the next one."""

from __future__ import annotations

import socket
import uuid
from collections.abc import Mapping, Sequence
from typing import Any

from pymongo import ASCENDING, ReturnDocument

from store.database import Database, Documents, later, literals
from store.errors import QueueFullError
from store.forced_end import NEEDED, ForcedEnds
from store.models import Claim
from store.sessions import Sessions
from store.states import entering, leaving

# ``queued`` is when a computation began to wait: when it was submitted, or when it was queued again because what it ran
# on died.
_NEXT = [("queued", ASCENDING), ("order", ASCENDING)]
# This share of the places that are free may be filled before the queue is measured again.
_FILLED_SHARE = 8


class Queue:
    """The computations in the state ``queued``, the one that waits longest first."""

    def __init__(self, database: Database, sessions: Sessions, forced_ends: ForcedEnds) -> None:
        self._database, self._settings = database, database.settings
        self._sessions, self._forced_ends = sessions, forced_ends
        self._host = socket.gethostname()
        self._free_places = 0

    @property
    def _computations(self) -> Documents:
        return self._database.collection("computations")

    def take_place(self) -> None:
        """Use a place for a new computation. Raises QueueFullError, PyMongoError."""
        # The queue is measured when the places that the last measurement left may be used up; devices only free more.
        if self._free_places <= 0:
            limit = self._settings.queue_length_max
            # The index is named: MongoDB would not choose it for a condition on none of its fields.
            waiting = self._computations.count_documents({"state": "queued"}, limit=limit, hint="waiting")
            if waiting >= limit:
                raise QueueFullError(f"{waiting} computations wait already")
            # Only a share of them: other web processes fill the same queue.
            self._free_places = max(1, (limit - waiting) // _FILLED_SHARE)
        self._free_places -= 1

    def position(self, id: str) -> int | None:
        """Return the place of a computation in the queue, 1 for the next; None unless it is queued.

        Raises PyMongoError.
        """
        own = self._computations.find_one({"_id": id, "state": "queued"}, {"queued": 1, "order": 1})
        if own is None:
            return None
        earlier = [
            {"queued": {"$lt": own.get("queued")}},
            {"queued": own.get("queued"), "order": {"$lt": own["order"]}},
        ]
        return 1 + self._computations.count_documents({"state": "queued", "$or": earlier})

    def claim_first_turn(self, device: str, languages: Sequence[str], suspects: bool) -> Claim | None:
        """Return the oldest first turn in these languages, now the device's; None when there is none.

        ``suspects``: whether it may be a suspect (``store/expiry.py``). Raises PyMongoError.
        """
        first = {"turn": 0, "language": {"$in": list(languages)}, **({} if suspects else {"suspect": {"$ne": True}})}
        while True:
            # A crash of MongoDB may forget this claim: the computation is queued again and runs again, and the writes
            # of the first run fail because its claim is lost. The first durable write after the claim (of messages, an
            # end, a session) makes the claim durable too.
            early = self._database.early("computations")
            claim = self._take(early, first, device)
            if claim is None or not claim.keep or self._sessions.bind(claim):
                return claim
            # Its session ended between the two writes.
            document = self._computations.find_one({"_id": claim.id, "token": claim.token}, NEEDED)
            if document is not None and self._forced_ends.end(document, "fail", "session_gone"):
                self._sessions.end(claim.session, "session_gone")

    def claim_next_turn(self, device: str, sessions: Sequence[str]) -> Claim | None:
        """Return the oldest turn that waits for one of these sessions, now the device's; None when there is none.

        Raises PyMongoError.
        """
        left = set(sessions)
        while left:
            waiting = {"session": {"$in": list(left)}, "turn": {"$gt": 0}, **leaving("claim")}
            found = self._computations.find_one(waiting, {"session": 1}, sort=_NEXT)
            if found is None:
                return None
            left.discard(found["session"])
            claim = self.claim_turn_of(found["session"], device)
            if claim is not None:
                return claim
        return None

    def claim_turn_of(self, session: str, device: str) -> Claim | None:
        """Return the next turn of an idle session of the device's; None when there is none. Raises PyMongoError."""
        # The session is locked first, so that no two of its turns are ever claimed at once.
        if not self._sessions.lock(session, device):
            return None
        claim = self._take(self._computations, {"session": session, "turn": {"$gt": 0}}, device)
        if claim is None:
            self._sessions.unlock(session, device)
        return claim

    def _take(self, computations: Documents, condition: Mapping[str, Any], device: str) -> Claim | None:
        fields = {
            **entering("claim"),
            **literals({"device": device, "host": self._host, "token": str(uuid.uuid4())}),
            "locked": "$$NOW",
            "started": {"$ifNull": ["$started", "$$NOW"]},
            "lease_until": later(self._settings.lease_s),
            # From here on the sequences belong to this attempt.
            "bounds": {"$concatArrays": ["$bounds", [{"$add": ["$sequence", 1]}]]},
        }
        document = computations.find_one_and_update(
            {**condition, **leaving("claim")}, [{"$set": fields}], sort=_NEXT, return_document=ReturnDocument.AFTER
        )
        return None if document is None else Claim.of(document)
