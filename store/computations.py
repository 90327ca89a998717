"""Computations from submission to end. Every move goes through ``states.MOVES``; every write of a device shows its token."""

from __future__ import annotations

import uuid
from collections.abc import Mapping, Sequence
from typing import Any

from pymongo import ReturnDocument

from store.database import DURABLE, Database
from store.errors import (
    LostClaim,
    NobodyAsks,
    Over,
    QueueFull,
    available,
)
from store.files import Files
from store.hints import Hints
from store.messages import Messages
from store.records import Claim, Computation, Submission, Wish
from store.sessions import Sessions
from store.states import OVER, Reason, guard, target

RELEASED: tuple[Reason, ...] = ("session_gone", "lost")


class Computations:
    """The queue, the running and the ended."""

    def __init__(
        self, database: Database, settings: Any, messages: Messages, sessions: Sessions, files: Files, hints: Hints
    ) -> None:
        self._database, self._settings = database, settings
        self._messages, self._sessions, self._files, self._hints = messages, sessions, files, hints

    # --- clients ------------------------------------------------------------------------------------------------
    @available()
    def submit(self, submission: Submission) -> Computation:
        """Put a computation into the queue; when this returns it is on disk on a majority.

        Raises QueueFull, UnknownSession, SessionGone, StoreUnavailable.
        """
        limit = self._settings.queue_length_max
        if self._database.collection("computations").count_documents({"state": "queued"}, limit=limit) >= limit:
            raise QueueFull(f"{limit} computations wait already")
        computation_id = str(uuid.uuid4())
        session, turn = self._sessions.take_turn(submission)
        names = [name for name, _file in submission.uploads]
        for name, file in submission.uploads:
            self._files.upload(computation_id, name, file)
        document = {
            "session": session, "turn": turn, "language": submission.language, "code": submission.code,
            "keep": submission.keep, "stdin": submission.stdin, "uploads": names, "state": "queued", "attempt": 1,
            "sequence": -1, "bounds": [0], "asking": False, "cancel": False, "interrupts": 0, "answers": [],
        }  # fmt: skip
        if submission.message is not None:
            document["message"] = dict(submission.message)
        stored = self._database.collection("computations", DURABLE).find_one_and_update(
            {"_id": computation_id},
            {"$setOnInsert": document, "$currentDate": {"submitted": True}},
            upsert=True,
            return_document=ReturnDocument.AFTER,
        )
        self._hints.announce("submitted", computation_id)
        return Computation.of(stored)

    @available()
    def get(self, computation_id: str) -> Computation | None:
        """Return a computation as it is now."""
        document = self._database.collection("computations").find_one({"_id": computation_id})
        return Computation.of(document) if document else None

    @available()
    def queue_position(self, computation_id: str) -> int | None:
        """Return its place in the queue, 1 being next; None when it does not wait."""
        computation = self.get(computation_id)
        if computation is None or computation.state != "queued":
            return None
        earlier = {"state": "queued", "submitted": {"$lt": computation.submitted}}
        return 1 + self._database.collection("computations").count_documents(earlier)

    @available()
    def request_cancel(self, computation_id: str) -> None:
        """End a computation: at once while it waits, else by its device. Raises Over."""
        withdrawn = self._database.collection("computations", DURABLE).find_one_and_update(
            {"_id": computation_id, **guard("withdraw")},
            [{"$set": {"state": target("withdraw"), "reason": "cancelled", "finished": "$$NOW"}}],
        )
        if withdrawn is None:
            self._wish(computation_id, {"$set": {"cancel": True}})
        else:
            if withdrawn["turn"] == 0:
                self.orphan(withdrawn["session"], "session_gone")
            self._hints.announce("news", computation_id)

    @available()
    def request_interrupt(self, computation_id: str) -> None:
        """Ask for KeyboardInterrupt; a computation that waits gets it as soon as it runs. Raises Over."""
        self._wish(computation_id, {"$inc": {"interrupts": 1}})

    @available()
    def answer(self, computation_id: str, value: str) -> None:
        """Answer the question that the computation waits on, once. Raises NobodyAsks, Over."""
        self._wish(computation_id, {"$push": {"answers": value}, "$set": {"asking": False}}, {"asking": True})

    def _wish(self, computation_id: str, change: Mapping[str, Any], condition: Mapping[str, Any] | None = None) -> None:
        computations = self._database.collection("computations", DURABLE)
        alive = {"_id": computation_id, "state": {"$nin": list(OVER)}, **(condition or {})}
        if computations.update_one(alive, change).matched_count == 0:
            found = computations.find_one({"_id": computation_id}, {"state": 1})
            if found is not None and found["state"] not in OVER:
                raise NobodyAsks("the computation waits for no answer")
            raise Over("the computation is over")
        self._hints.announce("wish", computation_id)

    # --- devices ------------------------------------------------------------------------------------------------
    @available()
    def claim(
        self, device: str, *, languages: Sequence[str], sessions: Sequence[str], new_sessions: bool, host: str = ""
    ) -> Claim | None:
        """Take the oldest computation that this device may run; None when there is none.

        ``sessions``: those it holds that are idle now; ``new_sessions``: whether it can begin another.
        """
        choices: list[dict[str, Any]] = []
        if new_sessions:
            choices.append({"turn": 0, "language": {"$in": list(languages)}})
        if sessions:
            choices.append({"session": {"$in": list(sessions)}, "turn": {"$gt": 0}})
        if not choices:
            return None
        token = uuid.uuid4().hex
        document = self._database.collection("computations").find_one_and_update(
            {**guard("claim"), "$or": choices},
            [
                {
                    "$set": {
                        "state": target("claim"),
                        "device": {"$literal": device},
                        "host": {"$literal": host},
                        "token": token,
                        "started": {"$ifNull": ["$started", "$$NOW"]},
                        "locked": "$$NOW",
                        "lease_until": self._lease(),
                    }
                }
            ],
            sort=[("submitted", 1)],
            return_document=ReturnDocument.AFTER,
        )
        if document is None:
            return None
        claim = Claim(Computation.of(document), token)
        self._sessions.bind(claim.computation, device)
        return claim

    def _lease(self) -> dict[str, Any]:
        return {"$add": ["$$NOW", int(self._settings.lease_s * 1000)]}

    @available()
    def renew(self, claims: Sequence[Claim]) -> list[Wish]:
        """Renew the leases of claims; return what clients wish of them, and which are lost."""
        if not claims:
            return []
        mine = {"_id": {"$in": [claim.id for claim in claims]}, "token": {"$in": [claim.token for claim in claims]}}
        self._database.collection("computations").update_many(
            {**mine, "state": "running"}, [{"$set": {"lease_until": self._lease()}}]
        )
        return self.wishes(claims)

    @available()
    def wishes(self, claims: Sequence[Claim]) -> list[Wish]:
        """Return what clients wish of claimed computations so far."""
        fields = {"token": 1, "cancel": 1, "interrupts": 1, "answers": 1}
        found = self._database.collection("computations").find(
            {"_id": {"$in": [claim.id for claim in claims]}, "state": "running"}, fields
        )
        held = {document["token"]: document for document in found}
        return [
            Wish(claim, document["cancel"], document["interrupts"], tuple(document["answers"]))
            if (document := held.get(claim.token))
            else Wish(claim, lost=True)
            for claim in claims
        ]

    @available()
    def append(self, claim: Claim, messages: Sequence[bytes], asking: bool | None = None) -> None:
        """Add messages to a running computation. ``asking``: whether it waits for an answer now. Raises LostClaim."""
        self._write(claim, messages, {} if asking is None else {"asking": asking}, durable=False)

    @available()
    def finish(
        self,
        claim: Claim,
        state: str,
        reason: Reason | None = None,
        usage: Mapping[str, Any] | None = None,
        messages: Sequence[bytes] = (),
    ) -> None:
        """End a running computation, with its last messages, in one move. Raises LostClaim."""
        change = {"state": target(state), "reason": reason, "usage": dict(usage or {}) or None, "asking": False}
        self._write(claim, messages, change, durable=True)
        self._sessions.turn_over(claim.computation)

    def _write(self, claim: Claim, texts: Sequence[bytes], change: dict[str, Any], durable: bool) -> None:
        computations = self._database.collection("computations", *([DURABLE] if durable else []))
        held = {"_id": claim.id, "token": claim.token, "state": "running"}
        written = []
        if texts:
            current = computations.find_one(held, {"sequence": 1})
            if current is None:
                raise LostClaim(claim.id)
            first = current["sequence"] + 1
            written = self._messages.write(claim, first, texts)
            held["sequence"] = first - 1
            change["sequence"] = first + len(texts) - 1
        update: dict[str, Any] = {"$set": change}
        if "state" in change:
            update["$currentDate"] = {"finished": True}
        if computations.update_one(held, update).matched_count == 0:
            self._messages.forget(written)
            raise LostClaim(claim.id)
        self._hints.announce("news", claim.id)

    @available()
    def release(self, claim: Claim, *, counts: bool = True) -> None:
        """Hand back a computation that could not be brought to its end. ``counts``: as an attempt. Raises LostClaim."""
        document = {"_id": claim.id, "token": claim.token}
        if not self._hand_back(claim.computation, document, counts):
            raise LostClaim(claim.id)

    @available()
    def expire(self) -> list[str]:
        """Hand back what dead devices held; return the ids. Every device calls it now and then."""
        overdue = {"state": "running", "$expr": {"$lt": ["$lease_until", "$$NOW"]}}
        expired = []
        for document in self._database.collection("computations").find(overdue):
            held = {"_id": document["_id"], "token": document["token"], "$expr": overdue["$expr"]}
            if self._hand_back(Computation.of(document), held, counts=True):
                expired.append(document["_id"])
        for session in self._sessions.overdue():
            self._sessions.end(session, "session_gone")
            self.orphan(session, "session_gone")
        return expired

    def _hand_back(self, computation: Computation, held: Mapping[str, Any], counts: bool) -> bool:
        again = computation.turn == 0 and (not counts or computation.attempt < self._settings.attempts_max)
        if again:
            stages: list[dict[str, Any]] = [
                {
                    "$set": {
                        "state": target("release"),
                        "asking": False,
                        "attempt": {"$add": ["$attempt", 1]},
                        "bounds": {"$concatArrays": ["$bounds", [{"$add": ["$sequence", 1]}]]},
                    }
                },
                {"$unset": ["token", "lease_until", "device"]},
            ]
        else:
            state, reason = ("failed", "session_gone") if computation.turn else ("lost", "lost")
            stages = [{"$set": {"state": target(state), "reason": reason, "asking": False, "finished": "$$NOW"}}]
        moved = self._database.collection("computations", DURABLE).update_one({**held, **guard("release")}, stages)
        if moved.matched_count == 0:
            return False
        if again:
            self._sessions.unbind(computation.session)
            self._hints.announce("submitted", computation.id)
        else:
            self._sessions.end(computation.session, "session_gone")
            self.orphan(computation.session, "session_gone")
        self._hints.announce("news", computation.id)
        return True

    @available()
    def orphan(self, session: str, reason: Reason) -> None:
        """End the computations that wait for a session that has ended."""
        self._sessions.end(session, reason)
        computations = self._database.collection("computations", DURABLE)
        waiting = {"session": session, **guard("orphan")}
        for document in list(computations.find(waiting, {"_id": 1})):
            change = [{"$set": {"state": target("orphan"), "reason": "session_gone", "finished": "$$NOW"}}]
            if computations.update_one({"_id": document["_id"], **guard("orphan")}, change).modified_count:
                self._hints.announce("news", document["_id"])
