"""The door to MongoDB: the only part that imports pymongo, gridfs and bson.

``connect(settings)`` returns a ``Store`` with a door for each noun. Nothing connects before the first call, and every
call raises ``StoreUnavailable`` when MongoDB does not answer in ``mongo_timeout_s``.
"""

from __future__ import annotations

from settings import Settings
from store.computations import Computations
from store.database import Database
from store.devices import Devices
from store.errors import (
    LostClaim,
    NobodyAsks,
    OtherLanguage,
    Over,
    QueueFull,
    SessionGone,
    StoreError,
    StoreUnavailable,
    UnknownSession,
    guarded,
)
from store.files import FileEntry, Files, FileWriter, StoredFile
from store.hints import Hints
from store.messages import Messages
from store.offers import Offers
from store.permalinks import Permalinks
from store.questions import Questions
from store.records import Answer, Claim, Computation, Permalink, Question, Session, Submission, Wish
from store.retention import sweep
from store.sessions import Sessions
from store.states import MOVES, OVER, REASONS, Reason, State

__all__ = [
    "MOVES", "OVER", "REASONS", "Answer", "Claim", "Computation", "FileEntry", "FileWriter", "LostClaim", "NobodyAsks",
    "Offers", "OtherLanguage", "Over", "Permalink", "Question", "QueueFull", "Reason", "Session", "SessionGone",
    "State", "Store", "StoreError", "StoreUnavailable", "StoredFile", "Submission", "UnknownSession", "Wish", "connect",
]  # fmt: skip


class Store:
    """All doors over one connection."""

    def __init__(self, settings: Settings, program: str) -> None:
        self._database = Database(settings, program)
        self.hints = Hints(self._database)
        self.files = Files(self._database)
        self.messages = Messages(self._database)
        self.sessions = Sessions(self._database, self.hints)
        self.computations = Computations(self._database, self.hints, self.sessions, self.files)
        self.devices = Devices(self._database)
        self.permalinks = Permalinks(self._database)
        self.questions = Questions(self._database, self.hints)

    @guarded
    def ping(self) -> None:
        """Ask MongoDB for a sign of life. Raises StoreUnavailable."""
        self._database.ping()

    @guarded
    def sweep(self) -> int:
        """Delete what ended longer than ``retention_s`` ago; return how many computations. Raises StoreUnavailable."""
        return sweep(self._database, self.files)

    def close(self) -> None:
        """Close every connection and end every ``hints.listen``."""
        self._database.close()


def connect(settings: Settings, program: str = "singlecell") -> Store:
    """Return the store; MongoDB may be away and is asked at the first call. Raises StoreError for a wrong address.

    ``program``: the name under which MongoDB's log and profiler show this client.
    """
    return Store(settings, program)
