"""Reads and writes one stored file as a stream, in the form of GridFS: a document, and pieces of one length.

pymongo's own GridFS collects a whole file, up to 48 MB, and stores it with one command, and reads 16 MB with one: so
long the loop of a device, or all of a web process, stood still. Here no command has more than a MiB.
"""

from __future__ import annotations

import io
from collections.abc import Mapping
from datetime import datetime, timezone
from typing import Any

from bson import Int64, ObjectId

from store.database import Database
from store.errors import StoreUnavailableError, mongo_errors
from store.space import Space

UNKNOWN_TYPE = "application/octet-stream"
FILES, PIECES = "files.files", "files.chunks"
PIECE_BYTES = 256 << 10
AT_ONCE_BYTES = 1 << 20  # of a file that is written, in one command


class StoredFile(io.RawIOBase):
    """A stored file, open for reading: seekable, streamed from MongoDB in pieces. Raises StoreUnavailableError.

    ``document``: what FILES has of it.
    """

    def __init__(self, database: Database, document: Mapping[str, Any]) -> None:
        super().__init__()
        self._database, self._id, self._piece_bytes = database, document["_id"], document["chunkSize"]
        metadata = document.get("metadata") or {}
        self.name: str = str(document["filename"])
        self.size: int = int(document["length"])
        self.type: str = metadata.get("type", UNKNOWN_TYPE)
        self.uploaded: datetime = document["uploadDate"]
        self.etag: str = str(document["_id"])
        self._at = 0
        self._piece: tuple[int, bytes] = (-1, b"")  # the one that was read last

    def readable(self) -> bool:
        """Return that it can be read."""
        return True

    def seekable(self) -> bool:
        """Return that it can be read from any position."""
        return True

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        """Move to a position; return it. Raises ValueError for one before the beginning."""
        at = offset + {io.SEEK_SET: 0, io.SEEK_CUR: self._at, io.SEEK_END: self.size}[whence]
        if at < 0:
            raise ValueError(f"there is no position {at}")
        self._at = at
        return at

    def tell(self) -> int:
        """Return the position."""
        return self._at

    def read(self, size: int | None = -1) -> bytes:
        """Return at most ``size`` bytes; all that are left when it is negative."""
        end = self.size if size is None or size < 0 else min(self.size, self._at + size)
        found = bytearray()
        while self._at < end:
            number, start = divmod(self._at, self._piece_bytes)
            part = self._read_piece(number)[start : start + end - self._at]
            if not part:
                raise StoreUnavailableError(f"a piece of the file {self.name!r} is gone")  # it was deleted meanwhile
            found += part
            self._at += len(part)
        return bytes(found)

    def readinto(self, buffer: Any) -> int:
        """Fill a buffer and return how many bytes it got."""
        data = self.read(len(buffer))
        buffer[: len(data)] = data
        return len(data)

    def _read_piece(self, number: int) -> bytes:
        if self._piece[0] != number:
            with mongo_errors():
                found = self._database.collection(PIECES).find_one({"files_id": self._id, "n": number}, {"data": 1})
            self._piece = (number, bytes(found["data"]) if found else b"")
        return self._piece[1]


class FileWriter:
    """A stored file, open for writing; it can be read when it is closed. Raises StoreUnavailableError."""

    def __init__(self, database: Database, space: Space, name: str, metadata: Mapping[str, Any]) -> None:
        self._database, self._space, self._name, self._metadata = database, space, name, metadata
        self._id, self._pieces, self._waiting = ObjectId(), 0, bytearray()
        self.size_bytes = 0

    def write(self, data: bytes) -> int:
        """Append bytes."""
        for start in range(0, len(data), AT_ONCE_BYTES):
            self._waiting += data[start : start + AT_ONCE_BYTES]
            if len(self._waiting) >= AT_ONCE_BYTES:
                self._store(AT_ONCE_BYTES)
        self.size_bytes += len(data)
        self._space.spend(len(data))
        return len(data)

    def close(self) -> None:
        """Store the rest, and the file as a whole."""
        self._store(len(self._waiting))
        document = {
            "_id": self._id, "filename": self._name, "metadata": self._metadata, "chunkSize": PIECE_BYTES,
            "length": Int64(self.size_bytes), "uploadDate": datetime.now(timezone.utc),
        }  # fmt: skip
        with mongo_errors():
            self._database.collection(FILES).insert_one(document)

    def abort(self) -> None:
        """Delete what there is of it."""
        with mongo_errors():
            self._database.collection(PIECES).delete_many({"files_id": self._id})
            self._database.collection(FILES).delete_one({"_id": self._id})

    def _store(self, size_bytes: int) -> None:
        taken = bytes(self._waiting[:size_bytes])
        parts = [taken[at : at + PIECE_BYTES] for at in range(0, size_bytes, PIECE_BYTES)]
        pieces = [{"files_id": self._id, "n": number, "data": part} for number, part in enumerate(parts, self._pieces)]
        if pieces:
            with mongo_errors():
                self._database.collection(PIECES).insert_many(pieces)
        self._pieces += len(pieces)
        del self._waiting[:size_bytes]
