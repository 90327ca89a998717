"""Reads and writes one stored file as a stream, and counts what is written."""

from __future__ import annotations

import io
from datetime import datetime
from typing import Any

from gridfs import GridIn, GridOut

from store.errors import mongo_errors
from store.space import Space

UNKNOWN_TYPE = "application/octet-stream"


class StoredFile(io.RawIOBase):
    """A stored file, open for reading: seekable, streamed from MongoDB in pieces. Raises StoreUnavailableError."""

    def __init__(self, source: GridOut) -> None:
        super().__init__()
        self._source = source
        metadata = source.metadata or {}
        self.name: str = str(source.filename)
        self.size: int = source.length
        self.type: str = metadata.get("type", UNKNOWN_TYPE)
        self.uploaded: datetime = source.upload_date
        self.etag: str = str(source._id)

    def readable(self) -> bool:
        """Return that it can be read."""
        return True

    def seekable(self) -> bool:
        """Return that it can be read from any position."""
        return True

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        """Move to a position; return it."""
        return self._source.seek(offset, whence)

    def tell(self) -> int:
        """Return the position."""
        return self._source.tell()

    def read(self, size: int | None = -1) -> bytes:
        """Return at most ``size`` bytes; all that are left when it is negative."""
        with mongo_errors():
            return self._source.read(-1 if size is None else size)

    def readinto(self, buffer: Any) -> int:
        """Fill a buffer and return how many bytes it got."""
        data = self.read(len(buffer))
        buffer[: len(data)] = data
        return len(data)


class FileWriter:
    """A stored file, open for writing in pieces. Raises StoreUnavailableError."""

    def __init__(self, target: GridIn, space: Space) -> None:
        self._target, self._space = target, space
        self.size_bytes = 0

    def write(self, data: bytes) -> int:
        """Append bytes."""
        with mongo_errors():
            self._target.write(data)
        self.size_bytes += len(data)
        self._space.spend(len(data))
        return len(data)
