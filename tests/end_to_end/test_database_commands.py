"""What cells cost the database: commands are counted, for their times depend on the machine."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from typing import Any

import requests
from pymongo import MongoClient
from pymongo.database import Database

from bench.commands import in_a_session, one_by_one, post, profiled
from harness.server import Server
from store import address

CELLS = 10
AT_ONCE = 16
# A cell is stored, claimed, ended, and read when it is over. A busy machine adds a look, and a write of what a cell
# says before its end.
MOST = {"web findAndModify": 1.0, "web find": 2.5, "device findAndModify": 1.0, "device update": 2.5}
# Before a turn is stored, the last one and the session are looked at together. The end of a session looks for one, too.
TURN_MOST = {**MOST, "web aggregate": 1.0, "web findAndModify": 1.0 + 1 / CELLS}
# The session is locked when a turn is claimed, and let go behind its end. The rest is its own end.
TURN_SESSIONS_MOST = {"web find": 0.5, "device update": 2.5}


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


def test_a_turn_is_one_look_more_and_two_writes_of_its_session(server: Server) -> None:
    in_a_session(server.url, 2)
    with profiled(database(server)) as counts:
        in_a_session(server.url, CELLS)
    found = {name: counts[who, f"{command} computations"] for name in TURN_MOST for who, command in [name.split()]}
    found["web findAndModify"] += counts["web", "findAndModify computations (nothing)"]
    of_session = {
        name: counts[who, f"{command} sessions"] + counts[who, f"{command} sessions (nothing)"]
        for name in TURN_SESSIONS_MOST for who, command in [name.split()]
    }  # fmt: skip
    assert all(found.values()), counts
    assert {name: count for name, count in found.items() if count > TURN_MOST[name] * CELLS} == {}, counts
    assert {name: count for name, count in of_session.items() if count > TURN_SESSIONS_MOST[name] * CELLS} == {}, counts


def test_submissions_at_once_are_fewer_commands(server: Server) -> None:
    with profiled(database(server)) as counts, ThreadPoolExecutor(AT_ONCE) as clients, requests.Session() as http:
        list(clients.map(lambda _: post(http, server.url), range(2 * AT_ONCE)))
    stored = sum(counts["web", f"findAndModify computations{found}"] for found in ("", " (nothing)"))
    assert stored < 2 * AT_ONCE, counts
