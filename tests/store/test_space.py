"""Room on the disk: below the floor nothing new is stored, uploads are counted together, clients have their bounds."""

from __future__ import annotations

import io
import os
import threading
from contextlib import ExitStack
from pathlib import Path

import pytest

import settings as settings_file
import store as stores
from store import ClientFullError, NoSpaceError, NotAskingError, Requester, Store, Submission
from store.clients import Clients
from tests import threads
from tests.mongod import new_name
from tests.store.conftest import Connect, age, claim, database_of, message, state_of, submit

MIB = 1 << 20
GIB = 1 << 30


@pytest.fixture
def database_name() -> str:
    """A new database: what it takes on the disk is measured."""
    return new_name()


def free_bytes(store: Store) -> int:
    """Return what the store finds to be free."""
    found = store.space.free_bytes(fresh=True)
    assert found is not None
    return found


@pytest.fixture
def tight(connect: Connect) -> Store:
    """A store whose floor lies far above what is free, though not what runs already."""
    return connect(disk_free_bytes_min=1 << 60, disk_free_bytes_end=1)


def test_below_the_floor_writing_is_refused_and_reading_and_stopping_go_on(
    connect: Connect, store: Store, tight: Store
) -> None:
    queued, running = submit(store), submit(store)
    permalink = store.permalinks.create("old", "python")
    held = claim(store)
    store.claims.append(held, [message("x")], asking=True)
    for write in (
        lambda: submit(tight),
        lambda: submit(tight, uploads=[("a", io.BytesIO(b"x"))]),
        lambda: tight.permalinks.create("new", "python"),
        lambda: tight.computations.answer(held.id, "x"),
        lambda: tight.introspections.put(None, "python", "complete", "x", 1),
        lambda: ExitStack().enter_context(tight.space.reserve(0)),
    ):
        with pytest.raises(NoSpaceError, match=r"^The server's disk is nearly full: .*\.$"):
            write()
    assert tight.is_tight() and not tight.is_exhausted()
    assert tight.permalinks.create("old", "python") == permalink and tight.permalinks.get(permalink)
    other = running if held.id == queued else queued
    tight.computations.request_cancel(other)
    assert state_of(tight, other) == ("cancelled", None) or state_of(tight, other)[0] == "cancelled"
    tight.claims.append(held, [message("y")])
    tight.claims.finish(held, "done", messages=[message("z")])
    assert state_of(tight, held.id) == ("done", None)
    with pytest.raises((stores.ComputationOverError, NotAskingError)):
        store.computations.answer(held.id, "x")


@pytest.mark.parametrize(("more_bytes", "refused"), [(-1, False), (0, False), (1, True)])
def test_the_floor_holds_to_the_byte(
    connect: Connect, monkeypatch: pytest.MonkeyPatch, more_bytes: int, refused: bool
) -> None:
    store = connect(disk_free_bytes_min=1000 + more_bytes, disk_free_bytes_end=1)
    monkeypatch.setattr(store.space, "_measure", lambda: (1000, GIB))
    assert store.is_tight() is refused
    store = connect(disk_free_bytes_min=GIB, disk_free_bytes_end=1000 + more_bytes)
    monkeypatch.setattr(store.space, "_measure", lambda: (1000, GIB))
    assert store.is_exhausted() is refused


def test_the_embedded_database_and_another_one_are_measured_alike(tmp_path: Path, store: Store) -> None:
    embedded = stores.connect(settings_file.load(data_directory=str(tmp_path)))
    assert embedded.space.free_bytes() is None  # nothing has worked there yet
    (tmp_path / "mongo").mkdir()
    disk = os.statvfs(tmp_path)
    found = embedded.space.free_bytes(fresh=True)
    assert found is not None and abs(found - disk.f_bavail * disk.f_frsize) < GIB
    assert abs(free_bytes(store) - found) < GIB  # the mongod of the tests works on the same disk
    embedded.close()


def test_a_measurement_serves_for_a_second_and_not_for_longer(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    looks = []
    monkeypatch.setattr(store.space, "_measure", lambda: looks.append(1) or (GIB, GIB))
    monkeypatch.setattr("store.space.LOOK_S", 3600.0)
    for _ in range(20):
        submit(store)
    assert len(looks) == 1
    monkeypatch.setattr("store.space.LOOK_S", 0.0)
    submit(store)
    assert len(looks) == 2


@pytest.mark.parametrize(("more_bytes", "refused"), [(-1, False), (0, False), (1, True)])
def test_uploads_on_their_way_are_counted_together(
    connect: Connect, monkeypatch: pytest.MonkeyPatch, more_bytes: int, refused: bool
) -> None:
    # Two connections, as of two web processes.
    first, second = (connect(disk_free_bytes_min=GIB) for _ in range(2))
    for store in (first, second):
        monkeypatch.setattr(store.space, "_measure", lambda: (GIB + 3 * 20 * MIB, 100 * GIB))
    with first.space.reserve(10 * MIB):
        if refused:
            with pytest.raises(NoSpaceError, match="upload of this size"):
                ExitStack().enter_context(second.space.reserve(10 * MIB + more_bytes))
        else:
            with second.space.reserve(10 * MIB + more_bytes):
                pass
    with second.space.reserve(20 * MIB + min(more_bytes, 0)):  # what is over is not counted any more
        pass


def test_what_a_dead_process_reserved_is_forgotten(connect: Connect, monkeypatch: pytest.MonkeyPatch) -> None:
    store = connect(disk_free_bytes_min=GIB)
    monkeypatch.setattr(store.space, "_measure", lambda: (GIB + 30 * MIB, 100 * GIB))
    left = ExitStack()
    left.enter_context(store.space.reserve(10 * MIB))
    with pytest.raises(NoSpaceError):
        ExitStack().enter_context(store.space.reserve(1 * MIB))
    age(store, "reservations", {}, "made", 700)
    with store.space.reserve(1 * MIB):
        pass
    left.close()


def test_of_many_uploads_at_once_no_more_are_let_in_than_fit(connect: Connect, monkeypatch: pytest.MonkeyPatch) -> None:
    store = connect(disk_free_bytes_min=GIB)
    monkeypatch.setattr(store.space, "_measure", lambda: (GIB + 3 * 50 * MIB, 100 * GIB))
    together, inside = threading.Barrier(10, timeout=30), []

    def upload() -> None:
        with ExitStack() as held:
            try:
                held.enter_context(store.space.reserve(10 * MIB))
                inside.append(1)
            except NoSpaceError:
                pass
            together.wait(30)

    threads.run([threading.Thread(target=upload) for _ in range(10)])
    assert len(inside) <= 5


def test_a_client_has_another_name_each_day_and_the_same_in_every_process(
    connect: Connect, monkeypatch: pytest.MonkeyPatch
) -> None:
    first, second = connect(), connect()
    name = first.clients.identity("192.0.2.1")
    assert name == second.clients.identity("192.0.2.1") != first.clients.identity("192.0.2.2")
    assert "192.0" not in name and len(name) == 32
    database_of(first).collection("salts").delete_many({})  # the day is over
    assert connect().clients.identity("192.0.2.1") != name


@pytest.mark.parametrize(("more_bytes", "fits"), [(-1, True), (0, True), (1, False)])
def test_a_client_s_bound_holds_to_the_byte(connect: Connect, more_bytes: int, fits: bool) -> None:
    store = connect(client_stored_bytes_max=1000)
    clients: Clients = store.clients
    clients.charge("a", 600)
    if fits:
        clients.check("a", 400 + more_bytes)
        clients.charge("a", 400 + more_bytes)
    else:
        for refuse in (clients.check, clients.charge):
            with pytest.raises(ClientFullError, match="from your address"):
                refuse("a", 400 + more_bytes)
        clients.charge("a", 400)  # what was refused was not counted
    clients.charge("b", 1000)
    with pytest.raises(ClientFullError):
        clients.charge("c", 1001)


def test_a_large_submission_is_counted_before_and_a_refused_one_not_at_all(connect: Connect) -> None:
    store = connect(client_stored_bytes_max=MIB)
    upload = [("a", io.BytesIO(bytes(700_000)))]
    id = store.computations.submit(Submission("1", "python", uploads=upload, requester=Requester("a"))).id
    with pytest.raises(ClientFullError):
        store.computations.submit(Submission("1", "python", uploads=upload, requester=Requester("a")))
    assert database_of(store).collection("files.files").count_documents({}) == 1
    held = claim(store)
    assert held.id == id and held.client == "a" and held.stored_bytes == held.counted_bytes > 700_000
    with pytest.raises(stores.UnknownSessionError):
        store.computations.submit(Submission("1", None, "nowhere", uploads=upload, requester=Requester("b")))
    assert store.clients.largest(0) == {"a": held.counted_bytes}


def test_what_a_cell_says_and_makes_is_counted_with_it(store: Store) -> None:
    submit(store, requester=Requester("a"))
    held = claim(store)
    before = held.stored_bytes
    store.claims.append(held, [message("x" * 1000)])
    with store.files.write(held, "a.bin") as file:
        file.write(bytes(5000))
    store.claims.finish(held, "done", messages=[message("y" * 2000)])
    stored = database_of(store).collection("computations").find_one({"_id": held.id})
    assert stored is not None and stored["stored_bytes"] == held.stored_bytes
    assert 8000 < held.stored_bytes - before < 9000
