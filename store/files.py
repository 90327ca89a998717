"""Files in GridFS: those uploaded with a computation, and those it made or changed, each under its computation."""

from __future__ import annotations

import mimetypes
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, BinaryIO

from gridfs.synchronous.grid_file import GridIn, GridOut

from store.database import Database
from store.errors import available
from store.records import Claim

UPLOADED, MADE = "uploaded", "made"
DEFAULT_TYPE = "application/octet-stream"


@dataclass(frozen=True)
class Listed:
    """A file as lists show it: size in bytes, MIME type."""

    name: str
    size: int
    type: str


class StoredFile:
    """An open file: reads and seeks like any, and knows its ``size`` in bytes, ``type`` and ``etag``."""

    def __init__(self, out: GridOut) -> None:
        self._out = out
        self.name, self.size, self.etag = out.filename, int(out.length), str(out._id)
        self.type = (out.metadata or {}).get("type", DEFAULT_TYPE)

    @available()
    def read(self, size: int = -1) -> bytes:
        """Return up to ``size`` bytes. Raises StoreUnavailable."""
        return self._out.read(size)

    def seek(self, position: int, whence: int = 0) -> int:
        """Go to a position."""
        return self._out.seek(position, whence)

    def tell(self) -> int:
        """Return the position."""
        return self._out.tell()

    def seekable(self) -> bool:
        """Return that it is."""
        return True

    def close(self) -> None:
        """Close it."""
        self._out.close()


class Files:
    """The door to the bucket."""

    def __init__(self, database: Database) -> None:
        self._database = database

    @available()
    def write(self, claim: Claim, name: str) -> GridIn:
        """Return a writer for a file that a computation made: write(), then close() or abort()."""
        return self._writer(claim.id, name, MADE)

    @available()
    def upload(self, computation_id: str, name: str, file: BinaryIO) -> None:
        """Store a file that comes with a computation, piece by piece."""
        with self._writer(computation_id, name, UPLOADED) as writer:
            writer.write(file)

    def _writer(self, computation_id: str, name: str, kind: str) -> GridIn:
        media_type = mimetypes.guess_type(name, strict=False)[0] or DEFAULT_TYPE
        metadata = {"computation": computation_id, "kind": kind, "type": media_type}
        return self._database.bucket().open_upload_stream(name, metadata=metadata)

    @available()
    def list(self, computation_id: str) -> list[Listed]:
        """Return what a computation made or changed, by name."""
        return [
            Listed(file["filename"], int(file["length"]), file["metadata"]["type"])
            for file in self._found(computation_id, MADE)
        ]

    @available()
    def open(self, computation_id: str, name: str) -> StoredFile | None:
        """Return the file that a computation made under this name; None when there is none."""
        for file in self._found(computation_id, MADE, name):
            return StoredFile(self._database.bucket().open_download_stream(file["_id"]))
        return None

    @available()
    def uploads(self, computation_id: str) -> list[tuple[str, StoredFile]]:
        """Return what was uploaded with a computation, opened."""
        bucket = self._database.bucket()
        return [
            (file["filename"], StoredFile(bucket.open_download_stream(file["_id"])))
            for file in self._found(computation_id, UPLOADED)
        ]

    @available()
    def delete(self, computation_ids: list[str]) -> None:
        """Delete all files of computations."""
        bucket = self._database.bucket()
        wanted = {"metadata.computation": {"$in": computation_ids}}
        for file in self._database.collection("fs.files").find(wanted, {"_id": 1}):
            bucket.delete(file["_id"])

    def _found(self, computation_id: str, kind: str, name: str | None = None) -> Iterator[dict[str, Any]]:
        wanted: dict[str, Any] = {"metadata.computation": computation_id, "metadata.kind": kind}
        if name is not None:
            wanted["filename"] = name
        return self._database.collection("fs.files").find(wanted).sort([("filename", 1), ("uploadDate", -1)])
