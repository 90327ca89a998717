"""Room is made before a bound is met: the oldest that has ended goes, and nothing that has not."""

from __future__ import annotations

import os

import pytest

from store import Once, Requester, Store, repeats
from tests.mongod import new_name
from tests.store.conftest import Connect, age, claim, database_of, message, state_of, submit

KIB = 1 << 10
MIB = 1 << 20


@pytest.fixture
def database_name() -> str:
    """A new database: what it takes on the disk is measured."""
    return new_name()


def run(store: Store, size_bytes: int, client: str | None = None, once: Once | None = None) -> str:
    """Run a cell that makes a file of this size; return its id."""
    id = submit(store, requester=Requester(client), once=once)
    held = claim(store)
    with store.files.write(held, "a.bin") as file:
        file.write(os.urandom(size_bytes))
    store.claims.finish(held, "done", messages=[message("x")])
    if client is not None:
        store.clients.count({client: held.stored_bytes - held.counted_bytes})
    return id


def left(store: Store, ids: list[str]) -> list[bool]:
    """Return which of these computations are there, each with its file or neither."""
    there = [store.computations.get(id) is not None for id in ids]
    assert there == [store.files.open(id, "a.bin") is not None for id in ids]
    return there


def test_the_oldest_that_ended_go_and_what_waits_and_runs_stays(connect: Connect) -> None:
    store = connect(stored_bytes_max=10 * MIB, client_stored_bytes_max=10 * MIB)
    running = submit(store)
    held = claim(store)
    ids = [run(store, MIB) for _ in range(9)]
    queued = submit(store)
    room = store.make_room()
    kept = left(store, ids)
    assert not room.is_full and kept == sorted(kept) and 0 < room.deleted == kept.count(False) < 5
    assert room.stored_bytes <= 10 * MIB * 7 / 8
    assert [state_of(store, id)[0] for id in (running, queued)] == ["running", "queued"]
    store.claims.finish(held, "done")
    assert store.make_room().deleted == 0


def test_below_seven_eighths_nothing_goes(connect: Connect) -> None:
    store = connect(stored_bytes_max=10 * MIB, client_stored_bytes_max=10 * MIB)
    ids = [run(store, MIB) for _ in range(8)]
    assert store.make_room().deleted == 0 and all(left(store, ids))


def test_a_client_with_too_much_loses_its_own_oldest_and_nobody_else_anything(connect: Connect) -> None:
    store = connect(stored_bytes_max=100 * MIB, client_stored_bytes_max=4 * MIB)
    others = [run(store, MIB, "b"), run(store, MIB)]
    ids = [run(store, MIB, "a") for _ in range(6)]
    room = store.make_room()
    assert all(left(store, others)) and left(store, ids) == [False] * 4 + [True] * 2
    assert room.full_clients == [] and store.clients.largest(0)["a"] < 4 * MIB
    assert store.make_room().deleted == 0


@pytest.mark.parametrize("most", [3, 4, 5])
def test_of_a_client_with_too_much_the_keys_of_the_newest_deleted_cells_are_known(
    connect: Connect, monkeypatch: pytest.MonkeyPatch, most: int
) -> None:
    monkeypatch.setattr(repeats, "LEFT_MAX", most)
    store = connect(stored_bytes_max=100 * MIB, client_stored_bytes_max=4 * MIB)
    keys = [Once((f"key {number}",)) for number in range(6)]
    others = Once(("another's",))
    store.deletion.computation(run(store, MIB, "b", others))
    ids = [run(store, MIB, "a", key) for key in keys]
    store.make_room()
    assert left(store, ids) == [False] * 4 + [True] * 2
    known = [store.repeats.find(key) is not None for key in keys]
    assert known == [False] * max(0, 4 - most) + [True] * (2 + min(4, most))
    assert store.repeats.find(others) is not None


def test_who_has_too_much_that_has_not_ended_is_named(connect: Connect) -> None:
    store = connect(stored_bytes_max=100 * MIB, client_stored_bytes_max=4 * MIB)
    computations = database_of(store).collection("computations")
    for client, stored_bytes in (("a", 4 * MIB + 1), ("b", 4 * MIB)):
        id = submit(store, requester=Requester(client))
        computations.update_one({"_id": id}, {"$set": {"stored_bytes": stored_bytes}})
        store.clients.count({client: stored_bytes})
    assert store.make_room().full_clients == ["a"]


def test_a_count_that_is_wrong_is_put_right(connect: Connect) -> None:
    store = connect(stored_bytes_max=100 * MIB, client_stored_bytes_max=4 * MIB)
    submit(store, requester=Requester("a"))
    store.clients.count({"a": 5 * MIB})
    assert store.make_room().full_clients == [] and 0 < store.clients.largest(0)["a"] < MIB


def test_what_goes_after_its_time_is_not_counted_any_more(connect: Connect) -> None:
    store = connect(retention_s=1000, client_stored_bytes_max=100 * MIB)
    run(store, MIB, "a")
    assert store.clients.largest(0)["a"] > MIB
    age(store, "computations", {}, "finished", 1060)
    store.sweep()
    assert store.clients.largest(0) == {}


def test_that_nothing_has_ended_is_said(connect: Connect) -> None:
    store = connect(stored_bytes_max=2 * MIB, client_stored_bytes_max=2 * MIB)
    submit(store)
    held = claim(store)
    with store.files.write(held, "a.bin") as file:
        file.write(os.urandom(3 * MIB))
    assert store.make_room().is_full
    store.claims.finish(held, "done")
    assert not store.make_room().is_full


def test_more_than_one_round_is_deleted(connect: Connect, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("store.room.AT_ONCE", 2)
    store = connect(stored_bytes_max=MIB, client_stored_bytes_max=MIB)
    ids = [run(store, 300 * KIB) for _ in range(9)]
    # What is small is not deleted before its reader has had a minute.
    assert store.make_room().is_full and all(left(store, ids))
    age(store, "computations", {}, "finished", 61)
    store.make_room()
    assert left(store, ids)[:7] == [False] * 7


def test_under_a_short_flood_the_sum_stays_bounded(connect: Connect) -> None:
    store = connect(stored_bytes_max=20 * MIB, client_stored_bytes_max=20 * MIB)
    most = 0
    for _ in range(12):
        for _ in range(4):
            run(store, MIB)
        most = max(most, store.make_room().stored_bytes)
    assert most <= 20 * MIB
