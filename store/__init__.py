"""The door to MongoDB: the only part that imports pymongo, gridfs and bson.

``connect(settings)`` returns a ``Store`` with a door for each noun. Nothing connects before the first call, and every
call raises ``StoreUnavailableError`` when MongoDB does not answer in ``mongo_timeout_s``.
"""

from __future__ import annotations

from contract import REASONS, Reason
from jupyter import Overtime
from settings import Settings
from store.address import directory
from store.claims import Claims
from store.clients import Clients, client_full
from store.computations import Computations
from store.database import Database
from store.devices import Devices
from store.errors import (
    ClientFullError,
    LostClaimError,
    NoSpaceError,
    NotAskingError,
    OtherLanguageError,
    Over,
    QueueFullError,
    SessionGone,
    StoreError,
    StoreUnavailableError,
    UnknownSessionError,
    guarded,
)
from store.files import FileEntry, Files, FileWriter, StoredFile
from store.hints import Hints
from store.introspection import Introspections
from store.log import try_to_rotate
from store.messages import Messages
from store.models import Claim, Computation, Introspection, IntrospectionReply, Permalink, Session, Submission, Wish
from store.permalinks import Permalinks
from store.retention import sweep
from store.room import Room, make_room
from store.served_languages import ServedLanguages
from store.sessions import Sessions
from store.space import FULL, NEARLY_FULL, Space
from store.states import MOVES, OVER, State

__all__ = [
    "FULL", "MOVES", "NEARLY_FULL", "OVER", "REASONS", "Claim", "ClientFullError", "Computation", "FileEntry",
    "FileWriter", "Introspection", "IntrospectionReply", "LostClaimError", "NoSpaceError", "NotAskingError",
    "OtherLanguageError", "Over", "Overtime", "Permalink", "QueueFullError", "Reason", "Room", "ServedLanguages",
    "Session", "SessionGone", "State", "Store", "StoreError", "StoreUnavailableError", "StoredFile", "Submission",
    "UnknownSessionError", "Wish", "client_full", "connect",
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
        rooms = (self._database, self.hints, self.sessions, self.files, self.space, self.clients)
        self.computations = Computations(*rooms)
        self.claims = Claims(*rooms)
        self.devices = Devices(self._database)
        self.permalinks = Permalinks(self._database, self.space, self.clients)
        self.introspections = Introspections(self._database, self.hints, self.space)

    @guarded
    def ping(self) -> None:
        """Ask MongoDB for a sign of life. Raises StoreUnavailableError."""
        self._database.ping()

    @guarded
    def sweep(self) -> int:
        """Delete what ended longer than ``retention_s`` ago; return how many computations. Raises StoreUnavailableError."""
        if not self._database.settings.mongo_uri:
            try_to_rotate(directory(self._database.settings), lambda: self._database.admin("logRotate"))
        return sweep(self._database, self.files, self.clients)

    @guarded
    def is_tight(self) -> bool:
        """Whether the disk has too little room for anything new. Raises StoreUnavailableError."""
        return self.space.is_tight

    @guarded
    def is_exhausted(self) -> bool:
        """Whether the disk has too little room even for what runs already. Raises StoreUnavailableError."""
        return self.space.is_exhausted

    @guarded
    def make_room(self) -> Room:
        """Delete what is too much, the oldest that has ended first; return what is stored. Raises StoreUnavailableError."""
        return make_room(self._database, self.files, self.space, self.clients)

    def close(self) -> None:
        """Close every connection and end every ``hints.listen``."""
        self._database.close()


def connect(settings: Settings, program: str = "singlecell") -> Store:
    """Return the store; MongoDB may be away and is asked at the first call. Raises StoreError for a wrong address.

    ``program``: the name under which MongoDB's log and profiler show this client.
    """
    return Store(settings, program)
