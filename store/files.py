"""Stores the files that come with a computation and those that it makes; each computation has its own.

``kind`` is "in" for uploads and "out" for what the code made or changed.
"""

from __future__ import annotations

import io
import mimetypes
import threading
import time
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime, timezone
from itertools import islice
from typing import IO, Any

from bson import ObjectId
from pymongo import ASCENDING, DESCENDING, UpdateOne

from store.database import Database
from store.errors import LostClaimError, guarded, mongo_errors
from store.file_streams import AT_ONCE_BYTES, FILES, PIECES, UNKNOWN_TYPE, FileWriter, StoredFile
from store.models import Claim
from store.space import Space

AT_ONCE = 500  # files in one round, so that each call stays short
DOCUMENT_BYTES = 512  # what a file takes beside its bytes, with its entries in the indexes

# The machine's own list is not read, so that types are the same on every host.
_types = mimetypes.MimeTypes()


@dataclass(frozen=True)
class FileEntry:
    """The name and nature of a file of a computation; ``size`` is in bytes."""

    name: str
    size: int
    type: str
    uploaded: datetime


class Files:
    """The files of all computations."""

    def __init__(self, database: Database, space: Space) -> None:
        self._database, self._space = database, space
        self._receiving = threading.Lock()

    @contextmanager
    def write(self, claim: Claim, name: str) -> Iterator[FileWriter]:
        """Yield a writer for a file that the claim's computation made; an exception in the block discards the file.

        The file can be read when the block has ended. Raises LostClaimError (nothing of it is stored then),
        StoreUnavailableError.
        """
        metadata = {"computation": claim.id, "session": claim.session, "attempt": claim.attempt}
        writer = self._create(name, "out", metadata)
        try:
            yield writer
            size_bytes = writer.size_bytes + DOCUMENT_BYTES
            with mongo_errors():
                if not self._count(claim, size_bytes):
                    raise LostClaimError(f"computation {claim.id} is not this device's any more")
            writer.close()
            claim.stored_bytes += size_bytes
        except BaseException:
            writer.abort()
            raise

    @guarded
    def list(self, computation: str) -> list[FileEntry]:
        """Return the files that the computation made, by name. Raises StoreUnavailableError."""
        return [
            FileEntry(found["filename"], found["length"], found["metadata"]["type"], found["uploadDate"])
            for found in self._newest(computation, "out", self._attempt(computation))
        ]

    @guarded
    def open(self, computation: str, name: str) -> StoredFile | None:
        """Return a file that the computation made, None when there is none. Raises StoreUnavailableError."""
        condition = {**_of(computation, "out"), "filename": name, "metadata.attempt": self._attempt(computation)}
        found = self._database.collection(FILES).find_one(condition, sort=[("_id", DESCENDING)])
        return None if found is None else StoredFile(self._database, found)

    @guarded
    def uploads(self, computation: str) -> Sequence[tuple[str, StoredFile]]:
        """Return names and contents of the files that came with the computation. Raises StoreUnavailableError."""
        return [(found["filename"], StoredFile(self._database, found)) for found in self._newest(computation, "in", 1)]

    def receive(self, computation: str, uploads: Iterable[tuple[str, IO[bytes]]]) -> Sequence[str]:
        """Store the files that come with a computation; return their names.

        Those of one process are stored piece by piece in turns, and half of the time none is. Raises PyMongoError,
        StoreUnavailableError.
        """
        names = []
        for name, untrusted_file in uploads:
            writer = self._create(name, "in", {"computation": computation, "attempt": 1})
            try:
                while piece := untrusted_file.read(AT_ONCE_BYTES):
                    with self._receiving:
                        began = time.monotonic()
                        writer.write(piece)
                        if len(piece) == AT_ONCE_BYTES:
                            time.sleep(time.monotonic() - began)
                writer.close()
            except BaseException:
                writer.abort()
                self.forget([computation])
                raise
            names.append(name)
        return names

    def forget(self, computations: Sequence[str]) -> None:
        """Delete the files of these computations. Raises PyMongoError."""
        theirs = {"metadata.computation": {"$in": computations}}
        self._delete([file["_id"] for file in self._database.collection(FILES).find(theirs, {"_id": 1})])

    def forget_old(self, before: datetime) -> Counter[str]:
        """Delete the files of computations that had ended by then; return the bytes by client. Raises PyMongoError."""
        freed: Counter[str] = Counter()
        files = self._database.collection(FILES)
        old = files.find({"uploadDate": {"$lt": before}}, {"metadata.computation": 1, "length": 1})
        while batch := list(islice(old, AT_ONCE)):
            sizes_bytes: Counter[str] = Counter()
            for file in batch:
                sizes_bytes[file["metadata"]["computation"]] += file["length"] + DOCUMENT_BYTES
            # An unfinished computation has null there, which is not less than a time.
            ended = {"_id": {"$in": list(sizes_bytes)}, "finished": {"$lt": before}}
            clients = {found["_id"]: found.get("client") for found in
                       self._database.collection("computations").find(ended, {"client": 1})}  # fmt: skip
            self._delete([file["_id"] for file in batch if file["metadata"]["computation"] in clients])
            updates = [UpdateOne({"_id": id}, {"$inc": {"stored_bytes": -sizes_bytes[id]}}) for id in clients]
            if updates:
                self._database.early("computations").bulk_write(updates, ordered=False)
            for id, client in clients.items():
                if client:
                    freed[client] += sizes_bytes[id]
        return freed

    def forget_stray(self, before: datetime) -> None:
        """Delete old files without a computation and old pieces without a file. Raises PyMongoError."""
        files = self._database.collection(FILES)
        found = files.find({"uploadDate": {"$lt": before}}, {"metadata.computation": 1})
        while batch := list(islice(found, AT_ONCE)):
            old = {file["_id"]: file["metadata"]["computation"] for file in batch}
            theirs = {"_id": {"$in": list(old.values())}}
            known = set(self._database.collection("computations").distinct("_id", theirs))
            self._delete([id for id, computation in old.items() if computation not in known])
        # An ObjectId begins with the time of its making.
        first_kept = ObjectId.from_datetime(before.astimezone(timezone.utc))
        pieces = self._database.collection(PIECES).distinct("files_id", {"files_id": {"$lt": first_kept}})
        self._delete([id for id in pieces if id not in set(files.distinct("_id", {"_id": {"$in": pieces}}))])

    def _delete(self, ids: Sequence[ObjectId]) -> None:
        if ids:
            self._database.collection(FILES).delete_many({"_id": {"$in": ids}})
            self._database.collection(PIECES).delete_many({"files_id": {"$in": ids}})

    def _create(self, name: str, kind: str, metadata: dict[str, Any]) -> FileWriter:
        described = {**metadata, "kind": kind, "type": media_type(name)}
        return FileWriter(self._database, self._space, name, described)

    def _newest(self, computation: str, kind: str, attempt: int) -> Sequence[dict[str, Any]]:
        found = self._database.collection(FILES).find({**_of(computation, kind), "metadata.attempt": attempt})
        by_age = found.sort([("filename", ASCENDING), ("_id", ASCENDING)])
        return list({file["filename"]: file for file in by_age}.values())

    def _attempt(self, computation: str) -> int:
        # The files of a lost attempt are not shown.
        found = self._database.collection("computations").find_one({"_id": computation}, {"attempt": 1})
        return 0 if found is None else int(found["attempt"])

    def _count(self, claim: Claim, size_bytes: int) -> bool:
        """Add a file to what is stored of a computation; return False when that is not the claim's any more."""
        mine = {"_id": claim.id, "state": "running", "token": claim.token}
        counted = {"$inc": {"stored_bytes": size_bytes}}
        # The write that follows waits for the disk.
        return self._database.early("computations").update_one(mine, counted).matched_count == 1


def size_of(file: IO[bytes]) -> int:
    """Return how much room an open file takes in the store; leave the file at its beginning."""
    size_bytes = file.seek(0, io.SEEK_END)
    file.seek(0)
    return size_bytes + DOCUMENT_BYTES


def media_type(name: str) -> str:
    """Return the media type that a file's name suggests; compressed files are just bytes."""
    found, coding = _types.guess_type(name.rpartition("/")[2], strict=True)
    return found if found and coding is None else UNKNOWN_TYPE


def _of(computation: str, kind: str) -> dict[str, Any]:
    return {"metadata.computation": computation, "metadata.kind": kind}
