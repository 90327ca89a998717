"""Measures the room on the database's disk, and says when there is too little.

Nobody else measures it: all processes of the server look at the same disk by the same rule and the same settings, so
they agree.
"""

from __future__ import annotations

import os
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import Any

from bson import ObjectId
from pymongo.errors import OperationFailure, PyMongoError

from store.address import directory
from store.database import OPLOG, Database, earlier
from store.errors import NoSpaceError, mongo_errors
from store.indexes import RESERVATION_KEPT_S

BUCKET_PIECES = "files.chunks"
LOOK_S = 1.0  # a measurement may be as old as this
SPENT_BYTES_MAX = 8 << 20  # of files; when more are written, the last measurement is too old
# For a while a byte of an upload can take three on the disk: in MongoDB's journal, its oplog and the collection.
UPLOAD_COPIES = 3
SPOOL_FREE_BYTES_MIN = 64 << 20  # on the disk where uploads wait until they are whole
NEARLY_FULL = "The server's disk is nearly full: it takes nothing new until there is room again. Try again in a while."
FULL = "The server stores as much as it may: it takes nothing new until older results are gone. Try again in a while."
NO_UPLOAD = "The server has no room for an upload of this size just now; try again in a while."


class Space:
    """The room on the database's disk as of a moment ago: free, used, and reserved for uploads."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._settings = database.settings
        self._path = None if database.settings.mongo_uri else directory(database.settings)
        self._looked = float("-inf")
        self._spent_bytes = 0
        self._free_bytes: int | None = None
        self._total_bytes: int | None = None

    def free_bytes(self, *, fresh: bool = False) -> int | None:
        """Return the free bytes, None when they cannot be known.

        ``fresh``: measure now. Raises PyMongoError, if MongoDB is not the embedded one.
        """
        now = time.monotonic()
        if fresh or now - self._looked > LOOK_S:
            # Set before measuring: while that takes long, others use the last measurement.
            self._looked, self._spent_bytes = now, 0
            self._free_bytes, self._total_bytes = self._measure()
        return self._free_bytes

    def spend(self, size_bytes: int) -> None:
        """Note that so much was stored: large files make the last measurement too old before its time."""
        self._spent_bytes += size_bytes
        if self._spent_bytes >= SPENT_BYTES_MAX:
            self._looked = float("-inf")

    @property
    def is_tight(self) -> bool:
        """Whether there is too little room for anything new. Raises PyMongoError."""
        free_bytes = self.free_bytes()
        return free_bytes is not None and free_bytes < self._settings.disk_free_bytes_min

    @property
    def is_exhausted(self) -> bool:
        """Whether there is too little room even for what runs already. Raises PyMongoError."""
        free_bytes = self.free_bytes()
        return free_bytes is not None and free_bytes < self._settings.disk_free_bytes_end

    @property
    def is_short(self) -> bool:
        """Whether there will be too little room soon. Raises PyMongoError."""
        free_bytes = self.free_bytes()
        return free_bytes is not None and free_bytes < 2 * self._settings.disk_free_bytes_min

    def check(self) -> None:
        """Refuse anything new when there is too little room. Raises NoSpaceError, PyMongoError."""
        if self.is_tight:
            raise NoSpaceError(NEARLY_FULL)

    @contextmanager
    def reserve(self, upload_bytes: int) -> Iterator[None]:
        """Keep room for an upload while the block lasts, counted together with all others that are on their way.

        Raises NoSpaceError, StoreUnavailableError.
        """
        with mongo_errors():
            self.check()
            reservations = self._database.early("reservations")
            id = ObjectId()
            made = {"$set": {"bytes": upload_bytes}, "$currentDate": {"made": True}}
            reservations.update_one({"_id": id}, made, upsert=True)
        try:
            with mongo_errors():
                if not self._fits(self._reserved_bytes()):
                    raise NoSpaceError(NO_UPLOAD)
            yield
        finally:
            with suppress(PyMongoError):  # MongoDB deletes it by itself later
                reservations.delete_one({"_id": id})

    def stored_bytes(self) -> int:
        """Return what computations take with messages, files and indexes, uncompressed. Raises PyMongoError."""
        everything = self._database.ready().command("dbStats")
        return int(everything["dataSize"] + everything["indexSize"]) - self.permalinks()[1]

    def stored_bytes_max(self) -> int:
        """Return how much computations may take: as the settings say, on a small disk at most half of its room.

        For a while MongoDB may need as much again for itself: for its oplog, its journal, and deleted room that it does
        not use again yet. Raises PyMongoError.
        """
        self.free_bytes()
        if self._total_bytes is None:
            return int(self._settings.stored_bytes_max)
        share_bytes = max(0, self._total_bytes - self._settings.disk_free_bytes_min) // 2
        return min(self._settings.stored_bytes_max, share_bytes)

    def permalinks(self) -> tuple[int, int]:
        """Return how many permalinks there are, and their bytes. Raises PyMongoError."""
        found = self._database.ready().command("collStats", "permalinks")
        return int(found["count"]), int(found["size"])

    def give_back(self) -> None:
        """Have MongoDB make a checkpoint, so that it uses deleted room again and begins its journal anew.

        When room is short it also shortens its files, which otherwise only grow.
        """
        # The owner of another MongoDB may not let us do this; by itself MongoDB makes one every minute.
        with suppress(PyMongoError):
            self._database.admin("fsync")
        for name in (BUCKET_PIECES, "messages", "computations", OPLOG) if self.is_short else ():
            with suppress(PyMongoError):
                self._database.compact(name)

    def _fits(self, reserved_bytes: int) -> bool:
        free_bytes = self.free_bytes(fresh=True)
        if free_bytes is not None and free_bytes - UPLOAD_COPIES * reserved_bytes < self._settings.disk_free_bytes_min:
            return False
        if self.stored_bytes() + reserved_bytes > self.stored_bytes_max():
            return False
        spool = os.statvfs(tempfile.gettempdir())
        return spool.f_bavail * spool.f_frsize - reserved_bytes >= SPOOL_FREE_BYTES_MIN

    def _reserved_bytes(self) -> int:
        dead = {"$lt": ["$made", earlier(RESERVATION_KEPT_S)]}
        total: list[dict[str, Any]] = list(
            self._database.collection("reservations").aggregate(
                [{"$match": {"$expr": {"$not": dead}}}, {"$group": {"_id": None, "bytes": {"$sum": "$bytes"}}}]
            )
        )
        return int(total[0]["bytes"]) if total else 0

    def _measure(self) -> tuple[int | None, int | None]:
        """Return free and total bytes of the disk."""
        if self._path is not None:
            try:
                found = os.statvfs(self._path)
            except OSError:
                return None, None  # no MongoDB has worked there yet
            return found.f_bavail * found.f_frsize, found.f_blocks * found.f_frsize
        try:
            stats = self._database.ready().command("dbStats")
            return int(stats["fsTotalSize"] - stats["fsUsedSize"]), int(stats["fsTotalSize"])
        except (OperationFailure, KeyError):
            return None, None  # its storage engine does not know them
