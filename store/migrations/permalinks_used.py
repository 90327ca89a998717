"""Gives every permalink the time of its last use: one without it was never deleted for not being used."""

from __future__ import annotations

from store.database import Database
from store.migrations.migration import Migration


def batch(database: Database, at_once: int) -> int:
    """Change at most so many permalinks; return how many. Raises PyMongoError."""
    permalinks = database.durable("permalinks")
    # The index ``used`` has null for those that have no time.
    left = [found["_id"] for found in permalinks.find({"used": None}, {"_id": 1}).limit(at_once)]
    if not left:
        return 0
    return permalinks.update_many({"_id": {"$in": left}, "used": None}, {"$currentDate": {"used": True}}).modified_count


MIGRATION = Migration(1, "Every permalink says when it was used last.", batch)
