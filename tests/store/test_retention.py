"""Retention: what ended long ago goes, with all that belongs to it, and nothing else."""

from __future__ import annotations

import io

import pytest

from store import Store, Submission
from tests.store.conftest import Connect, age, claim, database_of, message, state_of, submit

RETENTION_S = 1000
DAY_S = 86400.0


@pytest.fixture
def store(connect: Connect) -> Store:
    """The store over an empty database with a short retention."""
    return connect(retention_s=RETENTION_S)


def run(store: Store, keep: bool = False) -> str:
    """Return the id of a computation with messages, an upload and a file."""
    upload = ("in.txt", io.BytesIO(b"in"))
    id = store.computations.submit(Submission("1", "python", keep=keep, uploads=(upload,))).id
    held = claim(store)
    with store.files.write(held, "out.txt") as writer:
        writer.write(b"out")
    store.claims.append(held, [message("x")])
    store.claims.finish(held, "done", messages=[message("y")])
    return id


def counts(store: Store) -> dict[str, int]:
    """Return how much there is in each collection."""
    names = ("computations", "messages", "files.files", "files.chunks", "sessions")
    return {name: database_of(store).collection(name).count_documents({}) for name in names}


@pytest.mark.parametrize(("age_s", "kept"), [(RETENTION_S - 60, True), (RETENTION_S + 60, False)])
def test_what_ended_long_ago_goes_with_all_that_belongs_to_it(store: Store, age_s: float, kept: bool) -> None:
    old, new = run(store), run(store)
    age(store, "computations", {"_id": old}, "finished", age_s)
    assert store.sweep() == (0 if kept else 1)
    assert (store.computations.get(old) is None) != kept
    assert (store.messages.after(old, -1) is None) != kept
    assert (store.files.open(old, "out.txt") is None) != kept
    assert state_of(store, new) == ("done", None) and [file.name for file in store.files.list(new)] == ["out.txt"]
    one = {"computations": 1, "messages": 1, "files.files": 2, "files.chunks": 2, "sessions": 0}
    assert counts(store) == ({name: 2 * count for name, count in one.items()} if kept else one)


def test_what_is_not_over_stays_however_old_it_is(store: Store) -> None:
    queued, running = submit(store), submit(store)
    store.computations.request_cancel(queued)
    queued = submit(store)
    claim(store)
    for id in (queued, running):
        age(store, "computations", {"_id": id}, "submitted", 100 * DAY_S)
    store.sweep()
    assert [state_of(store, id)[0] for id in (running, queued)] == ["running", "queued"]


def test_more_than_one_round_is_swept(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("store.retention.AT_ONCE", 2)
    for _ in range(5):
        run(store)
    age(store, "computations", {}, "finished", RETENTION_S + 60)
    assert store.sweep() == 5 and set(counts(store).values()) == {0}


def test_sessions_and_devices_go_too(store: Store) -> None:
    id = run(store, keep=True)
    computation = store.computations.get(id)
    assert computation is not None
    store.sessions.end(computation.session)
    store.devices.report("device-1", "host", {})
    store.sweep()
    assert counts(store)["sessions"] == 1
    age(store, "computations", {}, "finished", RETENTION_S + 60)
    age(store, "sessions", {}, "ended", RETENTION_S + 60)
    age(store, "devices", {}, "reported", 2 * DAY_S)
    store.sweep()
    assert counts(store)["sessions"] == 0 and database_of(store).collection("devices").count_documents({}) == 0


def test_an_old_file_without_a_computation_goes(store: Store) -> None:
    run(store)
    store.files.receive("never", [("a", io.BytesIO(b"x"))])
    store.sweep()
    assert counts(store)["files.files"] == 3
    age(store, "files.files", {}, "uploadDate", RETENTION_S + 60)
    store.sweep()
    assert counts(store)["files.files"] == 2
