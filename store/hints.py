"""Hints: that something is new somewhere. A lost one costs a polling interval, so nothing here waits or is retried."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from threading import Event

from pymongo.cursor import CursorType
from pymongo.errors import PyMongoError

from store.database import AWAIT_S, FORGOTTEN, Database
from store.errors import available

REOPEN_S = 0.05


class Hints:
    """A capped collection, read from its end by tailable cursors."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._stopped = Event()

    def announce(self, topic: str, subject: str) -> None:
        """Tell all listeners of a topic an id. Never raises."""
        try:
            self._database.collection("hints", FORGOTTEN).insert_one({"topic": topic, "id": subject})
        except PyMongoError:
            pass  # a hint is not worth an error

    def listen(self, topics: Iterable[str]) -> Iterator[tuple[str, str]]:
        """Yield (topic, id) as they are announced, until ``stop``. Raises StoreUnavailable."""
        wanted = {"topic": {"$in": list(topics)}}
        with available():
            while not self._stopped.is_set():
                collection = self._database.collection("hints")
                cursor = collection.find(wanted, cursor_type=CursorType.TAILABLE_AWAIT).max_await_time_ms(
                    int(AWAIT_S * 1000)
                )
                # What was announced before we came is no news.
                for _ in range(collection.count_documents(wanted)):
                    next(cursor, None)
                while cursor.alive and not self._stopped.is_set():
                    for hint in cursor:
                        yield hint["topic"], hint["id"]
                # A cursor dies when it is overtaken, or with the database: the next one begins at the end again.
                self._stopped.wait(REOPEN_S)

    def stop(self) -> None:
        """End all listening."""
        self._stopped.set()
