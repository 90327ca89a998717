"""Migrations: they may be interrupted anywhere, run beside old programs, and keep away programs that are too old."""

from __future__ import annotations

import os
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

import settings as settings_file
from store import SchemaError, Store, embedded, schema
from store.errors import AdministrationError
from store.migrations import AT_ONCE, MIGRATIONS
from tests.mongod import new_name
from tests.store.conftest import Connect, age, database_of

ROOT = Path(__file__).parents[2]
COUNT = 2 * AT_ONCE + 200
END_S = 60.0


@pytest.fixture
def database_name() -> str:
    """A new database: MongoDB knows no plan of a query yet."""
    return new_name()


def store_as_old_programs_did(store: Store, count: int = COUNT) -> None:
    """Store permalinks that have no time of use."""
    old = [{"code": str(number), "language": "python"} for number in range(count)]
    database_of(store).collection("permalinks").insert_many(old)


def left(store: Store) -> int:
    """Return how many permalinks have no time of use."""
    return database_of(store).collection("permalinks").count_documents({"used": None})


def note(store: Store) -> dict[str, Any]:
    """Return what the database says of its migrations."""
    return schema.read(database_of(store).bare)


def test_migrations_are_numbered_in_their_order() -> None:
    assert [one.number for one in MIGRATIONS] == list(range(1, schema.KNOWN + 1))


def test_one_that_is_interrupted_goes_on_in_any_other_process(connect: Connect, store: Store) -> None:
    new = store.permalinks.create("1+1", "python")
    used = database_of(store).collection("permalinks").find_one({"_id": new})
    store_as_old_programs_did(store)
    assert not store.migrations.advance(0)
    assert left(store) == COUNT - AT_ONCE and note(store)["done"] == []
    store.close()  # it died here
    others = [connect(), connect()]
    with ThreadPoolExecutor() as pool:
        assert all(pool.map(lambda other: other.migrations.advance(END_S), others, timeout=END_S))
    assert left(others[0]) == 0 and note(others[0]) == {**schema.NOTE, "done": [1], "oldest": 0}
    assert database_of(others[0]).collection("permalinks").find_one({"_id": new}) == used


def test_none_reads_a_whole_collection(store: Store) -> None:
    store_as_old_programs_did(store)
    database = database_of(store).ready()
    database.command("profile", 2)
    list(store.migrations.run(contract=True))
    database.command("profile", 0)
    seen = list(database["system.profile"].find({"ns": f"{database.name}.permalinks", "op": {"$ne": "command"}}))
    assert seen and not [one for one in seen if "COLLSCAN" in one.get("planSummary", "")]
    assert max(one.get("docsExamined", 0) for one in seen) <= AT_ONCE


def test_old_programs_go_on_beside_what_expands_and_not_after_what_contracts(connect: Connect, store: Store) -> None:
    computations = database_of(store).collection("computations")
    computations.create_index([("submitted", 1), ("order", 1)], name="queue")
    store.devices.report("old", "host", {})
    database_of(store).collection("devices").update_one({}, {"$unset": {"schema": True}})
    assert list(store.migrations.run(contract=False)) == [f"1. {MIGRATIONS[0].about} Done: 0 documents."]
    assert "queue" in computations.index_information()
    store_as_old_programs_did(store, 3)  # which still runs
    with pytest.raises(AdministrationError, match=r"old is of an older version, .* migration 2 takes away"):
        list(store.migrations.run(contract=True))
    assert note(store)["oldest"] == 0
    age(store, "devices", {}, "reported", 3600)
    assert len(list(store.migrations.run(contract=True))) == 1
    assert left(store) == 0 and "queue" not in computations.index_information()
    assert note(store) == {**schema.NOTE, "done": [1, 2], "oldest": 2}
    connect().ping()


def test_a_database_is_refused_by_programs_that_do_not_know_what_it_needs(connect: Connect, store: Store) -> None:
    bare = database_of(store).bare
    schema.change(bare, {"$set": {"oldest": schema.KNOWN, "done": [schema.KNOWN + 1]}})
    connect().ping()
    schema.change(bare, {"$set": {"oldest": schema.KNOWN + 1}})
    before = set(bare.list_collection_names())
    with pytest.raises(SchemaError, match=f"needs one that knows migration {schema.KNOWN + 1}"):
        connect(mongo_database=bare.name).ping()
    assert set(bare.list_collection_names()) == before


def test_a_device_and_orders_say_so_and_end(
    store: Store, mongo_directory: Path, database_name: str, tmp_path: Path
) -> None:
    schema.change(database_of(store).bare, {"$set": {"oldest": schema.KNOWN + 1}})
    config = tmp_path / "config.py"
    (tmp_path / "known_hosts").write_text("")
    config.write_text(
        f"mongo_uri = {embedded.uri(mongo_directory)!r}\nmongo_database = {database_name!r}\n"
        f"ssh_known_hosts_file = {str(tmp_path / 'known_hosts')!r}\n"
    )
    env = {**os.environ, settings_file.ENVIRONMENT_NAME: str(config)}
    device = ["trusted_db.py", "--untrusted-account", "a@localhost"]
    for exit_code, argv in ((1, ["-m", "store", "report"]), (2, device)):
        done = subprocess.run(
            [sys.executable, *argv], env=env, cwd=ROOT, capture_output=True, text=True, timeout=END_S, check=False
        )
        assert done.returncode == exit_code, done.stderr
        assert "was migrated by a newer version" in done.stderr and "Traceback" not in done.stderr
