"""Computations as the web sees them: submitted, looked at, stopped, answered."""

from __future__ import annotations

import uuid
from collections.abc import Mapping
from typing import Any

from bson import ObjectId
from pymongo import ReturnDocument
from pymongo.errors import DuplicateKeyError, PyMongoError

from store import forced_end
from store.clients import Clients
from store.database import Database, Documents
from store.errors import (
    NotAskingError,
    OtherLanguageError,
    Over,
    QueueFullError,
    SessionGone,
    UnknownSessionError,
    guarded,
)
from store.files import Files, size_of
from store.hints import Hints
from store.models import UNREAD, Computation, Submission, json_bytes, pack_message
from store.sessions import Sessions
from store.space import Space
from store.states import OVER, entering, leaving
from store.turns import end_queued, last_turn

DOCUMENT_BYTES = 1024  # what a computation takes beside what it was given and said, with its places in the indexes
# What is longer than a code can be is counted for its client before it is stored.
COUNTED_BEFORE_BYTES = 128 << 10
# So much of the queue's room may be filled before it is measured again.
_ROOM_SHARE = 8


class Computations:
    """The web's door to computations."""

    def __init__(
        self, database: Database, hints: Hints, sessions: Sessions, files: Files, space: Space, clients: Clients
    ) -> None:
        self._database = database
        self._space, self._clients = space, clients
        self._settings = database.settings
        self._hints = hints
        self._sessions = sessions
        self._files = files
        self._room = 0

    @property
    def _computations(self) -> Documents:
        return self._database.collection("computations")

    @guarded
    def submit(self, submission: Submission) -> Computation:
        """Store a computation; what returns outlives a crash.

        Raises QueueFullError, NoSpaceError, ClientFullError, UnknownSessionError, OtherLanguageError, SessionGone, StoreUnavailableError.
        """
        self._space.check()
        self._take_room()
        id, uploads = submission.id, list(submission.uploads)
        fields = _given(submission)
        stored_bytes = DOCUMENT_BYTES + _size_bytes(fields) + sum(map(size_of, (file for _name, file in uploads)))
        counted_bytes = self._count_before(submission.client, stored_bytes)
        try:
            fields["uploads"] = list(self._files.receive(id, uploads))
            fields |= {"stored_bytes": stored_bytes, "counted_bytes": counted_bytes}
            document = self._insert(id, submission, fields)
        except Exception:
            if uploads:
                self._files.forget([id])
            if counted_bytes and submission.client is not None:
                self._clients.count({submission.client: -counted_bytes})
            raise
        topic, subject = ("turn", document["session"]) if document["turn"] else ("submitted", id)
        self._hints.announce(topic, subject)
        return Computation.of(document)

    @guarded
    def get(self, id: str) -> Computation | None:
        """Return the computation, None when there is none. Raises StoreUnavailableError."""
        document = self._computations.find_one({"_id": id}, {**UNREAD, "closing": 0})
        return None if document is None else Computation.of(document)

    @guarded
    def queue_position(self, id: str) -> int | None:
        """Return how many computations have to be claimed until this one is, itself included; None unless it is queued.

        Raises StoreUnavailableError.
        """
        own = self._computations.find_one({"_id": id, "state": "queued"}, {"queued": 1, "order": 1})
        if own is None:
            return None
        earlier = [
            {"queued": {"$lt": own.get("queued")}},
            {"queued": own.get("queued"), "order": {"$lt": own["order"]}},
        ]
        return 1 + self._computations.count_documents({"state": "queued", "$or": earlier})

    @guarded
    def request_cancel(self, id: str) -> None:
        """Ask for the end; a queued computation ends at once and never runs. Raises Over, StoreUnavailableError."""
        # Again when it was given back between the two: it is one or the other, or over.
        while not self._withdraw(id) and not self._wish(id, {"$set": {"wishes.cancel": True}}):
            self._check_not_over(id)

    @guarded
    def request_interrupt(self, id: str) -> None:
        """Ask for a KeyboardInterrupt in the code; a queued computation, which has nothing to interrupt, is cancelled.

        Raises Over, StoreUnavailableError.
        """
        # Never by way of a wish to cancel: what has begun between the two looks would lose its session.
        while not self._wish(id, {"$inc": {"wishes.interrupt": 1}}) and not self._withdraw(id):
            self._check_not_over(id)

    @guarded
    def answer(self, id: str, value: str) -> None:
        """Answer the question that the code asks. Raises Over, NotAskingError, NoSpaceError, StoreUnavailableError."""
        self._space.check()
        more_bytes = len(value.encode())
        update = {"$push": {"wishes.answers": value}, "$set": {"asking": False}, "$inc": {"stored_bytes": more_bytes}}
        if not self._wish(id, update, asking=True):
            self._check_not_over(id)
            raise NotAskingError(f"computation {id} does not wait for an answer")

    def _withdraw(self, id: str) -> bool:
        withdrawn = self._computations.find_one({"_id": id, **leaving("withdraw")}, forced_end.NEEDED)
        if withdrawn is None or not forced_end.end(self._database, withdrawn, "withdraw", "cancelled"):
            return False
        self._hints.announce("news", id)
        if withdrawn["turn"] == 0 and withdrawn["keep"]:
            # The turns that wait behind it would wait for ever.
            self._sessions.end(withdrawn["session"], "cancelled")
        elif withdrawn["turn"] > 0 and not withdrawn["keep"]:
            self._sessions.request_end(withdrawn["session"])
        return True

    def _wish(self, id: str, update: Mapping[str, Any], **condition: Any) -> bool:
        running = {"_id": id, "state": "running", **condition}
        if not self._computations.update_one(running, update).matched_count:
            return False
        self._hints.announce("wish", id)
        return True

    def _check_not_over(self, id: str) -> None:
        found = self._computations.find_one({"_id": id}, {"state": 1})
        if found is None or found["state"] in OVER:
            raise Over(f"computation {id} is over")

    def _take_room(self) -> None:
        # The queue is counted when the room that the last count left may be used up; devices only make more.
        if self._room <= 0:
            limit = self._settings.queue_length_max
            # By its index: MongoDB would not choose that for a condition on none of its fields.
            waiting = self._computations.count_documents({"state": "queued"}, limit=limit, hint="waiting")
            if waiting >= limit:
                raise QueueFullError(f"{waiting} computations wait already")
            # A part of it: other web processes fill the same queue.
            self._room = max(1, (limit - waiting) // _ROOM_SHARE)
        self._room -= 1

    def _count_before(self, client: str | None, stored_bytes: int) -> int:
        """Count now what is large; what is not, its device counts with the rest. Returns what was counted."""
        if client is None or stored_bytes <= COUNTED_BEFORE_BYTES:
            return 0
        self._clients.charge(client, stored_bytes)
        return stored_bytes

    def _insert(self, id: str, submission: Submission, fields: Mapping[str, Any]) -> dict[str, Any]:
        document = {
            **fields,
            "session": submission.session or str(uuid.uuid4()),
            "turn": 0,
            **entering("submit"),
            "order": ObjectId(),
            "attempt": 1,
            "suspect": False,
            "token": None,
            "device": None,
            "host": None,
            "sequence": -1,
            "bounds": [],
            "started": None,
            "locked": None,
            "finished": None,
            "usage": None,
            "wishes": {"cancel": False, "interrupt": 0, "answers": []},
        }
        if submission.session is None:
            return self._store(id, document, "$$NOW")
        return self._insert_turn(id, document)

    def _insert_turn(self, id: str, document: dict[str, Any]) -> dict[str, Any]:
        session = document["session"]
        while True:
            last = last_turn(self._database, session)
            if last is None:
                raise UnknownSessionError(f"there is no session {session}")
            if document["language"] not in (None, last["language"]):
                raise OtherLanguageError(last["language"])
            self._check_lives_on(session, last)
            document |= {"turn": last["turn"] + 1, "language": last["language"]}
            try:
                # A turn is later than the one before, even when the clock was set back.
                next_ms = {"$add": [last["submitted"], 1]}
                stored = self._store(id, document, {"$max": ["$$NOW", next_ms]})
            except DuplicateKeyError:
                continue  # another request took this turn
            if self._is_gone(session):
                # It ended in between: what it left queued may have missed this one.
                end_queued(self._database, self._hints, session, "abandon", "session_gone")
                return self._computations.find_one({"_id": id}, UNREAD) or stored
            return stored

    def _store(self, id: str, document: dict[str, Any], submitted: Any) -> dict[str, Any]:
        # A pipeline, because only there MongoDB's clock can be asked; $literal, because code may begin with a dollar.
        given = {"$literal": {"_id": id, **document}}
        update = [{"$replaceWith": {"$mergeObjects": [given, {"submitted": submitted, "queued": submitted}]}}]
        stored = self._database.durable("computations").find_one_and_update(
            {"_id": id}, update, UNREAD, upsert=True, return_document=ReturnDocument.AFTER
        )
        if stored is None:
            raise PyMongoError("the upsert returned nothing")
        return stored

    def _check_lives_on(self, session: str, last: Mapping[str, Any]) -> None:
        held = self._database.collection("sessions").find_one({"_id": session}, {"state": 1, "end_requested": 1})
        if held is None:
            gone = not last["keep"] or last["state"] in OVER
        else:
            gone = not last["keep"] or held["state"] == "gone" or held.get("end_requested", False)
        if gone:
            raise SessionGone(f"session {session} has ended")

    def _is_gone(self, session: str) -> bool:
        gone = {"_id": session, "state": "gone"}
        return self._database.collection("sessions").find_one(gone, {"_id": 1}) is not None


def _given(submission: Submission) -> dict[str, Any]:
    """Return what came from the client as it is stored, but for its files."""
    return {
        "code": submission.code,
        "language": submission.language,
        "keep": submission.keep,
        "stdin": submission.stdin,
        "message": pack_message(submission.message),
        "user_expressions": json_bytes(submission.user_expressions) if submission.user_expressions else None,
        "client": submission.client,
    }


def _size_bytes(fields: Mapping[str, Any]) -> int:
    message = fields["message"] or {}
    parts = [message.get("content", b""), message.get("metadata", b""), *message.get("buffers", ())]
    return len(fields["code"].encode()) + len(fields["user_expressions"] or b"") + sum(map(len, parts))
