"""Retention: what ended long ago goes, with all that belongs to it, and nothing else."""

from __future__ import annotations

import io

import pytest

from store import Requester, Store, Submission
from tests.store.conftest import Connect, age, claim, database_of, message, state_of, submit

RETENTION_S = 1000
DAY_S = 86400.0


@pytest.fixture
def store(connect: Connect) -> Store:
    """The store over an empty database with a short retention."""
    return connect(retention_s=RETENTION_S)


def run(store: Store, keep: bool = False, client: str | None = None) -> str:
    """Return the id of a computation with messages, an upload and a file."""
    upload, asked_by = ("in.txt", io.BytesIO(b"in")), Requester(client)
    id = store.computations.submit(Submission("1", "python", keep=keep, uploads=(upload,), requester=asked_by)).id
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


@pytest.mark.parametrize(("age_s", "kept"), [(300 - 60, True), (300 + 60, False)])
def test_files_may_go_before_their_computation(connect: Connect, age_s: float, kept: bool) -> None:
    store = connect(retention_s=RETENTION_S, files_retention_s=300)
    id, new = run(store, client="a"), run(store, client="b")
    running = store.computations.submit(Submission("1", "python", uploads=[("in.txt", io.BytesIO(b"in"))])).id
    before = database_of(store).collection("computations").find_one({"_id": id})
    store.clients.count({"a": 10_000})
    age(store, "files.files", {"metadata.computation": {"$in": [id, running]}}, "uploadDate", age_s + 10)
    age(store, "computations", {"_id": id}, "finished", age_s)
    store.sweep()
    after = database_of(store).collection("computations").find_one({"_id": id})
    assert before and after
    assert len(store.files.list(id)) == kept and len(store.files.uploads(running)) == 1
    assert [file.name for file in store.files.list(new)] == ["out.txt"]
    freed_bytes = before["stored_bytes"] - after["stored_bytes"]
    assert freed_bytes == (0 if kept else 2 * 512 + len(b"in" + b"out"))
    assert store.clients.largest(0)["a"] == 10_000 - freed_bytes
    assert store.messages.after(id, -1) is not None


@pytest.mark.parametrize(("age_s", "kept"), [(RETENTION_S - 60, True), (RETENTION_S + 60, False)])
def test_a_permalink_that_nobody_uses_goes(connect: Connect, age_s: float, kept: bool) -> None:
    store = connect(permalinks_retention_s=RETENTION_S)
    old, new = store.permalinks.create("1", "python"), store.permalinks.create("2", "python")
    age(store, "permalinks", {"_id": old}, "used", age_s)
    store.sweep()
    assert (store.permalinks.get(old) is not None) == kept and store.permalinks.get(new) is not None


def test_an_old_file_without_a_computation_goes(store: Store) -> None:
    run(store)
    store.files.receive("never", [("a", io.BytesIO(b"x"))])
    store.sweep()
    assert counts(store)["files.files"] == 3
    age(store, "files.files", {}, "uploadDate", RETENTION_S + 60)
    store.sweep()
    assert counts(store)["files.files"] == 2
