"""A real embedded mongod for all tests, a database of its own for each."""

from __future__ import annotations

import json
import sys
import uuid
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any

import pytest

import settings as settings_file
import store as stores
from store import Claim, Store, StoreUnavailable, Submission, embedded
from tests.processes import Process, start

ROOT = Path(__file__).parents[2]
START_DEADLINE_S = 60.0

Connect = Callable[..., Store]


def run_mongod(directory: Path) -> AbstractContextManager[Process]:
    """Run an embedded mongod until the block ends; it takes writes when the block begins."""

    def answers() -> bool:
        door = stores.connect(settings_file.load(mongo_uri=embedded.uri(directory), mongo_timeout_s=0.5))
        try:
            door.ping()
        except StoreUnavailable:
            return False
        finally:
            door.close()
        return True

    argv = [sys.executable, "-m", "store.embedded", str(directory)]
    return start(argv, ready=answers, deadline_s=START_DEADLINE_S, cwd=ROOT)


@pytest.fixture(scope="session")
def mongo_directory(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A directory in which a mongod works for all tests."""
    directory = tmp_path_factory.mktemp("mongo")
    with run_mongod(directory):
        yield directory


@pytest.fixture
def connect(mongo_directory: Path) -> Iterator[Connect]:
    """Connect to this test's database, with changed settings if given; every call makes another connection."""
    doors: list[Store] = []
    database = f"test_{uuid.uuid4().hex[:12]}"

    def connect_to(directory: Path = mongo_directory, **changes: Any) -> Store:
        chosen = {"mongo_uri": embedded.uri(directory), "mongo_database": database, **changes}
        doors.append(stores.connect(settings_file.load(**chosen)))
        return doors[-1]

    yield connect_to
    for door in doors:
        door.close()


@pytest.fixture
def store(connect: Connect) -> Store:
    """The store over an empty database."""
    return connect()


def submit(store: Store, code: str = "1+1", **fields: Any) -> str:
    """Submit a computation and return its id."""
    return store.computations.submit(Submission(code, "python", **fields)).id


def try_claim(store: Store, device: str = "device-1", sessions: tuple[str, ...] = ()) -> Claim | None:
    """Return a claim, None when there is nothing to claim."""
    return store.computations.claim(device, languages=["python"], sessions=sessions, new_sessions=True)


def claim(store: Store, device: str = "device-1", sessions: tuple[str, ...] = ()) -> Claim:
    """Return a claim, which there has to be."""
    found = try_claim(store, device, sessions)
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
    changed = store._database.collection(collection).update_many(condition, [{"$set": {field: older}}])
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
