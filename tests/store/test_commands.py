"""``python -m store`` as the operator types it: keys, bans, deletions, the audit trail, the report."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta, timezone
from pathlib import Path

import pytest

import settings as settings_file
from store import RemovedError, Requester, Store, embedded
from store.__main__ import main
from store.keys import hash_of
from tests.store.conftest import claim, database_of, message, state_of, submit, try_claim

ROOT = Path(__file__).parents[2]


@dataclass(frozen=True)
class Said:
    """What an order printed."""

    stdout: str
    stderr: str


Order = Callable[..., Said]


@pytest.fixture
def config(mongo_directory: Path, database_name: str, tmp_path: Path) -> Path:
    """The settings of this test's server."""
    config = tmp_path / "config.py"
    config.write_text(f"mongo_uri = {embedded.uri(mongo_directory)!r}\nmongo_database = {database_name!r}\n")
    return config


@pytest.fixture
def order(config: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Order:
    """Give an order to this test's server."""
    monkeypatch.setenv(settings_file.ENVIRONMENT_NAME, str(config))

    def give(*arguments: str, exit_code: int = 0) -> Said:
        capsys.readouterr()
        try:
            code = main(list(arguments))
        except SystemExit as ended:  # as argparse ends what it does not understand
            code = ended.code
        said = Said(*capsys.readouterr())
        assert code == exit_code, said
        return said

    return give


@pytest.mark.parametrize(
    ("arguments", "exit_code", "said"),
    [
        (["bans"], 0, ("Nobody is banned.\n", "")),
        (["keys", "revoke", "nobody"], 1, ("", "store: There is no key named 'nobody'.\n")),
    ],
    ids=["done", "not done"],
)
def test_the_program_says_what_it_did_and_ends_with_its_code(config: Path, arguments, exit_code, said) -> None:
    argv, env = [sys.executable, "-m", "store", *arguments], {**os.environ, settings_file.ENVIRONMENT_NAME: str(config)}
    done = subprocess.run(argv, env=env, cwd=ROOT, capture_output=True, text=True, timeout=60, check=False)
    assert (done.returncode, (done.stdout, done.stderr)) == (exit_code, said)


@pytest.mark.parametrize("arguments", [["report"], ["bans"], ["audit"], ["migrate"], ["backup", "new"]], ids=" ".join)
@pytest.mark.timeout(60)  # a report of all that is kept may take minutes, but not to find out that nobody answers
def test_a_database_that_does_not_answer_is_told_by_each_order(config: Path, order: Order, arguments) -> None:
    config.write_text("mongo_uri = 'mongodb://127.0.0.1:9/?replicaSet=rs0'\nmongo_timeout_s = 0.5\n")
    said = order(*arguments, exit_code=1)
    assert said.stdout == "" and said.stderr.startswith("store: MongoDB does not answer: 127.0.0.1:9: ")


def test_a_key_is_made_listed_and_revoked_and_each_deed_is_on_the_trail(order: Order, store: Store) -> None:
    said = order("keys", "make", "course", "--languages", "python", "--origins", "https://A.example/", "--note", "Ann")
    text = said.stdout.splitlines()[0]
    assert store.access.rules().keys[hash_of(text)].origins == ("https://a.example",)
    listed = order("keys", "list").stdout
    assert "course" in listed and "https://a.example" in listed and "in force" in listed and text not in listed
    order("keys", "revoke", "course", "--reason", "shared around")
    assert "revoked" in order("keys", "list").stdout
    trail = order("audit").stdout
    assert "make key" in trail and "revoke key" in trail and "shared around" in trail and text not in trail


def test_what_cannot_be_done_is_said_in_a_sentence_and_is_on_the_trail(order: Order) -> None:
    assert order("keys", "revoke", "nobody", exit_code=1).stderr == "store: There is no key named 'nobody'.\n"
    assert "failed: There is no key named 'nobody'." in order("audit").stdout
    assert "there are python" in order("keys", "make", "a", "--languages", "cobol", exit_code=1).stderr
    assert "no client" in order("ban", "client", "somebody", exit_code=1).stderr
    assert "invalid choice" in order("ban", "country", "x", exit_code=2).stderr
    assert "no column 'colour'" in order("report", "--by", "colour", exit_code=1).stderr
    assert order("report", "--by", "", exit_code=1).stderr


def test_a_ban_is_made_listed_and_lifted(order: Order) -> None:
    order("ban", "client", "203.0.113.7", "--hours", "24", "--reason", "mining")
    listed = order("bans").stdout
    assert "203.0.113.7/32" in listed and "mining" in listed
    order("unban", "client", "203.0.113.7")
    assert order("bans").stdout == "Nobody is banned.\n"


def test_the_report_says_who_ran_what(order: Order, store: Store) -> None:
    for origin, client in (("https://a.example", "c1"), ("https://a.example", "c2"), ("https://b.example", "c1")):
        submit(store, requester=Requester(client, origin, "course"))
        usage = {"wall_s": 2.0, "cpu_s": 1.5, "memory_bytes": 1}
        store.claims.finish(claim(store), "done", usage=usage, messages=[message("x")])
    submit(store, requester=Requester("c3", "https://b.example\u001b[2J"))
    rows = json.loads(order("report", "--by", "origin", "--format", "json").stdout)
    assert [(row["origin"], row["computations"], row["clients"], row["cpu_s"]) for row in rows] == [
        ("https://a.example", 2, 2, 3.0), ("https://b.example", 1, 1, 1.5), ("https://b.example\u001b[2J", 1, 1, 0)
    ]  # fmt: skip
    table = order("report").stdout
    assert "https://a.example" in table and "\u001b" not in table
    assert order("report", "--format", "csv", "--by", "key").stdout.splitlines()[2].startswith("course,3,3")
    assert order("report", "--days", "0").stdout == "Nothing was run.\n"


def test_the_report_says_how_devices_share_the_work_and_where_they_met(order: Order, store: Store) -> None:
    for device in ("one", "two", "one"):
        submit(store)
        store.claims.finish(claim(store, device), "done")
    now = datetime.now(timezone.utc).replace(second=0, microsecond=0)
    for minute, conflicts in ((now, 2.0), (now - timedelta(minutes=1), 3.0)):
        store.overview.note_minute("two", minute, {"done": 1.0, "conflicts": conflicts})
    store.overview.note_minute("one", now, {"done": 2.0})
    rows = json.loads(order("report", "--by", "device", "--format", "json").stdout)
    assert [(row["device"], row["computations"], row["conflicts"]) for row in rows] == [("one", 2, 0), ("two", 1, 5)]
    assert "conflicts" not in order("report").stdout


def test_a_computation_is_deleted_with_all_of_it_whatever_it_is_doing(order: Order, store: Store) -> None:
    queued, ended = submit(store), submit(store)
    held = claim(store)
    assert held.id == queued
    with store.files.write(held, "a.txt") as writer:
        writer.write(b"x")
    store.claims.append(held, [message("x")])
    order("delete", "computation", queued, "--reason", "asked for by its author")  # it runs, on a device that is silent
    assert store.computations.get(queued) is None and store.computations.get(ended) is not None
    database = database_of(store)
    assert not list(database.collection("messages").find()) and not list(database.collection("files.files").find())
    assert store.claims.renew([held])[0].lost  # so its device kills what runs
    order("delete", "computation", ended)
    assert try_claim(store) is None
    assert order("delete", "computation", ended, exit_code=1).stderr == f"store: There is no computation {ended}.\n"
    assert "asked for by its author" in order("audit").stdout


@pytest.mark.parametrize("by_address", [True, False])
def test_everything_of_a_client_is_deleted_and_nothing_of_others(order: Order, store: Store, by_address: bool) -> None:
    mine, theirs = (store.clients.identity(address) for address in ("203.0.113.7", "203.0.113.8"))
    kept = submit(store, requester=Requester(theirs))
    for _ in range(3):
        submit(store, requester=Requester(mine))
    link = store.permalinks.create("mine", "python", client=mine)
    other = store.permalinks.create("theirs", "python", client=theirs)
    said = order("delete", "client", "203.0.113.7" if by_address else mine).stdout
    assert said == "Deleted: 3 computations, 1 permalinks.\n"
    assert state_of(store, kept) == ("queued", None)
    assert store.permalinks.get(other) is not None
    with pytest.raises(RemovedError):
        store.permalinks.get(link)
    for many in ("203.0.113.0/24", "2001:db8::/32", "x"):
        assert order("delete", "client", many, exit_code=1).stderr
