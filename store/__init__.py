"""The door to MongoDB: the only part that imports pymongo, gridfs and bson.

``connect(settings)`` returns a ``Store`` with a door for each noun. Nothing connects before the first call, and every
call raises ``StoreUnavailable`` when MongoDB does not answer in ``mongo_timeout_s``.
"""

from __future__ import annotations

from contract import REASONS, Reason
from jupyter import Overtime
from settings import Settings
from store.address import directory
from store.clients import Clients, client_full
from store.computations import Computations
from store.database import Database
from store.devices import Devices
from store.errors import (
    ClientFull,
    LostClaim,
    NobodyAsks,
    NoSpace,
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
from store.log import try_to_rotate
from store.messages import Messages
from store.offers import Offers
from store.permalinks import Permalinks
from store.questions import Questions
from store.records import Answer, Claim, Computation, Permalink, Question, Session, Submission, Wish
from store.retention import sweep
from store.room import Room, make_room
from store.sessions import Sessions
from store.space import FULL, NEARLY_FULL, Space
from store.states import MOVES, OVER, State

__all__ = [
    "FULL", "MOVES", "NEARLY_FULL", "OVER", "REASONS", "Answer", "Claim", "ClientFull", "Computation", "FileEntry",
    "FileWriter", "LostClaim", "NoSpace", "NobodyAsks", "Offers", "OtherLanguage", "Over", "Overtime", "Permalink",
    "Question", "QueueFull", "Reason", "Room", "Session", "SessionGone", "State", "Store", "StoreError",
    "StoreUnavailable", "StoredFile", "Submission", "UnknownSession", "Wish", "client_full", "connect",
]  # fmt: skip


class Store:
    """All doors over one connection."""

    def __init__(self, settings: Settings, program: str) -> None:
        self._database = Database(settings, program)
        self.hints = Hints(self._database)
        self.space = Space(self._database)
        self.files = Files(self._database, self.space)
        self.messages = Messages(self._database)
        self.sessions = Sessions(self._database, self.hints)
        self.clients = Clients(self._database)
        self.computations = Computations(
            self._database, self.hints, self.sessions, self.files, self.space, self.clients
        )
        self.devices = Devices(self._database)
        self.permalinks = Permalinks(self._database, self.space, self.clients)
        self.questions = Questions(self._database, self.hints, self.space)

    @guarded
    def ping(self) -> None:
        """Ask MongoDB for a sign of life. Raises StoreUnavailable."""
        self._database.ping()

    @guarded
    def sweep(self) -> int:
        """Delete what ended longer than ``retention_s`` ago; return how many computations. Raises StoreUnavailable."""
        if not self._database.settings.mongo_uri:
            try_to_rotate(directory(self._database.settings), lambda: self._database.admin("logRotate"))
        return sweep(self._database, self.files, self.clients)

    @guarded
    def is_tight(self) -> bool:
        """Whether the disk has too little room for anything new. Raises StoreUnavailable."""
        return self.space.is_tight

    @guarded
    def is_exhausted(self) -> bool:
        """Whether the disk has too little room even for what runs already. Raises StoreUnavailable."""
        return self.space.is_exhausted

    @guarded
    def make_room(self) -> Room:
        """Delete what is too much, the oldest that has ended first; return what is stored. Raises StoreUnavailable."""
        return make_room(self._database, self.files, self.space, self.clients)

    def close(self) -> None:
        """Close every connection and end every ``hints.listen``."""
        self._database.close()


def connect(settings: Settings, program: str = "singlecell") -> Store:
    """Return the store; MongoDB may be away and is asked at the first call. Raises StoreError for a wrong address.

    ``program``: the name under which MongoDB's log and profiler show this client.
    """
    return Store(settings, program)
