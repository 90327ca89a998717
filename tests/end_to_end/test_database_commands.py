"""What cells cost the database: commands are counted, for their times depend on the machine."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from typing import Any

import requests
from pymongo import MongoClient
from pymongo.database import Database

from bench.commands import one_by_one, post, profiled
from harness.server import Server
from store import address

CELLS = 10
AT_ONCE = 16
# A cell is stored, claimed, ended, and read when it is over. A busy machine adds a look, and a write of what a cell
# says before its end.
MOST = {"web findAndModify": 1.0, "web find": 2.5, "device findAndModify": 1.0, "device update": 2.5}


def database(server: Server) -> Database[dict[str, Any]]:
    """Return the database of the running server."""
    return MongoClient[dict[str, Any]](address.uri(server.data / "mongo"))["singlecell"]


def test_a_cell_is_stored_claimed_and_ended_by_one_command_each(server: Server) -> None:
    one_by_one(server.url, 1)
    with profiled(database(server)) as counts:
        one_by_one(server.url, CELLS)
    # What found nothing was a look at the queue, which does not come with cells; an upsert, too, finds nothing.
    found = {name: counts[who, f"{command} computations"] for name in MOST for who, command in [name.split()]}
    found["web findAndModify"] += counts["web", "findAndModify computations (nothing)"]
    assert all(found.values()), counts
    assert {name: count for name, count in found.items() if count > MOST[name] * CELLS} == {}, counts


def test_submissions_at_once_are_fewer_commands(server: Server) -> None:
    with profiled(database(server)) as counts, ThreadPoolExecutor(AT_ONCE) as clients, requests.Session() as http:
        list(clients.map(lambda _: post(http, server.url), range(2 * AT_ONCE)))
    stored = sum(counts["web", f"findAndModify computations{found}"] for found in ("", " (nothing)"))
    assert stored < 2 * AT_ONCE, counts
