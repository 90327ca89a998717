"""The connection to MongoDB and the collections in it, with their indexes: the only place that knows their names."""

from __future__ import annotations

import threading
from pathlib import Path
from typing import Any

from bson.codec_options import CodecOptions
from gridfs import GridFSBucket
from pymongo import MongoClient, WriteConcern
from pymongo.collection import Collection
from pymongo.errors import CollectionInvalid, OperationFailure
from pymongo.read_concern import ReadConcern

from store.address import uri as embedded_uri
from store.errors import available

# A tailable cursor waits this long on the server; a socket must be patient for longer.
AWAIT_S = 1.0
HINTS_BYTES = 256 << 10
QUESTION_S = 60
NAMESPACE_EXISTS = 48

# On disk on a majority before it is acknowledged: what clients are told is never forgotten.
DURABLE = WriteConcern(w="majority", j=True)
QUICK = WriteConcern(w=1)
FORGOTTEN = WriteConcern(w=0)


class Database:
    """One MongoClient; every collection is reached through here."""

    def __init__(self, settings: Any) -> None:
        timeout_ms = int(settings.mongo_timeout_s * 1000)
        uri = settings.mongo_uri or embedded_uri(Path(settings.data_directory or "data") / "mongo")
        login = {"username": settings.mongo_user, "password": settings.mongo_password} if settings.mongo_user else {}
        self.client: MongoClient = MongoClient(
            uri,
            serverSelectionTimeoutMS=timeout_ms,
            connectTimeoutMS=timeout_ms,
            socketTimeoutMS=timeout_ms + int(AWAIT_S * 1000),
            connect=False,
            tz_aware=True,
            appname="singlecell",
            **login,
        )
        self._name = settings.mongo_database
        self._prepared, self._lock = False, threading.Lock()

    def collection(self, name: str, concern: WriteConcern = QUICK) -> Collection:
        """Return a collection, with its indexes made. Raises what the driver raises."""
        self._prepare()
        options: CodecOptions = CodecOptions(tz_aware=True)
        return self._database.get_collection(
            name, codec_options=options, write_concern=concern, read_concern=ReadConcern("local")
        )

    def bucket(self) -> GridFSBucket:
        """Return the bucket of files."""
        self._prepare()
        return GridFSBucket(self._database, write_concern=DURABLE)

    @property
    def _database(self) -> Any:
        return self.client[self._name]

    @available()
    def ping(self) -> None:
        """Return when MongoDB answers. Raises StoreUnavailable."""
        self.client.admin.command("ping")
        self._prepare()

    def _prepare(self) -> None:
        if self._prepared:
            return
        with self._lock:
            database = self._database
            # Small whatever the database holds: only what waits or runs is in it.
            active = {"state": {"$in": ["queued", "running"]}}
            database.computations.create_index(
                [("state", 1), ("submitted", 1)], name="active", partialFilterExpression=active
            )
            database.computations.create_index([("session", 1), ("turn", 1)])
            database.computations.create_index("finished", sparse=True)
            database.messages.create_index([("computation", 1), ("first", 1), ("attempt", 1)], unique=True)
            database.sessions.create_index(
                "lease_until", partialFilterExpression={"state": {"$in": ["starting", "idle", "busy"]}}, name="alive"
            )
            database.sessions.create_index("ended", sparse=True)
            database.questions.create_index("asked", expireAfterSeconds=QUESTION_S)
            database["fs.files"].create_index([("metadata.computation", 1), ("filename", 1)])
            try:
                database.create_collection("hints", capped=True, size=HINTS_BYTES)
                # A tailable cursor on an empty collection is dead at once.
                database.hints.insert_one({"topic": "none", "id": ""})
            except CollectionInvalid:
                pass
            except OperationFailure as error:
                if error.code != NAMESPACE_EXISTS:  # another process was first
                    raise
            self._prepared = True

    def close(self) -> None:
        """Close the connection."""
        self.client.close()
