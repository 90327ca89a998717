"""Tells other processes who has something new to look at.

A hint is never waited for and never needed: a lost one costs a polling interval. A hint is a topic and an id:

* for devices: ``submitted`` (a computation that needs a session), ``turn`` (a session that has a next turn), ``wish``
  (a computation whose client wants it stopped or sends it input, or a session that shall end), ``question`` (an
  introspection);
* for the web: ``news`` (of a computation or a session), ``answer`` (the reply to an introspection).
"""

from __future__ import annotations

from collections.abc import Collection, Iterator
from threading import Event
from typing import Protocol

from store.address import directory
from store.capped_hints import CappedHints
from store.database import Database
from store.pipe_hints import PipeHints


class Hints(Protocol):
    """The door to hints, whatever transports them."""

    def announce(self, topic: str, id: str) -> None:
        """Say that this id is worth a look. Returns at once and raises nothing."""

    def listen(self, topics: Collection[str], stop: Event | None = None) -> Iterator[tuple[str, str]]:
        """Yield (topic, id) of every announcement from now on, until ``stop`` is set or the store is closed.

        Survives restarts of MongoDB; raises nothing.
        """


def choose_hints(database: Database) -> Hints:
    """Return the hints of this database: named pipes beside the embedded MongoDB, else a collection in MongoDB."""
    settings = database.settings
    if settings.mongo_uri:
        return CappedHints(database)
    return PipeHints(directory(settings) / "hints", database.closed)
