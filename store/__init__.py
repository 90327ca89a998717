"""The door to MongoDB: only this room imports pymongo and bson.

``connect(settings)`` returns a ``Store``, which has a door for each noun. It connects at the first call. Every call
raises ``StoreUnavailableError`` when MongoDB does not answer in ``mongo_timeout_s``.
"""

from __future__ import annotations

from contract import REASONS, Reason
from jupyter import Overtime
from settings import Settings
from store.access import Access
from store.address import directory
from store.audit import Audit, Deed
from store.backup import Backup
from store.bans import BanList
from store.budgets import Budget, Budgets
from store.checks import Checks
from store.claims import Claims
from store.clients import Clients, client_full
from store.computations import Computations
from store.database import Database
from store.deletion import Deletion
from store.devices import ALIVE_HEARTBEATS, Devices
from store.errors import (
    AdministrationError,
    ChecksFullError,
    ClientFullError,
    ComputationOverError,
    LostClaimError,
    NoSpaceError,
    NotAskingError,
    OtherBodyError,
    OtherLanguageError,
    OverShareError,
    QueueFullError,
    RemovedError,
    SchemaError,
    SessionGoneError,
    StoreError,
    StoreUnavailableError,
    UnknownSessionError,
    guarded,
)
from store.events import EVENT_KINDS, MARK, Event, Events, Silence, UnknownMarkError
from store.expiry import Expiry
from store.file_streams import FileWriter, StoredFile
from store.files import FileEntry, Files
from store.forced_end import ForcedEnds
from store.hints import choose_hints
from store.inheritance import Inheritances
from store.introspection import Introspections
from store.job_files import JOB_FILE_BYTES_MAX, JobFiles
from store.kernels import Kernel, Kernels, Position
from store.keys import Keys
from store.lanes import Lanes, lane_of
from store.log import try_to_rotate
from store.long_line import FarBack
from store.messages import INSIDE_BYTES_MAX, Messages
from store.migrations import Migrations
from store.models import (
    NOBODY_PASSED,
    Check,
    Claim,
    Computation,
    End,
    Introspection,
    IntrospectionReply,
    KeptSession,
    Location,
    Once,
    PassedOver,
    Permalink,
    Session,
    Submission,
    Wish,
)
from store.overview import Overview
from store.permalinks import Permalinks
from store.queue import Queue
from store.repeats import First, Repeats, name_of
from store.report import Report
from store.requester import NOBODY, Requester
from store.restore import Restore
from store.retention import sweep
from store.room import Room, make_room
from store.rules import OPERATOR, ORIGIN, Ban, Key
from store.served_languages import ServedLanguages
from store.session_turns import Turn
from store.sessions import Sessions
from store.space import FULL, NEARLY_FULL, Space
from store.standstill import Standstill
from store.states import MOVES, OVER, State

__all__ = [
    "ALIVE_HEARTBEATS",
    "EVENT_KINDS", "FULL", "INSIDE_BYTES_MAX", "JOB_FILE_BYTES_MAX", "MARK", "MOVES", "NEARLY_FULL", "NOBODY",
    "NOBODY_PASSED", "OPERATOR", "ORIGIN", "OVER", "REASONS", "AdministrationError", "Ban", "Budget", "Check",
    "ChecksFullError", "Claim", "ClientFullError", "Computation", "ComputationOverError", "Deed", "End", "Event",
    "FarBack", "FileEntry", "FileWriter", "First", "Introspection", "IntrospectionReply", "KeptSession", "Kernel",
    "Key", "Location", "LostClaimError", "NoSpaceError", "NotAskingError", "Once", "OtherBodyError",
    "OtherLanguageError", "OverShareError", "Overtime", "PassedOver", "Permalink", "Position", "QueueFullError",
    "Reason", "RemovedError", "Requester", "Room", "SchemaError", "ServedLanguages", "Session", "SessionGoneError",
    "Silence", "State", "Store", "StoreError", "StoreUnavailableError", "StoredFile", "Submission", "Turn",
    "UnknownMarkError", "UnknownSessionError", "Wish", "client_full", "connect", "lane_of", "name_of",
]  # fmt: skip


class Store:
    """All doors over one connection."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self.hints = choose_hints(database)
        self.space = Space(database)
        self.files = Files(database, self.space)
        self.messages = Messages(database)
        self.clients = Clients(database)
        self.budgets = Budgets(database)
        lanes = Lanes(database, self.hints)
        forced_ends = ForcedEnds(database, self.hints, lanes)
        self.sessions = Sessions(database, self.hints, forced_ends)
        self.repeats = Repeats(database)
        queue = Queue(database, self.sessions, forced_ends, lanes)
        self.computations = Computations(
            database, self.hints, self.sessions, queue, forced_ends, self.files, self.space, self.clients, lanes,
            self.repeats,
        )
        expiry = Expiry(database, self.hints, self.sessions, forced_ends, lanes)
        self.claims = Claims(database, self.hints, self.sessions, queue, expiry)
        self.inheritances = Inheritances(database, self.sessions, forced_ends)
        self.devices = Devices(database)
        self.permalinks = Permalinks(database, self.space, self.clients)
        self.job_files = JobFiles(database, self.space)
        self.checks = Checks(database, self.space)
        self.events = Events(database)
        self.introspections = Introspections(database, self.hints, self.space)
        self.access = Access(database)
        self.keys = Keys(database, self.access)
        self.kernels = Kernels(database, self.hints, self.space)
        self.bans = BanList(database, self.access)
        self.audit = Audit(database)
        self.deletion = Deletion(database, self.files, self.clients, self.computations, self.sessions)
        self.migrations = Migrations(database)
        self.backup, self.restore = Backup(database), Restore(database, self.sessions, expiry)
        self.report = Report(database)
        self.overview = Overview(database, self.space)
        self.standstill = Standstill(database)

    @guarded
    def ping(self) -> None:
        """Ask MongoDB for a sign of life. Raises StoreUnavailableError."""
        self._database.ping()

    @guarded
    def sweep(self) -> int:
        """Delete what ended longer than ``retention_s`` ago; return the number of computations deleted.

        Raises StoreUnavailableError.
        """
        if not self._database.settings.mongo_uri:
            try_to_rotate(directory(self._database.settings), lambda: self._database.admin("logRotate"))
        return sweep(self._database, self.files, self.clients)

    @guarded
    def is_tight(self) -> bool:
        """Return whether the disk has too little room for anything new. Raises StoreUnavailableError."""
        return self.space.is_tight

    @guarded
    def is_exhausted(self) -> bool:
        """Return whether the disk has too little room even for what runs already. Raises StoreUnavailableError."""
        return self.space.is_exhausted

    @guarded
    def make_room(self) -> Room:
        """Delete what is more than may be stored, the oldest that has ended first; return what is stored.

        Raises StoreUnavailableError.
        """
        return make_room(self._database, self.files, self.space, self.clients)

    def close(self) -> None:
        """Close every connection and end every ``hints.listen``."""
        self._database.close()


def connect(settings: Settings, program: str = "singlecell") -> Store:
    """Return the store; MongoDB may be away until the first call. Raises StoreError for a wrong address.

    ``program``: the name under which MongoDB's log and profiler show this client.
    """
    return Store(Database(settings, program))
