"""Keeps the messages of controls short of a history: what waits is brought up to date, what is over gives way.

A hand on a slider sends more values than a function can follow. Of each model at most one update waits in a session:
a later one is merged into it. Of those that are over the last ones stay, with the outputs that they caused.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pymongo import DESCENDING, ReturnDocument

from store.clients import Clients
from store.comm_messages import pack_message
from store.comm_updates import is_update, merged
from store.database import Database, Documents
from store.files import Files
from store.models import UNREAD, Submission
from store.retention import COUNTED, forget

# The last one is what a page shows after a reload; whoever waits for the one before it reads it still.
KEPT_OVER = 2
THINNED_AT_ONCE = 50


class Controls:
    """The comm messages of controls, which are computations of their sessions with the field ``control``."""

    def __init__(self, database: Database, files: Files, clients: Clients) -> None:
        self._database, self._files, self._clients = database, files, clients

    @property
    def _computations(self) -> Documents:
        return self._database.collection("computations")

    def merge(self, submission: Submission) -> dict[str, Any] | None:
        """Bring the update that waits for the same model up to date; return its document, None where none waits.

        Nothing is merged across a message that is no update, as a click, for it may depend on what was set before it.
        Raises PyMongoError.
        """
        message = submission.message
        if message is None or not is_update(message):
            return None
        queued = {"session": submission.session, "state": "queued"}
        turns = self._computations.find(queued, {"control": 1}).sort("submitted", DESCENDING).hint("queued_turns")
        for turn in turns:
            control = turn.get("control")
            if control is None or not control["update"]:
                return None
            if control["model"] == submission.control:
                return self._merge_into(turn["_id"], message)
        return None

    def thin(self, session: str, model: str, turn: int) -> None:
        """Delete what is over of a model before this turn, but for the last ones. Raises PyMongoError."""
        over = {"session": session, "control.model": model, "turn": {"$lt": turn}, "finished": {"$ne": None}}
        found = self._computations.find(over, COUNTED, hint="controls").sort("turn", DESCENDING)
        forgotten = list(found.skip(KEPT_OVER).limit(THINNED_AT_ONCE))
        if forgotten:
            forget(self._database, self._files, self._clients, forgotten)

    def _merge_into(self, id: str, later: Mapping[str, Any]) -> dict[str, Any] | None:
        """Merge an update into one that waits, unless that is claimed meanwhile."""
        while found := self._computations.find_one({"_id": id, "state": "queued"}, {"message": 1, "control": 1}):
            both = merged(found["message"], later)
            packed = pack_message(both)
            if packed is None or packed_bytes(packed) > self._database.settings.message_bytes_max:
                return None
            more_bytes = packed_bytes(packed) - packed_bytes(found["message"])
            unchanged = {"_id": id, "state": "queued", "control.merges": found["control"]["merges"]}
            stored = self._database.durable("computations").find_one_and_update(
                unchanged,
                {"$set": {"message": packed}, "$inc": {"control.merges": 1, "stored_bytes": more_bytes}},
                UNREAD,
                return_document=ReturnDocument.AFTER,
            )
            if stored is not None:
                return stored
        return None


def control_of(submission: Submission) -> dict[str, Any]:
    """Return what is stored of a message of a control so that it is known as one; nothing for other computations."""
    if submission.control is None or submission.message is None:
        return {}
    return {"control": {"model": submission.control, "update": is_update(submission.message), "merges": 0}}


def packed_bytes(packed: Mapping[str, Any]) -> int:
    """Return how long a packed message is."""
    return sum(map(len, [packed["content"], packed["metadata"], *packed["buffers"]]))
