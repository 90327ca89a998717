"""Run a real embedded mongod for tests."""

from __future__ import annotations

import sys
import uuid
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any

from pymongo import MongoClient

import settings as settings_file
import store as stores
from harness.processes import Process, start
from store import Store, StoreUnavailableError, embedded
from store.indexes import INDEXES

ROOT = Path(__file__).resolve().parent.parent
START_DEADLINE_S = 60.0
IDLE_S = 5


def answers(directory: Path) -> bool:
    """Return whether the mongod in a directory takes work."""
    door = stores.connect(settings_file.load(mongo_uri=embedded.uri(directory), mongo_timeout_s=0.5))
    try:
        door.ping()
    except StoreUnavailableError:
        return False
    finally:
        door.close()
    return True


def run_mongod(directory: Path) -> AbstractContextManager[Process]:
    """Run an embedded mongod until the block ends; it takes writes when the block begins."""
    argv = [sys.executable, "-m", "store.embedded", str(directory)]
    return start(argv, ready=lambda: answers(directory), deadline_s=START_DEADLINE_S, cwd=ROOT)


def close_idle_files(directory: Path) -> None:
    """Make a mongod close the files of databases that rest.

    Each test's database holds some fifty open; mongod ends at once when it may open no more, and to drop a database
    takes longer than most tests.
    """
    sweep = f"file_manager=(close_idle_time={IDLE_S},close_scan_interval={IDLE_S})"
    with MongoClient[dict[str, Any]](embedded.uri(directory)) as client:
        client.admin.command("setParameter", 1, wiredTigerEngineRuntimeConfig=sweep)


def new_name() -> str:
    """Return the name of a database that there is not yet."""
    return f"test_{uuid.uuid4().hex[:12]}"


class Databases:
    """The databases of one mongod that tests use one after another.

    To make one with its collections and indexes takes MongoDB 0.3 s, to empty it 0.03 s, and to find that all indexes
    are there 0.01 s for each connection.
    """

    def __init__(self, directory: Path) -> None:
        self._client = MongoClient[dict[str, Any]](embedded.uri(directory))
        self._used: list[str] = []
        self._whole: set[str] = set()

    def take(self) -> str:
        """Return the name of a database that is empty, and that nobody uses until it is given back."""
        if not self._used:
            return new_name()
        name = self._used.pop()
        database = self._client[name]
        there = database.list_collection_names()
        if INDEXES.keys() <= set(there):
            self._whole.add(name)
        for collection in there:
            if collection in INDEXES:
                database[collection].delete_many({})
            else:  # what MongoDB makes quickly, or can only drop
                database.drop_collection(collection)
        return name

    def spare(self, store: Store) -> None:
        """Spare a new connection to look for indexes that are there."""
        database = store._database
        database._has_indexes = database.settings.mongo_database in self._whole

    def give_back(self, name: str) -> None:
        """Let another test have it."""
        self._used.append(name)

    def close(self) -> None:
        """Close the connections."""
        self._client.close()
