"""Transports hints through MongoDB, where those who use the database may be on several machines.

The hints are in a small capped collection, which each listener reads with a tailable cursor. MongoDB makes their time
``at`` on insertion, and it only rises, so a listener that lost its cursor goes on where it was.
"""

from __future__ import annotations

import logging
from collections.abc import Collection, Iterator
from threading import Event
from typing import Any

from bson.timestamp import Timestamp
from pymongo import CursorType
from pymongo.errors import CollectionInvalid, OperationFailure, PyMongoError

from store.database import UNACKNOWLEDGED, Database
from store.errors import SchemaError

SIZE_BYTES = 1 << 20
AWAIT_MS = 1000  # within this time a listener notices that it should stop
PAUSE_S = 0.5  # before another try when MongoDB went away
_NAMESPACE_EXISTS = 48  # MongoDB's code of an error

_log = logging.getLogger(__name__)


class CappedHints:
    """The hints in a capped collection."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def announce(self, topic: str, id: str) -> None:
        """Say that this id is worth a look. Returns at once and raises nothing."""
        try:
            hints = self._database.ready().get_collection("hints", write_concern=UNACKNOWLEDGED)
            hints.insert_one({"at": Timestamp(0, 0), "topic": topic, "id": id})
        except (PyMongoError, SchemaError) as error:
            _log.debug("hint %s %s was not announced: %s", topic, id, error)

    def listen(self, topics: Collection[str], stop: Event | None = None) -> Iterator[tuple[str, str]]:
        """Yield (topic, id) of every announcement from now on, until ``stop`` is set or the store is closed.

        Survives restarts of MongoDB; raises nothing.
        """
        seen: Timestamp | None = None
        away = False
        while not self._stopped(stop):
            try:
                newest = self._newest()
                seen = seen or newest
                away = False
                for hint in self._follow(seen, topics, stop):
                    seen = hint["at"]
                    yield hint["topic"], hint["id"]
            except (PyMongoError, SchemaError) as error:
                if not away and not self._stopped(stop):
                    _log.warning("no hints arrive until MongoDB answers again: %s", str(error)[:200])
                away = True
                (stop or self._database.closed).wait(PAUSE_S)

    def _stopped(self, stop: Event | None) -> bool:
        return self._database.closed.is_set() or (stop is not None and stop.is_set())

    def _newest(self) -> Timestamp:
        """Return the time of the newest hint in a capped collection that has at least one."""
        self._ensure_capped()
        hints = self._database.collection("hints")
        newest = hints.find_one(sort=[("$natural", -1)])
        if newest is None:
            # A tailable cursor on an empty collection is dead at once.
            hints.insert_one({"at": Timestamp(0, 0), "topic": "", "id": ""})
            newest = hints.find_one(sort=[("$natural", -1)]) or {"at": Timestamp(0, 0)}
        at: Timestamp = newest["at"]
        return at

    def _ensure_capped(self) -> None:
        database = self._database.ready()
        while True:
            found = next(database.list_collections(filter={"name": "hints"}), None)
            if found is not None and found["options"].get("capped"):
                return
            if found is not None:
                # An announcement, which waits for nobody, was faster and made an ordinary one.
                database.drop_collection("hints")
            try:
                database.create_collection("hints", capped=True, size=SIZE_BYTES)
            except CollectionInvalid:
                pass
            except OperationFailure as error:
                if error.code != _NAMESPACE_EXISTS:
                    raise

    def _follow(self, after: Timestamp, topics: Collection[str], stop: Event | None) -> Iterator[dict[str, Any]]:
        # MongoDB filters out what is for others: each hint that it sends costs a reply and a request for the next one.
        wanted = {"at": {"$gt": after}, "topic": {"$in": list(topics)}}
        cursor = self._database.collection("hints").find(wanted, cursor_type=CursorType.TAILABLE_AWAIT)
        with cursor.max_await_time_ms(AWAIT_MS):
            while cursor.alive and not self._stopped(stop):
                hint = next(cursor, None)
                if hint is not None:
                    yield hint
