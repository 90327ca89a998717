"""The turns of a session: what the doors for computations and for sessions both do to them."""

from __future__ import annotations

from typing import Any

from pymongo import ASCENDING, DESCENDING

from store.database import Database
from store.hints import Hints
from store.states import Move, Reason, entering, leaving


def last_turn(database: Database, session: str) -> dict[str, Any] | None:
    """Return the newest turn of a session, without its code. Raises PyMongoError."""
    fields = {"turn": 1, "keep": 1, "state": 1, "language": 1, "submitted": 1}
    return database.collection("computations").find_one({"session": session}, fields, sort=[("turn", DESCENDING)])


def end_queued(database: Database, hints: Hints, session: str, move: Move, reason: Reason) -> None:
    """End every turn of the session that still waits. Raises PyMongoError."""
    computations = database.durable("computations")
    while True:
        # One by one: each that ends is announced, and a turn submitted meanwhile is found too.
        ended = computations.find_one_and_update(
            {"session": session, **leaving(move)},
            {"$set": entering(move, reason), "$currentDate": {"finished": True}},
            {"_id": 1},
            sort=[("submitted", ASCENDING)],
        )
        if ended is None:
            return
        hints.announce("news", ended["_id"])
