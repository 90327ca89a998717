"""Backups: all that was acknowledged is in them, and what was in flight comes to its end after a restore."""

from __future__ import annotations

import hashlib
import json
import os
import threading
from dataclasses import replace
from pathlib import Path
from typing import Any

import bson
import pytest

from harness.processes import wait_for
from store import LostClaimError, Once, SchemaError, Store, schema
from store.backup import MANIFEST
from store.errors import AdministrationError
from store.models import Location
from tests.mongod import new_name
from tests.store.conftest import Connect, claim, database_of, message, state_of, submit, texts

JOIN_S = 60.0


@pytest.fixture
def target(connect: Connect) -> Store:
    """The store over another database, in which nothing is."""
    return connect(mongo_database=new_name())


def test_what_was_acknowledged_is_there_and_what_was_in_flight_comes_to_its_end(
    store: Store, target: Store, tmp_path: Path
) -> None:
    done = submit(store, once=Once(("key",)))
    held = claim(store)
    with store.files.write(held, "a.bin") as writer:
        writer.write(b"x" * 700_000)
    store.claims.append(held, [message("early")])
    store.claims.finish(held, "done", messages=[message("late")])
    first = submit(store, keep=True)
    held = claim(store)
    held = replace(held, location=Location("a@b", "alias", "key", None))
    store.claims.finish(held, "done")
    turn, next_turn = (submit(store, keep=True, session=held.session) for _ in range(2))
    assert store.claims.claim_turn("device-1", held.session)
    running = submit(store)
    running_claim = claim(store)
    store.claims.append(running_claim, [message("begun")])
    waiting = submit(store)
    manifest = store.backup.write(tmp_path / "backup")
    store.claims.finish(running_claim, "done", messages=[message("after the backup")])

    restored = target.restore.fill(tmp_path / "backup")
    assert restored.manifest == manifest and (restored.in_flight, restored.sessions) == (2, 1)
    assert texts(target, done) == ["early", "late"] and state_of(target, first) == ("done", None)
    file = target.files.open(done, "a.bin")
    assert file is not None and file.read() == b"x" * 700_000
    assert submit(target, once=Once(("key",))) == done
    for gone in (turn, next_turn):
        assert state_of(target, gone) == ("failed", "session_gone")
    session = target.sessions.get(held.session)
    assert session is not None and session.state == "gone" and not target.inheritances.find("a@b")
    # Its device may be alive: what it writes is for nobody now.
    with pytest.raises(LostClaimError):
        target.claims.finish(replace(running_claim, sequence=0), "done")
    again = [claim(target, "device-2") for _ in range(2)]
    assert [one.id for one in again] == [running, waiting] and (again[0].attempt, again[0].suspect) == (2, False)
    target.claims.finish(again[0], "done", messages=[message("again")])
    assert texts(target, running) == ["begun", "again"]


def test_a_backup_is_of_one_moment_while_others_store(store: Store, target: Store, tmp_path: Path) -> None:
    stop, acknowledged = threading.Event(), list[str]()

    def store_more() -> None:
        while not stop.is_set():
            acknowledged.append(submit(store))
            held = claim(store)
            store.claims.append(held, [message("a")])
            store.claims.finish(held, "done", messages=[message("b")])

    thread = threading.Thread(target=store_more, daemon=True)
    thread.start()
    try:
        wait_for(lambda: len(acknowledged) >= 20 or not thread.is_alive())
        assert thread.is_alive()
        before = list(acknowledged)
        store.backup.write(tmp_path / "backup")
    finally:
        stop.set()
        thread.join(JOIN_S)
    target.restore.fill(tmp_path / "backup")
    there = [one["_id"] for one in database_of(target).collection("computations").find({}, {"_id": 1})]
    assert set(before) <= set(there) and set(there) <= set(acknowledged)
    for id in there:
        if state_of(target, id) == ("done", None):
            assert texts(target, id) == ["a", "b"]
    # No messages are there of a computation that is not.
    assert set(database_of(target).collection("messages").distinct("computation")) <= set(there)


def test_a_restore_that_was_interrupted_is_run_again_and_until_then_nobody_works(
    connect: Connect, store: Store, target: Store, tmp_path: Path
) -> None:
    submit(store)
    store.backup.write(tmp_path / "backup")
    bare = database_of(target).bare
    schema.change(bare, {"$set": {"restoring": True}})
    bare["computations"].insert_one({"_id": "half"})
    with pytest.raises(SchemaError, match="is being restored"):
        connect(mongo_database=bare.name).ping()
    target.restore.fill(tmp_path / "backup")
    assert bare["computations"].count_documents({}) == 1 and bare["computations"].find_one({"_id": "half"}) is None
    connect(mongo_database=bare.name).ping()


def test_what_cannot_be_restored_is_said_and_changes_nothing(store: Store, target: Store, tmp_path: Path) -> None:
    submit(store)
    backup = tmp_path / "backup"
    with pytest.raises(AdministrationError, match="is no backup"):
        target.restore.fill(backup)
    store.backup.write(backup)
    with pytest.raises(AdministrationError, match="is there already"):
        store.backup.write(backup)
    with pytest.raises(AdministrationError, match=r"is not empty: it has something in computations\."):
        store.restore.fill(backup)
    manifest = json.loads((backup / MANIFEST).read_text())
    (backup / MANIFEST).write_text(json.dumps({**manifest, "oldest": schema.KNOWN + 1}))
    with pytest.raises(AdministrationError, match="newer version"):
        target.restore.fill(backup)
    (backup / MANIFEST).write_text(json.dumps(manifest))
    file = backup / "computations.bson"
    file.write_bytes(file.read_bytes()[:-1] + b"x")
    with pytest.raises(AdministrationError, match="is damaged"):
        target.restore.fill(backup)
    assert database_of(target).bare.list_collection_names() == []


def test_a_backup_made_to_do_harm_is_refused_in_a_sentence(store: Store, target: Store, tmp_path: Path) -> None:
    backup, outside = tmp_path / "backup", tmp_path / "outside.bson"
    store.backup.write(backup)
    whole: dict[str, Any] = json.loads((backup / MANIFEST).read_text())
    outside.write_bytes(b"")
    (backup / "endless.bson").symlink_to("/dev/zero")
    os.mkfifo(backup / "silent.bson")
    (backup / "short.bson").write_bytes(b"\xff\xff\xff\x7f" + bytes(9))
    nothing = {"documents": 0, "bytes": 0, "sha256": hashlib.sha256(b"").hexdigest()}
    short = {**nothing, "bytes": 13, "sha256": hashlib.sha256((backup / "short.bson").read_bytes()).hexdigest()}
    names = {"../outside": nothing, "with\0nothing": nothing, "$cmd": nothing, "system.users": nothing, "": nothing}
    for name, file in {**names, "endless": nothing, "silent": nothing, "short": short}.items():
        (backup / MANIFEST).write_text(json.dumps({**whole, "collections": {name: file}}))
        with pytest.raises(AdministrationError, match=r"The backup (names a collection|is damaged)"):
            target.restore.fill(backup)
    wrong = {"x": {**nothing, "bytes": "1"}}
    for field in ({"oldest": "one"}, {"done": {"1": 2}}, {"at": None}, {"collections": wrong}):
        (backup / MANIFEST).write_text(json.dumps({**whole, **field}))
        with pytest.raises(AdministrationError, match="is no backup"):
            target.restore.fill(backup)
    running = bson.encode({"_id": "x", "state": "running"})
    (backup / "computations.bson").write_bytes(running)
    made = {"documents": 1, "bytes": len(running), "sha256": hashlib.sha256(running).hexdigest()}
    (backup / MANIFEST).write_text(json.dumps({**whole, "collections": {"computations": made}}))
    with pytest.raises(AdministrationError, match="documents that no server has written"):
        target.restore.fill(backup)
