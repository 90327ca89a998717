"""The door to MongoDB, where the truth is: ``connect(settings)`` opens it. Nothing else of ours knows of a database."""

from __future__ import annotations

from typing import Any

from store.computations import Computations
from store.database import Database
from store.devices import Devices
from store.errors import (
    LostClaim,
    NobodyAsks,
    Over,
    QueueFull,
    SessionGone,
    StoreError,
    StoreUnavailable,
    UnknownSession,
)
from store.files import Files
from store.hints import Hints
from store.messages import Messages
from store.permalinks import Permalinks
from store.questions import Questions
from store.records import Claim, Computation, Question, Reply, Session, Submission, Wish
from store.retention import Retention
from store.sessions import Sessions
from store.states import MOVES, OVER, Reason, State

__all__ = [
    "MOVES", "OVER", "Claim", "Computation", "LostClaim", "NobodyAsks", "Over", "Question", "QueueFull", "Reason", "Reply",
    "Session", "SessionGone", "State", "Store", "StoreError", "StoreUnavailable", "Submission", "UnknownSession", "Wish",
    "connect",
]  # fmt: skip


class Store:
    """One connection, and a door for each kind of thing behind it."""

    def __init__(self, settings: Any) -> None:
        self._database = Database(settings)
        self.hints = Hints(self._database)
        self.messages = Messages(self._database)
        self.files = Files(self._database)
        self.sessions = Sessions(self._database, settings, self.hints)
        self.computations = Computations(
            self._database, settings, self.messages, self.sessions, self.files, self.hints
        )
        self.devices = Devices(self._database, settings)
        self.permalinks = Permalinks(self._database)
        self.questions = Questions(self._database, self.hints)
        self.retention = Retention(self._database, settings, self.files)

    def ping(self) -> None:
        """Return when the database answers. Raises StoreUnavailable."""
        self._database.ping()

    def close(self) -> None:
        """Close the connection; listeners end."""
        self.hints.stop()
        self._database.close()


def connect(settings: Any) -> Store:
    """Return the store; it connects when it is first used, so the database may be away now."""
    return Store(settings)
