"""Computations as devices see them: claimed, renewed, written, ended, given back.

Every write is guarded by state and token; times are MongoDB's own. A device that lost its claim writes nothing.
"""

from __future__ import annotations

import json
import socket
import uuid
from collections.abc import Mapping, Sequence
from typing import Any

from pymongo import ASCENDING, ReturnDocument

from contract import Reason
from store import forced_end
from store import messages as batches
from store.clients import Clients
from store.database import Database, Documents, later, literals
from store.errors import LostClaimError, guarded
from store.files import Files
from store.hints import Hints
from store.models import Claim, Wish
from store.sessions import Sessions
from store.space import Space
from store.states import MOVES, Move, ending, entering, leaving
from store.unserved import unserved

_FRESH_WISHES = {"cancel": False, "interrupt": 0, "answers": []}
# Since when it waits: since it was submitted, or since what it ran on died and it was queued again.
_NEXT = [("queued", ASCENDING), ("order", ASCENDING)]


class Claims:
    """Claim computations and write for them."""

    def __init__(
        self, database: Database, hints: Hints, sessions: Sessions, files: Files, space: Space, clients: Clients
    ) -> None:
        self._database = database
        self._space, self._clients = space, clients
        self._settings = database.settings
        self._hints = hints
        self._sessions = sessions
        self._files = files
        self._host = socket.gethostname()

    @property
    def _computations(self) -> Documents:
        return self._database.collection("computations")

    @guarded
    def claim(
        self, device: str, *, languages: Sequence[str], sessions: Sequence[str], new_sessions: bool,
        suspects: bool = True,
    ) -> Claim | None:  # fmt: skip
        """Return a computation that is this device's now, the oldest that it may take; None when there is none.

        ``sessions``: those that it holds and that are idle; their next turns go first, for they need no new worker.
        ``new_sessions``: whether it has room for another session. ``suspects``: whether it may be one that ran when
        what it ran on died. Raises StoreUnavailableError.
        """
        claim = self._claim_next_turn(device, sessions) if sessions else None
        if claim is None and new_sessions:
            claim = self._claim_first_turn(device, languages, suspects)
        return claim

    @guarded
    def claim_turn(self, device: str, session: str) -> Claim | None:
        """Return the next turn of an idle session that is said to have one; None when it has none.

        Raises StoreUnavailableError.
        """
        return self._claim_turn_of(session, device)

    @guarded
    def renew(self, claims: Sequence[Claim]) -> list[Wish]:
        """Renew the leases and return what the clients asked meanwhile, in the order of the claims.

        Raises StoreUnavailableError; a lost claim is named by its wish.
        """
        if not claims:
            return []
        held = {"_id": {"$in": [claim.id for claim in claims]}, "state": "running",
                "token": {"$in": [claim.token for claim in claims]}}  # fmt: skip
        self._computations.update_many(held, [{"$set": {"lease_until": later(self._settings.lease_s)}}])
        return self.wishes(claims)

    @guarded
    def wishes(self, claims: Sequence[Claim]) -> list[Wish]:
        """Return what the clients asked, in the order of the claims. Raises StoreUnavailableError."""
        ids = [claim.id for claim in claims]
        asked = {found["_id"]: found for found in self._computations.find(
            {"_id": {"$in": ids}, "state": "running"}, {"token": 1, "wishes": 1}
        )}  # fmt: skip
        return [_wish(claim, asked.get(claim.id)) for claim in claims]

    @guarded
    def append(self, claim: Claim, messages: Sequence[bytes], *, asking: bool | None = None) -> None:
        """Store messages, each a JSON text complete but for ``sequence`` and ``attempt``.

        ``asking`` says whether the code waits for an answer now; None: an input_request among the messages says
        it does, without one nothing changes. After StoreUnavailableError call again with the same messages and perhaps
        more behind them: none is stored twice. Raises LostClaimError, StoreUnavailableError, ValueError.
        """
        messages = self._settle(claim, messages)
        if not messages:
            return
        asks = asking if asking is not None else True if any(map(_is_question, messages)) else None
        self._commit(claim, messages, {} if asks is None else {"asking": asks})
        self._hints.announce("news", claim.id)

    @guarded
    def finish(
        self,
        claim: Claim,
        state: str,
        reason: str | None = None,
        usage: Mapping[str, Any] | None = None,
        messages: Sequence[bytes] = (),
    ) -> None:
        """Store the last messages and the end in one move; ``state`` is done, failed, cancelled or lost.

        ``usage``: wall_s, cpu_s, memory_bytes. After StoreUnavailableError call again with the same. A session that is kept
        is idle from then on, another one gone. Raises LostClaimError, StoreUnavailableError, ValueError.
        """
        move, why = ending(state, reason)
        if not (claim.unsure and self._ended(claim)):
            messages = self._settle(claim, messages)
            self._commit(claim, messages, {**entering(move, why), "usage": dict(usage) if usage else None}, over=True)
        claim.unsure = True  # until its session knows too
        self._leave_session(claim, move)
        claim.unsure = False
        self._hints.announce("news", claim.id)

    @guarded
    def release(self, claim: Claim, *, suspect: bool = True) -> None:
        """Give a computation back that did not come to its end: it is tried again, or lost.

        ``suspect``: what it ran on died, and it may be why: it goes behind what waits. Raises LostClaimError,
        StoreUnavailableError.
        """
        mine = {"_id": claim.id, "state": "running", "token": claim.token}
        document = self._computations.find_one(mine, forced_end.NEEDED)
        if document is None or not self._give_back(document, {}, suspect):
            raise LostClaimError(f"computation {claim.id} is not this device's any more")

    @guarded
    def expire(self) -> list[str]:
        """Give back what dead devices held, end the sessions that they held and what nobody can ever run.

        Returns the ids of the computations that were given back. Raises StoreUnavailableError.
        """
        ran_out = {"state": "running", "$expr": {"$lt": ["$lease_until", "$$NOW"]}}
        found = list(self._computations.find(ran_out, forced_end.NEEDED))
        given_back = [document["_id"] for document in found if self._give_back(document, ran_out, True)]
        for session in (*self._sessions.orphans(), *self._sessions.stranded()):
            self._sessions.end(session, "session_gone")
        for document in unserved(self._database):
            self._end(document, "abandon", "session_gone")
        return given_back

    def _claim_first_turn(self, device: str, languages: Sequence[str], suspects: bool) -> Claim | None:
        first = {"turn": 0, "language": {"$in": list(languages)}, **({} if suspects else {"suspect": {"$ne": True}})}
        while True:
            # A crash may forget it: queued again, it runs again, and the first one's writes find that they lost it. The
            # first that outlives a crash, of its messages, its end or its session, is for the claim too.
            early = self._database.early("computations")
            claim = self._take(early, first, device)
            if claim is None or not claim.keep or self._sessions.bind(claim):
                return claim
            # Its session ended between the two.
            document = self._computations.find_one({"_id": claim.id, "token": claim.token}, forced_end.NEEDED)
            if document is not None:
                self._end(document, "fail", "session_gone")

    def _claim_next_turn(self, device: str, sessions: Sequence[str]) -> Claim | None:
        left = set(sessions)
        while left:
            waiting = {"session": {"$in": list(left)}, "turn": {"$gt": 0}, **leaving("claim")}
            found = self._computations.find_one(waiting, {"session": 1}, sort=_NEXT)
            if found is None:
                return None
            left.discard(found["session"])
            claim = self._claim_turn_of(found["session"], device)
            if claim is not None:
                return claim
        return None

    def _claim_turn_of(self, session: str, device: str) -> Claim | None:
        # The session is locked first: no two of its turns can ever be claimed at once.
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
            # An attempt owns the sequences from here on.
            "bounds": {"$concatArrays": ["$bounds", [{"$add": ["$sequence", 1]}]]},
        }
        document = computations.find_one_and_update(
            {**condition, **leaving("claim")}, [{"$set": fields}], sort=_NEXT, return_document=ReturnDocument.AFTER
        )
        return None if document is None else Claim.of(document)

    def _commit(
        self, claim: Claim, messages: Sequence[bytes], fields: Mapping[str, Any], *, over: bool = False
    ) -> None:
        """Store messages and these fields; all becomes valid with one update, which holds only for the claim's owner.

        It waits for the disk, and nothing before it does: MongoDB's journal is in order, so that a crash which spares
        the update spares the batches and the claim.
        """
        inside = batches.fitting_inside(claim, messages) if over else None
        claim.unsure = True
        written = batches.write(self._database, claim, messages) if inside is None else []
        more_bytes = sum(map(len, messages))
        update: dict[str, Any] = {"$set": {**fields, "sequence": claim.sequence + len(messages)}}
        if more_bytes:
            update["$inc"] = {"stored_bytes": more_bytes}
        if inside:
            update["$set"]["closing"] = inside
        if over:
            update["$currentDate"] = {"finished": True}
        mine = {"_id": claim.id, "state": "running", "token": claim.token, "sequence": claim.sequence}
        if not self._database.durable("computations").update_one(mine, update).matched_count:
            batches.discard(self._database, written)
            raise LostClaimError(f"computation {claim.id} is not this device's any more")
        claim.sequence += len(messages)
        claim.stored_bytes += more_bytes
        claim.unsure = False

    def _settle(self, claim: Claim, messages: Sequence[bytes]) -> Sequence[bytes]:
        """Return those messages that are not stored yet, when the last write may or may not have been."""
        if not claim.unsure:
            return messages
        mine = {"_id": claim.id, "state": "running", "token": claim.token}
        document = self._computations.find_one(mine, {"sequence": 1})
        if document is None:
            raise LostClaimError(f"computation {claim.id} is not this device's any more")
        stored = document["sequence"] - claim.sequence
        claim.sequence, claim.unsure = document["sequence"], False
        return messages[stored:]

    def _ended(self, claim: Claim) -> bool:
        """Return whether the claim's own end is stored, its outcome having been unknown."""
        over = [MOVES[move][1] for move in ("finish", "fail", "cancel", "lose")]
        mine = {"_id": claim.id, "token": claim.token, "state": {"$in": over}}
        return self._computations.find_one(mine, {"_id": 1}) is not None

    def _leave_session(self, claim: Claim, move: Move) -> None:
        if not claim.keep and claim.turn == 0:
            return  # such a session is in its computation alone
        if claim.keep and move != "lose":
            self._sessions.unlock(claim.session, claim.device)
        else:
            self._sessions.end(claim.session, "lost" if move == "lose" else "session_gone")

    def _give_back(self, document: Mapping[str, Any], condition: Mapping[str, Any], suspect: bool) -> bool:
        """Let a computation run again, or end it; False when it is not in the same hands any more."""
        move, reason = self._after_death(document)
        if reason is not None:
            return self._end(document, move, reason, condition)
        mine = {"_id": document["_id"], "token": document["token"], **condition, **leaving(move)}
        anew = {"token": None, "device": None, "host": None, "wishes": _FRESH_WISHES}
        update: dict[str, Any] = {"$set": {**entering(move), **anew}, "$inc": {"attempt": 1}}
        if suspect:
            # Behind what waits now, before what is submitted later: it is not kept waiting for ever.
            update["$set"]["suspect"] = True
            update["$currentDate"] = {"queued": True}
        if not self._database.durable("computations").update_one(mine, update).matched_count:
            return False
        if document["keep"]:
            self._sessions.unbind(document["session"], document["token"])
        self._hints.announce("submitted", document["_id"])
        return True

    def _end(
        self, document: Mapping[str, Any], move: Move, reason: Reason, condition: Mapping[str, Any] | None = None
    ) -> bool:
        if not forced_end.end(self._database, document, move, reason, condition):
            return False
        self._hints.announce("news", document["_id"])
        if document["keep"] or document["turn"] > 0:
            self._sessions.end(document["session"], "lost" if move == "lose" else "session_gone")
        return True

    def _after_death(self, document: Mapping[str, Any]) -> tuple[Move, Reason | None]:
        if document["wishes"]["cancel"]:
            return "cancel", "cancelled"
        if document["turn"] > 0:
            return "fail", "session_gone"
        if document["attempt"] < self._settings.attempts_max:
            return "retry", None
        return "lose", "lost"


def _wish(claim: Claim, document: Mapping[str, Any] | None) -> Wish:
    if document is None or document["token"] != claim.token:
        return Wish(claim, lost=True)
    wishes = document["wishes"]
    return Wish(claim, wishes["cancel"], wishes["interrupt"], tuple(wishes["answers"]))


def _is_question(message: bytes) -> bool:
    # The word may be in what the code prints: only then the message is parsed.
    return b'"input_request"' in message and json.loads(message)["header"]["msg_type"] == "input_request"
