"""No query of a running server reads a whole collection: what it costs does not grow with what is stored."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest
import requests
from pymongo import MongoClient
from pymongo.database import Database

from harness.server import Server
from store import address
from tests.client import Client
from tests.end_to_end.test_controls import SLIDER, move

PROFILE_BYTES = 64 << 20
# What is read as a whole, and what bounds it.
BOUNDED = {
    "devices": "a document for each device",
    "keys": "the operator makes them; read when they have changed",
    "bans": "the operator makes them; read when they have changed",
    "minutes": "those of the last two hours of each device, for /status",
    "reservations": "uploads that are on their way just now",
    "schema": "one document",
    "access": "one document",
}
# docs/database.md
SHARD_KEYS = {"messages": "computation", "files.chunks": "files_id"}
OF_COLLECTIONS = {"create", "createIndexes", "listIndexes", "collStats"}  # commands that are about no documents
EXAMINED_MAX = 50  # documents of an index, beyond those that are answered


@contextmanager
def profiled(server: Server) -> Iterator[list[dict[str, Any]]]:
    """Fill in what the server asked its database while the block lasted."""
    seen: list[dict[str, Any]] = []
    with MongoClient[dict[str, Any]](address.uri(server.data / "mongo")) as mongo:
        database: Database[dict[str, Any]] = mongo["singlecell"]
        database.command("profile", 0)
        database.drop_collection("system.profile")
        database.create_collection("system.profile", capped=True, size=PROFILE_BYTES)
        database.command("profile", 2)
        try:
            yield seen
        finally:
            database.command("profile", 0)
            seen += database["system.profile"].find({"appName": {"$regex": "^singlecell"}})


def work(client: Client, server: Server) -> None:
    """Use what visitors, pages, programs and operators use."""
    http, url = client.http, server.url
    outcome = client.run("n = 1\nprint(n)", keep=True)
    session = outcome.description["session"]
    client.run("n + 1", keep=True, session=session)
    client.introspect("complete", session, "n.")
    http.get(f"{url}/sessions/{session}", timeout=60).raise_for_status()
    made = client.run_with("open('b.txt', 'w').write(open('a.txt').read() * 2)", ("a.txt", b"x" * 300_000))
    assert len(client.fetch(made.files[0]).content) == 600_000
    asking = client.submit("print(input())")["id"]
    client.until_asked(asking)
    client.answer(asking, "yes")
    client.finish(asking)
    for stop in (client.cancel, client.interrupt):
        running = client.submit("import time\nprint('x', flush=True)\nfor _ in range(6000): time.sleep(0.01)")["id"]
        client.until_printed(running)
        stop(running)
        client.finish(running)
    client.end_session(session)
    slider = client.run(SLIDER, keep=True).description["session"]
    for value in range(5):
        move(client, slider, value, wait_s=10)
    client.end_session(slider)
    client.judge("n = 2", client.publish("assert n == 2"))
    for _ in range(2):
        kept = http.post(f"{url}/permalink", data={"code": "1+1", "language": "python"}, timeout=60)
        kept.raise_for_status()
    keyed = {"Idempotency-Key": f"plans-{session}"}
    for _ in range(2):
        http.post(f"{url}/computations", json={"code": "1"}, headers=keyed, timeout=60).raise_for_status()
    for path in ("languages", "limits", "readyz", "metrics", "status", f"computations/{asking}"):
        requests.get(f"{url}/{path}", timeout=60).raise_for_status()


@pytest.fixture(scope="module")
def seen(server: Server) -> list[dict[str, Any]]:
    """All that the server asked its database while it was used."""
    with profiled(server) as entries:
        work(Client(server.url), server)
    assert len(entries) > 100
    return entries


def collection(entry: dict[str, Any]) -> str:
    """Return the collection that a command was about."""
    return str(entry["ns"].partition(".")[2])


def condition(entry: dict[str, Any]) -> dict[str, Any]:
    """Return which documents a command was about."""
    command = entry.get("originatingCommand") or entry["command"]
    if "pipeline" in command:
        return dict(command["pipeline"][0].get("$match", {}))
    return dict(next((command[name] for name in ("filter", "q", "query") if name in command), {}))


def test_no_query_of_a_whole_server_scans_a_collection(seen: list[dict[str, Any]]) -> None:
    looks = [entry for entry in seen if collection(entry) not in BOUNDED]
    scans = [entry for entry in looks if "COLLSCAN" in entry.get("planSummary", "")]
    assert not {(collection(entry), str(condition(entry))[:300]) for entry in scans}
    long = [entry for entry in looks if entry.get("docsExamined", 0) > entry.get("nreturned", 0) + EXAMINED_MAX]
    assert not {(collection(entry), entry["planSummary"], str(condition(entry))[:300]) for entry in long}


def test_each_query_of_a_collection_that_may_be_sharded_names_its_key(seen: list[dict[str, Any]]) -> None:
    for name, key in SHARD_KEYS.items():
        asked = [entry for entry in seen if collection(entry) == name and entry["op"] != "insert"]
        asked = [entry for entry in asked if not OF_COLLECTIONS & set(entry["command"])]
        assert asked, name
        assert not [str(entry["command"])[:300] for entry in asked if key not in condition(entry)]
