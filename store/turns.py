"""The turns of a session: what the doors for computations and for sessions both do to them."""

from __future__ import annotations

from typing import Any

from pymongo import ASCENDING, DESCENDING

from contract import Reason
from store import forced_end
from store.database import Database
from store.hints import Hints
from store.states import Move, leaving


def last_turn(database: Database, session: str) -> dict[str, Any] | None:
    """Return the newest turn of a session, without its code. Raises PyMongoError."""
    fields = {"turn": 1, "keep": 1, "state": 1, "language": 1, "submitted": 1}
    return database.collection("computations").find_one({"session": session}, fields, sort=[("turn", DESCENDING)])


def end_queued(database: Database, hints: Hints, session: str, move: Move, reason: Reason) -> None:
    """End every turn of the session that still waits. Raises PyMongoError."""
    computations = database.collection("computations")
    while True:
        # One by one: each that ends is announced, and a turn submitted meanwhile is found too.
        waiting = {"session": session, **leaving(move)}
        document = computations.find_one(waiting, forced_end.NEEDED, sort=[("submitted", ASCENDING)])
        if document is None:
            return
        if forced_end.end(database, document, move, reason):
            hints.announce("news", document["_id"])
