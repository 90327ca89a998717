"""Gives each test a database of its own, and the steps that tests of the store take."""

from __future__ import annotations

import json
import weakref
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

import settings as settings_file
from store import Claim, Store, Submission, embedded
from store.database import Database
from tests.mongod import Databases

Connect = Callable[..., Store]
_databases: weakref.WeakKeyDictionary[Store, Database] = weakref.WeakKeyDictionary()


@pytest.fixture
def connect(mongo_directory: Path, database_name: str, databases: Databases) -> Iterator[Connect]:
    """Connect to this test's database, with changed settings if given; every call makes another connection."""
    doors: list[Store] = []

    def connect_to(directory: Path = mongo_directory, **changes: Any) -> Store:
        chosen = {"mongo_uri": embedded.uri(directory), "mongo_database": database_name, **changes}
        database = Database(settings_file.load(**chosen), "test")
        doors.append(Store(database))
        if directory == mongo_directory:
            databases.spare(doors[-1])
        _databases[doors[-1]] = database
        return doors[-1]

    yield connect_to
    for door in doors:
        door.close()


@pytest.fixture
def store(connect: Connect) -> Store:
    """The store over an empty database."""
    return connect()


@pytest.fixture
def database(store: Store) -> Database:
    """The database below the store, to look at what is stored or to change it."""
    return database_of(store)


def database_of(store: Store) -> Database:
    """Return the database below a store that ``connect`` made."""
    return _databases[store]


def submit(store: Store, code: str = "1+1", language: str = "python", **fields: Any) -> str:
    """Submit a computation and return its id."""
    return store.computations.submit(Submission(code, language, **fields)).id


def try_claim(store: Store, device: str = "device-1", sessions: tuple[str, ...] = (), **which: Any) -> Claim | None:
    """Return a claim, None when there is nothing to claim."""
    return store.claims.claim(device, languages=["python"], sessions=sessions, new_sessions=True, **which)


def claim(store: Store, device: str = "device-1", sessions: tuple[str, ...] = (), **which: Any) -> Claim:
    """Return a claim, which there has to be."""
    found = try_claim(store, device, sessions, **which)
    assert found is not None
    return found


def state_of(store: Store, id: str) -> tuple[str, str | None]:
    """Return state and reason."""
    computation = store.computations.get(id)
    assert computation is not None
    return computation.state, computation.reason


def message(text: str) -> bytes:
    """Return a message as a device writes it."""
    return b'{"channel":"iopub","header":{"msg_type":"stream"},"content":{"text":"%s"}}' % text.encode()


def age(store: Store, collection: str, condition: dict[str, Any], field: str, seconds: float) -> None:
    """Move a time in the database into the past, as if so many seconds had gone by."""
    older = {"$subtract": [f"${field}", int(seconds * 1000)]}
    changed = database_of(store).collection(collection).update_many(condition, [{"$set": {field: older}}])
    assert changed.matched_count


def let_lease_run_out(store: Store, id: str) -> None:
    """Let a claim's lease run out, as if its device had died a while ago."""
    age(store, "computations", {"_id": id}, "lease_until", 3600)


def texts(store: Store, id: str, after: int = -1) -> list[str]:
    """Return the printed texts of a computation, having checked that sequences have no gaps."""
    found = store.messages.after(id, after)
    assert found is not None
    messages = [json.loads(text) for text in found[0]]
    assert [message["sequence"] for message in messages] == list(range(after + 1, found[1].sequence + 1))
    return [message["content"]["text"] for message in messages]
