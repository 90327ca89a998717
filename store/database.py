"""Connects to MongoDB at the first call, with a bound on the time of each call, and makes the indexes."""

from __future__ import annotations

import threading
from datetime import datetime, timezone
from typing import Any

import pymongo
from pymongo import ASCENDING, DESCENDING, IndexModel, MongoClient, WriteConcern
from pymongo.client_session import ClientSession
from pymongo.collection import Collection
from pymongo.database import Database as MongoDatabase
from pymongo.errors import OperationFailure, PyMongoError

from settings import Settings
from store.address import directory, uri
from store.errors import StoreError

Documents = Collection[dict[str, Any]]

# A 201 means this: the write is on the disks of most members.
DURABLE = WriteConcern("majority", j=True)
# For a write that is worth nothing without a later durable one: the journal is in order, so the later wait is for both.
EARLY = WriteConcern(1, j=False)
# For hints, which nobody waits for.
UNACKNOWLEDGED = WriteConcern(w=0)
INTROSPECTION_KEPT_S = 120
# A client's count is of no use after the day of its salt; what it stored may be there a while longer.
CLIENT_KEPT_S = 2 * 86400
# An idempotency key of the day's last minute is known for a day more, under that day's name of its client.
SALT_KEPT_S = 2 * 86400 + 3600
ONCE_KEPT_S = 86400
HISTORY_KEPT_S = 2 * 3600
JOB_FILE_KEPT_S = 30 * 86400
CONFLICTS_KEPT_S = 30 * 86400
AUDIT_KEPT_S = 400 * 86400
KERNEL_KEPT_S = 86400  # after somebody used it
RESERVATION_KEPT_S = 600  # after its process died; no request takes as long
GOODBYE_S = 0.5  # for closing the connections
OPLOG = "local.oplog.rs"
COMPACT_BYTES_MIN = 32 << 20  # less is used again soon enough

_QUEUED = {"state": "queued"}
INDEXES: dict[str, list[IndexModel]] = {
    "computations": [
        # Partial, so that the queue stays small beside any number of old computations. ``follows`` is null in line.
        IndexModel([("follows", ASCENDING), ("queued", ASCENDING), ("order", ASCENDING)], name="line",
                   partialFilterExpression=_QUEUED),
        IndexModel([("lane", ASCENDING), ("follows", ASCENDING)], name="lanes", unique=True,
                   partialFilterExpression={**_QUEUED, "lane": {"$exists": True}}),
        IndexModel([("origin", ASCENDING)], name="of_origin",
                   partialFilterExpression={**_QUEUED, "origin": {"$type": "string"}}),
        IndexModel([("key", ASCENDING)], name="of_key",
                   partialFilterExpression={**_QUEUED, "key": {"$type": "string"}}),
        IndexModel([("session", ASCENDING), ("turn", ASCENDING)], name="turns", unique=True),
        IndexModel([("session", ASCENDING), ("submitted", ASCENDING)], name="queued_turns",
                   partialFilterExpression=_QUEUED),
        IndexModel([("once.name", ASCENDING)], name="once", unique=True,
                   partialFilterExpression={"once.name": {"$exists": True}}),
        IndexModel([("session", ASCENDING), ("control.model", ASCENDING), ("turn", ASCENDING)], name="controls",
                   partialFilterExpression={"control.model": {"$exists": True}}),
        IndexModel([("lease_until", ASCENDING)], name="leases", partialFilterExpression={"state": "running"}),
        IndexModel([("finished", ASCENDING)], name="retention"),
        IndexModel([("client", ASCENDING), ("finished", ASCENDING)], name="of_client",
                   partialFilterExpression={"client": {"$exists": True}}),
    ],
    "deleted": [
        IndexModel([("once.name", ASCENDING)], name="once"),
        IndexModel([("submitted", ASCENDING)], name="kept", expireAfterSeconds=ONCE_KEPT_S),
    ],
    "messages": [
        IndexModel([("computation", ASCENDING), ("first", ASCENDING), ("attempt", ASCENDING)], name="batches",
                   unique=True),
    ],
    "sessions": [
        IndexModel([("device", ASCENDING), ("state", ASCENDING)], name="held"),
        IndexModel([("ended", ASCENDING)], name="retention"),
        IndexModel([("location.account", ASCENDING)], name="located",
                   partialFilterExpression={"location.account": {"$exists": True}}),
    ],
    "questions": [
        IndexModel([("asked", ASCENDING)], name="kept", expireAfterSeconds=INTROSPECTION_KEPT_S),
        IndexModel([("asked", ASCENDING)], name="open", partialFilterExpression={"state": "asked"}),
    ],
    "files.files": [
        IndexModel([("metadata.computation", ASCENDING), ("metadata.kind", ASCENDING), ("filename", ASCENDING),
                    ("_id", DESCENDING)], name="of_computation"),
        IndexModel([("uploadDate", ASCENDING)], name="retention"),
    ],
    "checks": [
        IndexModel([("digest", ASCENDING)], name="digest", unique=True),
        IndexModel([("published", ASCENDING)], name="published"),
    ],
    "job_files": [
        IndexModel([("owner", ASCENDING), ("used", ASCENDING), ("bytes", ASCENDING)], name="of_owner"),
        IndexModel([("used", ASCENDING)], name="kept", expireAfterSeconds=JOB_FILE_KEPT_S),
    ],
    "permalinks": [IndexModel([("used", ASCENDING)], name="used")],
    "clients": [
        IndexModel([("since", ASCENDING)], name="kept", expireAfterSeconds=CLIENT_KEPT_S),
        IndexModel([("bytes", ASCENDING)], name="largest"),
    ],
    "permalink_clients": [IndexModel([("since", ASCENDING)], name="kept", expireAfterSeconds=CLIENT_KEPT_S)],
    # When it is whole again, nothing need be known of a budget.
    "budgets": [IndexModel([("whole", ASCENDING)], name="whole", expireAfterSeconds=0)],
    "salts": [IndexModel([("made", ASCENDING)], name="kept", expireAfterSeconds=SALT_KEPT_S)],
    "audit": [IndexModel([("at", ASCENDING)], name="kept", expireAfterSeconds=AUDIT_KEPT_S)],
    "kernels": [
        IndexModel([("used", ASCENDING)], name="kept", expireAfterSeconds=KERNEL_KEPT_S),
        IndexModel([("client", ASCENDING)], name="of_client"),
        IndexModel([("owner", ASCENDING), ("used", ASCENDING)], name="of_owner",
                   partialFilterExpression={"owner": {"$type": "string"}}),
        IndexModel([("notebook", ASCENDING)], name="notebook",
                   partialFilterExpression={"notebook": {"$type": "string"}}),
    ],
    "minutes": [IndexModel([("minute", ASCENDING)], name="kept", expireAfterSeconds=HISTORY_KEPT_S)],
    "conflicts": [IndexModel([("minute", ASCENDING)], name="kept", expireAfterSeconds=CONFLICTS_KEPT_S)],
    "reservations": [IndexModel([("made", ASCENDING)], name="kept", expireAfterSeconds=RESERVATION_KEPT_S)],
    "files.chunks": [IndexModel([("files_id", ASCENDING), ("n", ASCENDING)], name="chunks", unique=True)],
}  # fmt: skip
# Indexes of older servers that no query uses any more.
RETIRED_INDEXES = {"computations": ("queue", "waiting")}
_INDEX_NOT_FOUND = 27  # MongoDB's code of an error


class Database:
    """The database of one process; its collections have their indexes. Raises StoreError for a wrong address."""

    def __init__(self, settings: Settings, program: str) -> None:
        self.settings = settings
        self.closed = threading.Event()
        timeout_ms = int(settings.mongo_timeout_s * 1000)
        secrets: dict[str, Any] = {}
        if settings.mongo_user:
            secrets = {"username": settings.mongo_user, "password": settings.mongo_password}
        address = settings.mongo_uri or uri(directory(settings))
        try:
            self._client: MongoClient[dict[str, Any]] = MongoClient(
                address,
                connect=False,
                tz_aware=True,
                appname=program,
                timeoutMS=timeout_ms,
                serverSelectionTimeoutMS=timeout_ms,
                connectTimeoutMS=timeout_ms,
                **secrets,
            )
        except (PyMongoError, ValueError) as error:
            raise StoreError(f"mongo_uri is not the address of a MongoDB: {error}") from error
        self._database: MongoDatabase[dict[str, Any]] = self._client[settings.mongo_database]
        self._lock = threading.Lock()
        self._has_indexes = False

    def ready(self) -> MongoDatabase[dict[str, Any]]:
        """Return pymongo's database with all indexes made. Raises PyMongoError."""
        if not self._has_indexes:
            with self._lock:
                if not self._has_indexes:
                    self.ensure_indexes()
                    self._has_indexes = True
        return self._database

    def ensure_indexes(self) -> None:
        """Make the indexes that are missing, and drop those of older servers. Raises PyMongoError."""
        for name, indexes in INDEXES.items():
            self._database[name].create_indexes(indexes)
        for name, retired in RETIRED_INDEXES.items():
            for index in self._database[name].index_information().keys() & set(retired):
                self._drop_index(name, index)

    def _drop_index(self, name: str, index: str) -> None:
        try:
            self._database[name].drop_index(index)
        except OperationFailure as error:
            if error.code != _INDEX_NOT_FOUND:  # another process dropped it at the same time
                raise

    def collection(self, name: str) -> Documents:
        """Return a collection whose indexes are made. Raises PyMongoError."""
        return self.ready()[name]

    def durable(self, name: str) -> Documents:
        """Return a collection that acknowledges a write when it outlives a crash. Raises PyMongoError."""
        return self.ready().get_collection(name, write_concern=DURABLE)

    def early(self, name: str) -> Documents:
        """Return a collection whose writes a crash may forget until a durable write follows. Raises PyMongoError."""
        return self.ready().get_collection(name, write_concern=EARLY)

    def compact(self, name: str) -> None:
        """Have MongoDB make the file of a collection as short as it can; the oplog's name is OPLOG.

        Raises PyMongoError.
        """
        database, name = (self._client["local"], "oplog.rs") if name == OPLOG else (self.ready(), name)
        if database.command("collStats", name)["freeStorageSize"] >= COMPACT_BYTES_MIN:
            database.command("compact", name, force=True)

    def admin(self, command: str) -> None:
        """Give the whole MongoDB a command. Raises PyMongoError."""
        self._client.admin.command(command)

    def ping(self) -> None:
        """Ask MongoDB for a sign of life. Raises PyMongoError."""
        self.ready().command("ping")

    def session(self) -> ClientSession:
        """Return a session of MongoDB's for a cursor that lives long: the driver's own may not last."""
        return self._client.start_session(causal_consistency=False)

    def now(self) -> datetime:
        """Return the time by MongoDB's own clock. Raises PyMongoError."""
        now: datetime = self.ready().command("hello")["localTime"]
        return now.replace(tzinfo=timezone.utc)

    def close(self) -> None:
        """Close every connection and end every listener."""
        self.closed.set()
        # The driver says goodbye to the server, and would look long for one that is away.
        with pymongo.timeout(GOODBYE_S):
            self._client.close()


def later(seconds: float) -> dict[str, Any]:
    """Return the expression for so many seconds from now on MongoDB's clock."""
    return {"$add": ["$$NOW", int(seconds * 1000)]}


def earlier(seconds: float) -> dict[str, Any]:
    """Return the expression for so many seconds ago on MongoDB's clock."""
    return {"$subtract": ["$$NOW", int(seconds * 1000)]}


def literals(values: dict[str, Any]) -> dict[str, Any]:
    """Return fields for an update pipeline whose values are data, whatever they begin with."""
    return {name: {"$literal": value} for name, value in values.items()}
