"""Connects to MongoDB at the first call, with a bound on the time of each call, and makes the indexes."""

from __future__ import annotations

import threading
from collections.abc import Mapping
from datetime import datetime, timezone
from typing import Any

import pymongo
from pymongo import MongoClient, WriteConcern
from pymongo.client_session import ClientSession
from pymongo.collection import Collection
from pymongo.database import Database as MongoDatabase
from pymongo.errors import PyMongoError

from settings import Settings
from store import schema
from store.address import directory, uri
from store.errors import StoreError
from store.indexes import INDEXES

Documents = Collection[dict[str, Any]]

# A 201 means this: the write is on the disks of most members.
DURABLE = WriteConcern("majority", j=True)
# For a write that is worth nothing without a later durable one: the journal is in order, so the later wait is for both.
EARLY = WriteConcern(1, j=False)
# For hints, which nobody waits for.
UNACKNOWLEDGED = WriteConcern(w=0)
GOODBYE_S = 0.5  # for closing the connections
OPLOG = "local.oplog.rs"
COMPACT_BYTES_MIN = 32 << 20  # less is used again soon enough


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
        """Return pymongo's database with all indexes made. Raises SchemaError, PyMongoError."""
        if not self._has_indexes:
            schema.check(self._database)  # before the lock: who waits for a database that is away holds nobody up
            with self._lock:
                if not self._has_indexes:
                    self.ensure_indexes()
                    self._has_indexes = True
        return self._database

    @property
    def bare(self) -> MongoDatabase[dict[str, Any]]:
        """Pymongo's database as it is, whatever is in it."""
        return self._database

    def trust_schema(self) -> None:
        """Work with the database from now on though others may not; it has its indexes."""
        self._has_indexes = True

    def ensure_indexes(self) -> None:
        """Make the indexes that are missing. Raises PyMongoError."""
        for name, indexes in INDEXES.items():
            self._database[name].create_indexes(indexes)

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

    def admin(self, command: str) -> Mapping[str, Any]:
        """Give the whole MongoDB a command; return its answer. Raises PyMongoError."""
        return self._client.admin.command(command)

    def ping(self) -> None:
        """Ask MongoDB for a sign of life. Raises PyMongoError."""
        self.ready().command("ping")

    def session(self) -> ClientSession:
        """Return a session of MongoDB's for a cursor that lives long: the driver's own may not last."""
        return self._client.start_session(causal_consistency=False)

    def snapshot(self) -> ClientSession:
        """Return a session of MongoDB's in which all reads see the moment of the first one."""
        return self._client.start_session(snapshot=True)

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
