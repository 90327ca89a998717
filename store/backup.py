"""Writes all that is stored into a directory, as it was at one moment, while the server runs.

A backup is a file for each collection, with its documents one after another as BSON, which is how mongodump writes
them, and ``backup.json``, which is written last: what is in the files, and which migrations are done.
"""

from __future__ import annotations

import hashlib
import json
import os
import re
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import cast

import msgspec
import pymongo
from pymongo.client_session import ClientSession
from pymongo.errors import OperationFailure

from store import schema
from store.database import Database
from store.errors import AdministrationError, guarded

MANIFEST = "backup.json"
MANIFEST_BYTES_MAX = 1 << 20
_NAME = re.compile(r"[A-Za-z_][\w.-]{0,100}", re.ASCII)  # of a collection, and of its file
# What is worth nothing later: who waits for what, who is alive, what is being read.
LEFT_OUT = frozenset({"hints", "devices", "questions", "reservations", schema.NAME})
COPY_S = 4 * 3600.0
PIECE_BYTES = 1 << 20
# So long MongoDB keeps what is overwritten meanwhile, where it lets us say so; else 300 s.
HISTORY_S = 3600
HISTORY = "minSnapshotHistoryWindowInSeconds"
_SNAPSHOT_TOO_OLD = 239  # MongoDB's code of an error


@dataclass(frozen=True)
class CollectionFile:
    """What is in the file of one collection."""

    documents: int
    bytes: int
    sha256: str


@dataclass(frozen=True)
class Manifest:
    """What is in a backup. ``at``: the time by MongoDB's clock; all that was acknowledged before it is there."""

    at: str
    done: list[int]
    oldest: int
    collections: dict[str, CollectionFile]

    @property
    def size_bytes(self) -> int:
        """How long the files are together."""
        return sum(file.bytes for file in self.collections.values())


class Backup:
    """The writer of backups."""

    def __init__(self, database: Database) -> None:
        self._database = database

    @guarded
    def write(self, directory: Path) -> Manifest:
        """Write a backup into a directory that is not there yet; return what is in it.

        It has its name when it is whole and on the disk. Raises AdministrationError, StoreUnavailableError.
        """
        part = directory.with_name(f"{directory.name}.part")
        if directory.exists():
            raise AdministrationError(f"{directory} is there already; a backup has a directory of its own.")
        try:
            if part.exists():  # of a backup that was interrupted
                shutil.rmtree(part)
            part.mkdir(mode=0o700)
            manifest = self._copy(part)
            _write(part / MANIFEST, json.dumps(asdict(manifest), indent=1).encode())
            part.rename(directory)
            _sync(directory.absolute().parent)
        except OSError as error:
            raise AdministrationError(f"{directory} cannot be written: {error.strerror}.") from error
        except OperationFailure as error:
            if error.code != _SNAPSHOT_TOO_OLD:
                raise
            raise AdministrationError(
                f"The backup took longer than MongoDB keeps what is overwritten: raise its parameter {HISTORY}."
            ) from error
        return manifest

    def _copy(self, part: Path) -> Manifest:
        # In this order: what is acknowledged before the time is in one of the collections, and before the first read.
        at, database = self._database.now().isoformat(), self._database.ready()
        names = sorted(name for name in database.list_collection_names() if is_kept(name))
        with pymongo.timeout(COPY_S), self._history_kept(), self._database.snapshot() as session:
            note = schema.read(database, session)  # the first read; it chooses the moment for all
            files = {name: self._copy_collection(name, part / f"{name}.bson", session) for name in names}
        return Manifest(at, note["done"], note["oldest"], files)

    def _copy_collection(self, name: str, file: Path, session: ClientSession) -> CollectionFile:
        documents, size_bytes, digest = 0, 0, hashlib.sha256()
        pieces = cast(Iterator[bytes], self._database.ready()[name].find_raw_batches({}, session=session))
        with open(os.open(file, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as target:
            for piece in pieces:
                documents += _count(piece)
                size_bytes += len(piece)
                digest.update(piece)
                target.write(piece)
            target.flush()
            os.fsync(target.fileno())
        return CollectionFile(documents, size_bytes, digest.hexdigest())

    @contextmanager
    def _history_kept(self) -> Iterator[None]:
        """Have MongoDB keep what is overwritten in the block, if we may tell it so."""
        admin = self._database.ready().client.admin
        try:
            before = admin.command({"getParameter": 1, HISTORY: 1})[HISTORY]
            admin.command({"setParameter": 1, HISTORY: HISTORY_S})
        except OperationFailure:
            yield
            return
        try:
            yield
        finally:
            # The embedded one keeps none; a backup that was killed has not told it so.
            admin.command({"setParameter": 1, HISTORY: before if self._database.settings.mongo_uri else 0})


def is_kept(name: str) -> bool:
    """Return whether a collection belongs into a backup."""
    return name not in LEFT_OUT and not name.startswith("system.")


def read_manifest(directory: Path) -> Manifest:
    """Return what is in a backup. Raises AdministrationError when it is none."""
    try:
        with open(directory / MANIFEST, "rb") as source:
            return msgspec.json.decode(source.read(MANIFEST_BYTES_MAX), type=Manifest)
    except (OSError, msgspec.MsgspecError) as error:
        raise AdministrationError(f"{directory} is no backup: it has no {MANIFEST} that can be read.") from error


def check_file(directory: Path, name: str, file: CollectionFile) -> None:
    """Raise AdministrationError unless the file of a collection is as it was written, and one that a backup has."""
    if not is_kept(name) or not _NAME.fullmatch(name):
        raise AdministrationError(f"The backup names a collection {name!r}, which no backup has.")
    path, digest = directory / f"{name}.bson", hashlib.sha256()
    try:
        # What has another length is not read: it may have no end.
        is_whole = path.stat().st_size == file.bytes and path.is_file()
        if is_whole:
            with open(path, "rb") as source:
                while piece := source.read(PIECE_BYTES):
                    digest.update(piece)
    except OSError as error:
        raise AdministrationError(f"The backup lacks its {name}.bson: {error.strerror}.") from error
    if not is_whole or digest.hexdigest() != file.sha256:
        raise AdministrationError(f"The backup is damaged: its {name}.bson is not what was written.")


def _count(piece: bytes) -> int:
    """Return how many documents these are; each begins with its length."""
    count = at = 0
    while at < len(piece):
        at += int.from_bytes(piece[at : at + 4], "little")
        count += 1
    return count


def _write(file: Path, data: bytes) -> None:
    with open(os.open(file, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as target:
        target.write(data)
        target.flush()
        os.fsync(target.fileno())


def _sync(directory: Path) -> None:
    descriptor = os.open(directory, os.O_RDONLY | os.O_DIRECTORY)
    os.fsync(descriptor)
    os.close(descriptor)
