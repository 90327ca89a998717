"""Stores submissions as computations: the first turn of a new session, or the next turn of one that lives."""

from __future__ import annotations

import uuid
from collections.abc import Mapping, Sequence
from contextlib import suppress
from typing import Any

from bson import ObjectId
from pymongo import ReturnDocument, UpdateOne
from pymongo.errors import BulkWriteError, DuplicateKeyError, OperationFailure, PyMongoError

from store.comm_messages import json_bytes, pack_message
from store.controls import control_of
from store.database import Database
from store.errors import OtherLanguageError, SessionGoneError, UnknownSessionError
from store.lanes import Lanes
from store.models import Submission
from store.shares import Shares
from store.states import OVER, entering
from store.together import Together

Update = tuple[str, list[dict[str, Any]]]  # the id of a computation, and the pipeline that stores it
TIMES = {"submitted": 1, "queued": 1}  # the fields that MongoDB's clock gave
TOGETHER_MAX = 100  # submissions in one command
DUPLICATE_KEY = 11000  # MongoDB's code of an error
_FRESH: dict[str, Any] = {
    "turn": 0, "attempt": 1, "suspect": False, "follows": None, "followed": False, "token": None, "device": None,
    "host": None, "sequence": -1,
    "bounds": [], "started": None, "locked": None, "finished": None, "usage": None,
    "wishes": {"cancel": False, "interrupt": 0, "answers": []},
}  # fmt: skip


class RepeatedError(Exception):
    """Another request with the same idempotency key has stored its computation meanwhile."""


class Submissions:
    """The writer of new computations."""

    def __init__(self, database: Database, lanes: Lanes, shares: Shares) -> None:
        self._database, self._lanes, self._shares = database, lanes, shares
        self._together = Together(self._store_all, TOGETHER_MAX)

    def insert(self, submission: Submission, fields: Mapping[str, Any]) -> dict[str, Any]:
        """Store a computation with these fields beside its own; return its document.

        Raises OverShareError, UnknownSessionError, OtherLanguageError, SessionGoneError, RepeatedError, PyMongoError.
        """
        document = {
            **_FRESH,
            **fields,
            "session": submission.session or str(uuid.uuid4()),
            **entering("submit"),
            "order": ObjectId(),
        }
        if submission.once is not None:
            document["once"] = {"name": submission.once.names[0], "digest": submission.digest}
        if submission.session is None:
            return self._insert_first_turn(submission, document)
        document["follows"] = document["order"]  # it waits for its session, not in line
        return self._insert_turn(submission, document)

    def _insert_first_turn(self, submission: Submission, document: dict[str, Any]) -> dict[str, Any]:
        if submission.lane is None:
            return self._store(submission.id, document, "$$NOW")
        document["lane"] = submission.lane
        try:
            return self._store(submission.id, document, "$$NOW")
        except DuplicateKeyError:  # another one of its lane is in line
            self._shares.check_page(submission)
        stored = self._store(submission.id, {**document, "follows": document["order"]}, "$$NOW")
        self._lanes.announce(submission.lane)
        return stored

    def _insert_turn(self, submission: Submission, document: dict[str, Any]) -> dict[str, Any]:
        id, session = submission.id, document["session"]
        while True:
            last = self._last_turn(session)
            if last is None:
                raise UnknownSessionError(f"there is no session {session}")
            if document["language"] not in (None, last["language"]):
                raise OtherLanguageError(last["language"])
            if not _lives_on(last):
                raise SessionGoneError(f"session {session} has ended")
            if last["state"] == "queued":
                self._shares.check_turns(submission)
            document |= {"turn": last["turn"] + 1, "language": last["language"]}
            # A turn is later than the one before, even when the clock was set back.
            next_ms = {"$add": [last["submitted"], 1]}
            # If the session ends in between, a device ends this turn when it looks for what is stranded (``Expiry``).
            with suppress(DuplicateKeyError):  # another request took this turn
                return self._store(id, document, {"$max": ["$$NOW", next_ms]})

    def _last_turn(self, session: str) -> dict[str, Any] | None:
        """Return the last turn of a session, with what is known of that: ``held``, of none or one. One command."""
        fields = ("turn", "keep", "state", "language", "submitted", "held.state", "held.end_requested")
        look: list[dict[str, Any]] = [
            {"$match": {"session": session}},
            {"$sort": {"turn": -1}},
            {"$limit": 1},
            {"$lookup": {"from": "sessions", "localField": "session", "foreignField": "_id", "as": "held"}},
            {"$project": dict.fromkeys(fields, 1)},
        ]
        return next(iter(self._database.collection("computations").aggregate(look)), None)

    def _store(self, id: str, document: dict[str, Any], submitted: Any) -> dict[str, Any]:
        # A pipeline, because only there MongoDB's clock can be asked; $literal, because code may begin with a dollar.
        given = {"$literal": {"_id": id, **document}}
        update = [{"$replaceWith": {"$mergeObjects": [given, {"submitted": submitted, "queued": submitted}]}}]
        try:
            times = self._together.ask((id, update))
        except DuplicateKeyError as error:
            if "once.name" in (error.details or {}).get("keyPattern", {}):
                raise RepeatedError from error
            raise
        return {"_id": id, **document, **times}

    def _store_all(self, updates: Sequence[Update]) -> list[dict[str, Any] | BaseException]:
        """Store computations with one wait for the disk; return of each its times, or why it was not stored."""
        computations = self._database.durable("computations")
        if len(updates) == 1:
            [(id, update)] = updates
            stored = computations.find_one_and_update(
                {"_id": id}, update, TIMES, upsert=True, return_document=ReturnDocument.AFTER
            )
            return [_times(stored)]
        errors: dict[int, Mapping[str, Any]] = {}
        writes = [UpdateOne({"_id": id}, update, upsert=True) for id, update in updates]
        try:
            computations.bulk_write(writes, ordered=False)
        except BulkWriteError as error:
            errors = {one["index"]: one for one in error.details["writeErrors"]}
            if error.details["writeConcernErrors"] or not errors:
                raise  # nobody knows whether they are on the disk
        stored = {one["_id"]: one for one in computations.find({"_id": {"$in": [id for id, _ in updates]}}, TIMES)}
        return [
            _refusal(errors[index]) if index in errors else _times(stored.get(id))
            for index, (id, _update) in enumerate(updates)
        ]


def _lives_on(last: Mapping[str, Any]) -> bool:
    """Return whether the session of this last turn takes another one."""
    if not last["keep"]:
        return False
    if not last["held"]:
        return last["state"] not in OVER
    [held] = last["held"]
    return held["state"] != "gone" and not held.get("end_requested", False)


def _times(stored: Mapping[str, Any] | None) -> dict[str, Any] | BaseException:
    return {name: stored[name] for name in TIMES} if stored else PyMongoError("the upsert stored nothing")


def _refusal(error: Mapping[str, Any]) -> PyMongoError:
    kind = DuplicateKeyError if error["code"] == DUPLICATE_KEY else OperationFailure
    return kind(error["errmsg"], error["code"], error)


def given_fields(submission: Submission) -> dict[str, Any]:
    """Return what came from the client as it is stored, but for its files."""
    return {
        "code": submission.code,
        "language": submission.language,
        "keep": submission.keep,
        "stdin": submission.stdin,
        "message": pack_message(submission.message),
        "user_expressions": json_bytes(submission.user_expressions) if submission.user_expressions else None,
        "scheme": submission.scheme,
        "client": submission.requester.client,
        "origin": submission.requester.origin,
        "key": submission.requester.key,
        **control_of(submission),
        **({} if submission.asked is None else {"asked": submission.asked}),
    }


def size_bytes(fields: Mapping[str, Any]) -> int:
    """Return how long the texts are that came from the client."""
    message = fields["message"] or {}
    parts = [message.get("content", b""), message.get("metadata", b""), *message.get("buffers", ())]
    return len(fields["code"].encode()) + len(fields["user_expressions"] or b"") + sum(map(len, parts))
