"""A submission that is sent again under its idempotency key is the same computation, for a day."""

from __future__ import annotations

import io
import signal
import threading
from pathlib import Path

import pytest
from bson import ObjectId

import store as stores
from store import Computation, Once, Store, Submission
from tests import threads
from tests.mongod import run_mongod
from tests.store.conftest import Connect, age, claim, database_of, submit

DAY_S = 86400
END_S = 30.0
KEY = Once(("today", "yesterday"))
UNSTORED = {"_id": "unstored", "session": "other", "order": ObjectId(), "once": {"name": "today", "digest": b""}}


def first_of(store: Store, once: Once = KEY) -> str | None:
    first = store.repeats.find(once)
    return first and first.computation.id


def test_a_key_leads_to_its_computation_under_either_name(store: Store) -> None:
    assert store.repeats.find(KEY) is None
    id = submit(store, once=Once(("yesterday",)))
    assert first_of(store) == id and first_of(store, Once(("another",))) is None


def test_what_a_repeat_is_told_of_outlives_a_crash(tmp_path: Path, connect: Connect) -> None:
    with run_mongod(tmp_path) as mongod:
        store = connect(tmp_path)
        first = submit(store, once=Once(("other",)))
        waiting = database_of(store).early("computations")  # as one whose own request waits for the disk still
        waiting.insert_one({**(waiting.find_one({"_id": first}) or {}), **UNSTORED})
        assert first_of(store) == UNSTORED["_id"]
        mongod.signal(signal.SIGKILL)
        mongod.wait(END_S)
    with run_mongod(tmp_path):
        assert first_of(connect(tmp_path)) == UNSTORED["_id"]


def test_of_many_at_once_one_is_stored_and_all_are_told_it(connect: Connect) -> None:
    doors, ids = [connect() for _ in range(6)], []
    for door in doors:
        door.ping()
    together = threading.Barrier(len(doors), timeout=30)

    def send(door: Store) -> None:
        together.wait()
        upload = [("a.txt", io.BytesIO(b"x"))]
        ids.append(door.computations.submit(Submission("1", "python", uploads=upload, once=KEY, digest=b"d")).id)

    threads.run([threading.Thread(target=send, args=(door,)) for door in doors])
    assert len(ids) == len(doors) and len(set(ids)) == 1
    database = database_of(doors[0])
    assert database.collection("computations").count_documents({}) == 1
    assert database.collection("files.files").count_documents({}) == 1


def test_the_loser_of_a_race_with_another_body_is_told_so(store: Store) -> None:
    store.computations.submit(Submission("1", "python", once=KEY, digest=b"d"))
    with pytest.raises(stores.OtherBodyError):
        store.computations.submit(Submission("2", "python", once=KEY, digest=b"e"))


def test_a_turn_of_a_session_is_taken_once(store: Store) -> None:
    session = store.computations.get(submit(store, keep=True)).session  # type: ignore[union-attr]
    turns = [store.computations.submit(Submission("1", None, session, keep=True, once=KEY)) for _ in range(2)]
    assert turns[0].id == turns[1].id
    assert store.sessions.get(session).computations[1:] == [turns[0].id]  # type: ignore[union-attr]


@pytest.mark.parametrize(("age_s", "known"), [(DAY_S - 60, True), (DAY_S + 60, False)])
def test_a_key_is_known_for_a_day_and_then_free(store: Store, age_s: int, known: bool) -> None:
    id = submit(store, once=KEY)
    age(store, "computations", {"_id": id}, "submitted", age_s)
    assert (first_of(store) == id) == known
    assert (submit(store, once=KEY) == id) == known


@pytest.mark.parametrize(("age_s", "known"), [(DAY_S - 60, True), (DAY_S + 60, False)])
def test_a_key_outlives_its_computation(store: Store, age_s: int, known: bool) -> None:
    id = submit(store, once=KEY, code="a secret", keep=True)
    store.claims.finish(claim(store), "done")
    age(store, "computations", {"_id": id}, "submitted", age_s)
    store.deletion.computation(id)
    first = store.repeats.find(KEY)
    assert (first is not None) == known
    left = list(database_of(store).collection("deleted").find())
    assert "secret" not in str(left) and len(left) == known
    if first is not None:
        computation: Computation = first.computation
        assert first.is_deleted and (computation.id, computation.state) == (id, "done")
