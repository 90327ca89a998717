"""Makes room for new computations: when nearly as much is stored as may be, it deletes the oldest that have ended.

That goes for each client and for all together.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta, timezone
from typing import Any

from pymongo import ASCENDING

from store.clients import Clients
from store.database import Database
from store.files import Files
from store.repeats import bound_left
from store.retention import COUNTED, forget
from store.space import Space

# Room is made when the first share of a bound is used, until the second is: meanwhile there is room for what comes.
BEGIN_SHARE, END_SHARE = 7 / 8, 3 / 4
AT_ONCE = 500  # computations in one round, so that each call stays short; likewise their bytes
AT_ONCE_BYTES = 256 << 20
UNCOUNTED_BYTES = 4096  # what a computation of an older server is taken to have, which counted none
RECENT_S, SMALL_BYTES = 600, 1 << 20
READ_S = 60  # for so long what is small is never deleted: its reader has just been told that it is there
_BEGINNING = datetime(1970, 1, 1, tzinfo=timezone.utc)


@dataclass(frozen=True)
class Room:
    """How full the store is after room was made.

    ``is_full``: whether more is stored than may be, all the same. ``full_clients``: those that have more than they may.
    """

    stored_bytes: int = 0
    is_full: bool = False
    full_clients: list[str] = field(default_factory=list)
    deleted: int = 0


def make_room(database: Database, files: Files, space: Space, clients: Clients) -> Room:
    """Delete the oldest ended computations of clients with too much, then of all. Raises PyMongoError."""
    settings = database.settings
    deleted = 0
    client_max = settings.client_stored_bytes_max
    for client, stored_bytes in clients.largest(int(client_max * BEGIN_SHARE)).items():
        excess_bytes = int(stored_bytes - client_max * END_SHARE)
        gone = _delete(database, files, clients, {"client": client}, excess_bytes)
        if not gone:
            # A device that died may have counted less than there is, or more.
            clients.count({client: _stored_by(database, client) - stored_bytes})
        bound_left(database, client)
        deleted += gone
    stored_bytes, most_bytes = space.stored_bytes(), space.stored_bytes_max()
    if stored_bytes > most_bytes * BEGIN_SHARE:
        deleted += _delete(database, files, clients, {}, int(stored_bytes - most_bytes * END_SHARE))
        stored_bytes = space.stored_bytes()
    if deleted or space.is_short:
        space.give_back()
    return Room(stored_bytes, stored_bytes > most_bytes, list(clients.largest(client_max)), deleted)


def _stored_by(database: Database, client: str) -> int:
    """Return how many bytes are stored of a client's computations."""
    total = {"$group": {"_id": None, "bytes": {"$sum": "$stored_bytes"}}}
    found = list(database.collection("computations").aggregate([{"$match": {"client": client}}, total]))
    return int(found[0]["bytes"]) if found else 0


def _delete(
    database: Database, files: Files, clients: Clients, whose: Mapping[str, Any], excess_bytes: int
) -> int:
    """Delete the oldest ended computations until so many bytes are gone; return how many."""
    deleted = 0
    for which in _in_order(database.now()):
        while excess_bytes > 0:
            batch = list(_oldest(database, {**whose, **which}, min(excess_bytes, AT_ONCE_BYTES)))
            forget(database, files, clients, batch)
            excess_bytes -= sum(int(found.get("stored_bytes", UNCOUNTED_BYTES)) for found in batch)
            deleted += len(batch)
            if not batch:
                break
    return deleted


def _in_order(now: datetime) -> Iterator[dict[str, Any]]:
    """Yield the conditions on the ended computations that are deleted first, next and last."""
    # An unfinished computation has null there, which is not a time. What has just ended is still being read: it costs
    # little to spare it while it is small, so that who fills the disk loses what fills it.
    recent = now - timedelta(seconds=RECENT_S)
    yield {"finished": {"$gt": _BEGINNING, "$lt": recent}}
    yield {"finished": {"$gte": recent}, "stored_bytes": {"$gt": SMALL_BYTES}}
    yield {"finished": {"$gte": recent, "$lt": now - timedelta(seconds=READ_S)}}


def _oldest(database: Database, which: Mapping[str, Any], enough_bytes: int) -> Iterator[dict[str, Any]]:
    """Yield those of the computations that ended first, until they have enough bytes."""
    found = database.collection("computations").find(which, COUNTED)
    for computation in found.sort("finished", ASCENDING).limit(AT_ONCE):
        yield computation
        enough_bytes -= int(computation.get("stored_bytes", UNCOUNTED_BYTES))
        if enough_bytes <= 0:
            return
