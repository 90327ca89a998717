"""Deletes computations that have been over for long enough, with all that belongs to them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta, timezone
from typing import Any

from pymongo import ReplaceOne

from store.clients import Clients
from store.database import Database, Documents
from store.files import Files
from store.repeats import LEFT, left_of

AT_ONCE = 500  # computations in one round, so that each call stays short
DEVICE_KEPT_S = 86400
COUNTED = {"client": 1, "stored_bytes": 1, **LEFT}  # the fields that are read of a computation that is deleted


def sweep(database: Database, files: Files, clients: Clients) -> int:
    """Delete what ended longer than ``retention_s`` ago; return the number of computations.

    Files, and permalinks that nobody uses, have times of their own. Raises PyMongoError.
    """
    computations, settings = database.collection("computations"), database.settings
    now = database.now()
    before = now - timedelta(seconds=settings.retention_s)
    deleted = 0
    while True:
        # An unfinished computation has null there, which is not less than a time.
        batch = list(computations.find({"finished": {"$lt": before}}, COUNTED).limit(AT_ONCE))
        deleted += forget(database, files, clients, batch)
        if len(batch) < AT_ONCE:
            break
    if settings.files_retention_s < settings.retention_s:
        freed = files.forget_old(now - timedelta(seconds=settings.files_retention_s))
        clients.count({client: -freed_bytes for client, freed_bytes in freed.items()})
    files.forget_stray(before)
    unused = now - timedelta(seconds=settings.permalinks_retention_s)
    _delete(database.collection("permalinks"), {"used": {"$lt": unused}})
    _delete(database.collection("sessions"), {"ended": {"$lt": before}})
    database.collection("devices").delete_many({"reported": {"$lt": now - timedelta(seconds=DEVICE_KEPT_S)}})
    return deleted


def forget(database: Database, files: Files, clients: Clients, batch: Sequence[Mapping[str, Any]]) -> int:
    """Delete these computations with all that belongs to them; return how many there were.

    ``batch``: what COUNTED reads of each. Raises PyMongoError.
    """
    ids = [found["_id"] for found in batch]
    _leave(database, batch)
    # The computations are deleted last, so that what a crash leaves is found again.
    files.forget(ids)
    database.collection("messages").delete_many({"computation": {"$in": ids}})
    deleted = database.collection("computations").delete_many({"_id": {"$in": ids}}).deleted_count
    gone: Counter[str] = Counter()
    for found in batch:
        if found.get("client"):
            gone[found["client"]] -= int(found["stored_bytes"])
    clients.count(gone)
    return deleted


def _delete(collection: Documents, which: Mapping[str, Any]) -> None:
    while ids := [found["_id"] for found in collection.find(which, {"_id": 1}).limit(AT_ONCE)]:
        collection.delete_many({"_id": {"$in": ids}})


def _leave(database: Database, batch: Sequence[Mapping[str, Any]]) -> None:
    left = left_of(batch, datetime.now(timezone.utc))
    if left:
        anew = [ReplaceOne({"_id": found["_id"]}, found, upsert=True) for found in left]
        database.early("deleted").bulk_write(anew, ordered=False)
