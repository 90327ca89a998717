"""Orders the computations that wait for a device, and gives a device the next one."""

from __future__ import annotations

import socket
import uuid
from collections.abc import Collection, Iterator, Mapping, Sequence
from typing import Any

from pymongo import ASCENDING, ReturnDocument

from store.database import Database, Documents, later, literals
from store.forced_end import NEEDED, ForcedEnds
from store.lanes import PLACE, Lanes
from store.models import Claim, PassedOver
from store.sessions import NAMED_MAX, Sessions
from store.states import entering, leaving

# ``queued`` is when a computation began to wait: when it was submitted, or when it was queued again because what it ran
# on died.
_NEXT = [("queued", ASCENDING), ("order", ASCENDING)]


class Queue:
    """The computations in the state ``queued``: of those in line (``store/lanes.py``) the one that stands first."""

    def __init__(self, database: Database, sessions: Sessions, forced_ends: ForcedEnds, lanes: Lanes) -> None:
        self._database, self._settings, self._lanes = database, database.settings, lanes
        self._sessions, self._forced_ends = sessions, forced_ends
        self._host = socket.gethostname()

    @property
    def _computations(self) -> Documents:
        return self._database.collection("computations")

    def position(self, id: str) -> int | None:
        """Return the place of a computation in the queue, 1 for the next; None unless it is queued.

        In a long line it is that of a moment ago. Raises PyMongoError.
        """
        place = self._lanes.place(id)
        if place is not None:
            return place
        own = self._computations.find_one({"_id": id, "state": "queued"}, {**PLACE, "turn": 1, "session": 1})
        if own is None:
            return None
        if own["turn"] == 0:
            return 1 + self._lanes.before(own)
        # It waits for the turns of its session alone, and for that to begin.
        of_session = {"session": own["session"], "state": "queued"}
        first = self._computations.find_one({**of_session, "turn": 0}, PLACE)
        earlier = self._computations.count_documents({**of_session, "turn": {"$lt": own["turn"]}})
        return 1 + earlier + (self._lanes.before(first) if first else 0)

    def claim_first_turn(
        self, device: str, languages: Sequence[str], passed: PassedOver, *, suspects: bool, alone: bool
    ) -> Claim | None:
        """Return the first in line in these languages, now the device's; None when there is none.

        ``suspects``: whether it may be a suspect (``store/expiry.py``), ``alone``: whether one that runs without
        others. ``passed``: whose are passed over. Raises PyMongoError.
        """
        first = {
            "turn": 0, "follows": None, "language": {"$in": list(languages)}, **passed.condition(),
            **({} if suspects else {"suspect": {"$ne": True}}), **({} if alone else {"alone": {"$ne": True}}),
        }  # fmt: skip
        while True:
            # A crash of MongoDB may forget this claim: the computation is queued again and runs again, and the writes
            # of the first run fail because its claim is lost. The first durable write after the claim (of messages, an
            # end, a session) makes the claim durable too.
            early = self._database.early("computations")
            claim = self._take(early, first, device)
            if claim is not None and claim.followed:
                self._lanes.move_up(claim.lane)
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
        for session in self._waited_for(left):
            if session in left:
                left.discard(session)
                claim = self.claim_turn_of(session, device)
                if claim is not None:
                    return claim
        return None

    def _waited_for(self, sessions: Collection[str]) -> Iterator[str]:
        """Yield the sessions that next turns wait for, these among them, the one that is waited for longest first."""
        waiting = {"turn": {"$gt": 0}, **leaving("claim")}
        if len(sessions) > NAMED_MAX:
            found = self._computations.find(waiting, {"session": 1}).hint("next_turns")
        else:
            found = self._computations.find({"session": {"$in": list(sessions)}, **waiting}, {"session": 1})
        for turn in found.sort(_NEXT):
            yield turn["session"]

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
