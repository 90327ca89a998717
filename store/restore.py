"""Fills an empty database from a backup, and settles what was in flight at the backup's moment.

What ran is queued again, without using up an attempt. Kept sessions have ended: their kernels have gone on since, if
they are there at all, and nobody shall see two pasts of one session.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pymongo
from bson import CodecOptions, decode_file_iter
from bson.errors import InvalidBSON, InvalidDocument
from bson.raw_bson import RawBSONDocument

from store import schema
from store.backup import Manifest, check_file, is_kept, read_manifest
from store.database import EARLY, Database
from store.errors import AdministrationError, guarded
from store.expiry import Expiry
from store.forced_end import NEEDED
from store.sessions import Sessions

RESTORE_S = 12 * 3600.0
ANSWER_S = 1.0
AT_ONCE, AT_ONCE_BYTES = 1000, 8 << 20  # documents in one command
_RAW: CodecOptions[Any] = CodecOptions(document_class=RawBSONDocument)


@dataclass(frozen=True)
class Restored:
    """What came of a restore. ``in_flight``: what ran and is queued again, or has ended; ``sessions``: that ended."""

    manifest: Manifest
    in_flight: int
    sessions: int


class Restore:
    """The reader of backups."""

    def __init__(self, database: Database, sessions: Sessions, expiry: Expiry) -> None:
        self._database, self._sessions, self._expiry = database, sessions, expiry

    @guarded
    def can_write(self) -> bool:
        """Return whether MongoDB takes writes already. Raises StoreUnavailableError."""
        with pymongo.timeout(ANSWER_S):
            return bool(self._database.bare.command("hello")["isWritablePrimary"])

    @guarded
    def fill(self, directory: Path) -> Restored:
        """Fill the database, which has to be empty; one that was interrupted may be run again.

        Until it is through no program works with the database. Raises AdministrationError, StoreUnavailableError.
        """
        manifest = read_manifest(directory)
        if manifest.oldest > schema.KNOWN:
            raise AdministrationError("The backup is of a newer version of this program; restore it with that one.")
        for name, file in manifest.collections.items():
            check_file(directory, name, file)
        with pymongo.timeout(RESTORE_S):
            self._begin()
            for name in manifest.collections:
                self._fill_collection(name, directory / f"{name}.bson")
            try:
                self._database.ensure_indexes()
                self._database.trust_schema()
                in_flight, sessions = self._settle()
            except (KeyError, TypeError, ValueError, AttributeError) as error:
                raise AdministrationError("The backup has documents that no server has written.") from error
            note = {"done": manifest.done, "oldest": manifest.oldest}
            schema.change(self._database.bare, {"$set": note, "$unset": {"restoring": ""}})
        return Restored(manifest, in_flight, sessions)

    def _begin(self) -> None:
        """Keep programs away, and empty what an interrupted restore has left."""
        database = self._database.bare
        names = [name for name in database.list_collection_names() if name != schema.NAME]
        if not schema.read(database).get("restoring"):
            full = [name for name in names if is_kept(name) and database[name].find_one({}, {"_id": 1})]
            if full:
                raise AdministrationError(
                    f"The database {database.name!r} is not empty: it has something in {', '.join(sorted(full))}."
                )
            schema.change(database, {"$set": {"restoring": True}})
        for name in names:
            database.drop_collection(name)

    def _fill_collection(self, name: str, file: Path) -> None:
        collection = self._database.bare.get_collection(name, write_concern=EARLY)
        try:
            for batch in _batches(file):
                collection.insert_many(batch, ordered=False)
        except (InvalidBSON, InvalidDocument) as error:
            raise AdministrationError(f"The backup is damaged: its {name}.bson cannot be read.") from error

    def _settle(self) -> tuple[int, int]:
        """Give back what ran, and end what sessions are left; return how many there were of each."""
        now = self._database.now()
        computations, sessions = self._database.collection("computations"), self._database.collection("sessions")
        running = list(computations.find({"state": "running"}, NEEDED).hint("leases"))
        for document in running:
            # With a first turn its session is as if it had not begun; a later one ends it.
            self._expiry.give_back(document, {}, suspect=False, counts=False)
        for held in list(sessions.find({"state": {"$in": ["idle", "busy"]}}, {"_id": 1})):
            self._sessions.end(held["_id"])
        return len(running), sessions.count_documents({"ended": {"$gte": now}})


def _batches(file: Path) -> Iterator[list[RawBSONDocument]]:
    batch: list[RawBSONDocument] = []
    size_bytes = 0
    with open(file, "rb") as source:
        for document in decode_file_iter(source, _RAW):
            batch.append(document)
            size_bytes += len(document.raw)
            if len(batch) == AT_ONCE or size_bytes >= AT_ONCE_BYTES:
                yield batch
                batch, size_bytes = [], 0
    if batch:
        yield batch
