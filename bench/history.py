"""Fill a server's database with history, and compare what a cell costs there with what it costs on an empty one.

``python -m bench history --minutes 10`` starts two servers and runs cells of several kinds on one of them. For so many
minutes it stores copies of what these left there, each with ids and times of its own, by bulk writes: so history has
the shape in which the server writes it. Then cells run on both servers in turns. At the end the retention deletes the
older part while cells run. ``history.json`` has the figures. Copies are compressed well, so bytes on the disk flatter.
"""

from __future__ import annotations

import argparse
import json
import statistics
import threading
import time
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import requests
from pymongo import MongoClient
from pymongo.database import Database

import settings as settings_file
import store as stores
from bench.copies import Copies, messages_in
from harness.server import Server, serve
from harness.usage import cpu_by_part_s, sessions_group
from store import address

RESULTS = Path(__file__).parent / "results"
SETTINGS = "stored_bytes_max = 68719476736\n"
ROUNDS = 200
IDLE_S = 20.0
COPIES_AT_ONCE = 200
CELLS_MAX = 5_000_000
AGE_S = 5 * 86400.0  # history ended evenly over so long until now
OLD_CELLS = 30_000  # are deleted at the end
# What a class leaves, of twelve cells: the short ones have all messages inside, the others have batches.
KINDS = (
    ("1+1", 8),
    ("import time\nfor i in range(40):\n    print(i, 'a line of output as a loop prints it')\n    time.sleep(0.01)", 3),
    ("open('table.csv', 'w').write('a,b,c\\n' * 3000)\nprint('done')", 1),
)

Mongo = Database[dict[str, Any]]


def main(arguments: list[str]) -> None:
    """Measure and print a table."""
    parser = argparse.ArgumentParser(prog="python -m bench history")
    parser.add_argument("--minutes", type=float, default=10.0, help="for which history is stored (default 10)")
    parser.add_argument("--rounds", type=int, default=ROUNDS, help=f"cells on each server (default {ROUNDS})")
    options = parser.parse_args(arguments)
    with serve(SETTINGS) as empty, serve(SETTINGS) as full:
        mongo = MongoClient[dict[str, Any]](address.uri(full.data / "mongo"))
        result = fill(full, mongo["singlecell"], 60 * options.minutes)
        print(json.dumps(result, indent=1), flush=True)
        result["oplog bytes a short cell"] = oplog_bytes(full, mongo, options.rounds)
        result |= compare({"empty": empty, "full": full}, options.rounds)
        result |= sweep(full, result["days kept"])
        mongo.close()
    RESULTS.mkdir(exist_ok=True)
    (RESULTS / "history.json").write_text(json.dumps(result, indent=1) + "\n")
    print("\n".join(f"{name:45} {value}" for name, value in result.items()))


def fill(server: Server, database: Mongo, seconds: float) -> dict[str, Any]:
    """Store copies of cells for so long; return how many there are, and what they take."""
    copies = [Copies(database, run(server.url, code), share) for code, share in KINDS]
    cells = messages = 0
    until = time.monotonic() + seconds
    while time.monotonic() < until and cells < CELLS_MAX:
        for kind in copies:
            kind.store(COPIES_AT_ONCE * kind.share, AGE_S)
            cells += COPIES_AT_ONCE * kind.share
            messages += COPIES_AT_ONCE * kind.share * kind.messages
    database.client.admin.command("fsync")
    stats = database.command("dbStats")
    return {
        "cells stored": cells, "messages stored": messages, "messages a cell": round(messages / cells, 1),
        "bytes a cell, uncompressed": round(stats["dataSize"] / cells),
        "bytes a cell on the disk, with indexes": round(stats["totalSize"] / cells),
        "of them indexes": round(stats["indexSize"] / cells),
        "documents in messages": database["messages"].estimated_document_count(),
        "days kept": round(AGE_S * max(0.5, 1 - OLD_CELLS / cells) / 86400, 3),
    }  # fmt: skip


def run(url: str, code: str) -> str:
    """Run a cell to its end; return its id."""
    answer = requests.post(f"{url}/computations?wait=30", json={"code": code}, timeout=60).json()
    if answer.get("state") != "done":
        raise SystemExit(f"a cell did not end well: {answer}")
    id: str = answer["id"]
    return id


def oplog_bytes(server: Server, mongo: MongoClient[dict[str, Any]], cells: int) -> int:
    """Return how many bytes of the oplog a short cell takes."""
    oplog = mongo["local"]["oplog.rs"]
    last = next(oplog.find({}, {"ts": 1}).sort("$natural", -1).limit(1))["ts"]
    for _ in range(cells):
        run(server.url, "1+1")
    since = {"ts": {"$gt": last}, "ns": {"$regex": r"^singlecell\.(computations|messages|sessions)|^admin"}}
    total = {"$group": {"_id": None, "bytes": {"$sum": {"$bsonSize": "$$ROOT"}}}}
    found = list(oplog.aggregate([{"$match": since}, total]))
    return round(found[0]["bytes"] / cells)


def compare(servers: dict[str, Server], rounds: int) -> dict[str, Any]:
    """Run cells on the servers in turns; return medians, CPU, and their ratios."""
    times: dict[str, dict[str, list[float]]] = {name: {"cell": [], "first": []} for name in servers}
    cpu: dict[str, float] = dict.fromkeys(servers, 0.0)
    idle: dict[str, float] = {}
    for name, server in servers.items():
        run(server.url, "1+1")
        before = own_cpu_s(server)
        time.sleep(IDLE_S)
        idle[name] = own_cpu_s(server) - before
    for _ in range(rounds // 10):
        for name, server in servers.items():
            before, began = own_cpu_s(server), time.monotonic()
            for _ in range(10):
                cell_s, first_s = look(server.url)
                times[name]["cell"].append(cell_s)
                times[name]["first"].append(first_s)
            elapsed_s = time.monotonic() - began
            cpu[name] += own_cpu_s(server) - before - elapsed_s * idle[name] / IDLE_S
    result: dict[str, Any] = {}
    for what, title in (("cell", "submit → finished, median ms"), ("first", "submit → first message, median ms")):
        medians = {name: 1000 * statistics.median(times[name][what]) for name in servers}
        result |= rows(title, medians)
    result |= rows("CPU of the server, ms a cell", {name: 1000 * cpu[name] / rounds for name in servers})
    result |= rows("CPU of the idle server, ms a second", {name: 1000 * idle[name] / IDLE_S for name in servers})
    return result


def rows(title: str, values: dict[str, float]) -> dict[str, Any]:
    """Return the rows of one figure of both servers."""
    found: dict[str, Any] = {f"{title}: {name}": round(value, 2) for name, value in values.items()}
    return {**found, f"{title}: full ÷ empty": round(values["full"] / max(values["empty"], 1e-9), 3)}


def look(url: str) -> tuple[float, float]:
    """Run a cell; return the seconds until it has ended, and until its first message was there."""
    began = time.perf_counter()
    submitted = requests.post(f"{url}/computations", json={"code": "1+1"}, timeout=60).json()
    after, first_s = -1, 0.0
    while True:
        address = f"{submitted['links']['messages']}?after={after}&wait=30"
        answer = requests.get(address, timeout=60).json()
        first_s = first_s or (time.perf_counter() - began if messages_in(answer) else 0.0)
        if answer["finished"]:
            return time.perf_counter() - began, first_s
        after = answer["next"]


def own_cpu_s(server: Server) -> float:
    """Return the CPU seconds of a server's parts, but for those of sessions."""
    parts = cpu_by_part_s({"server": server.process.pid}, sessions_group(server.data))
    return sum(parts.get(name, 0.0) for name in ("mongod", "web", "device", "supervisor"))


def sweep(server: Server, days_kept: float) -> dict[str, Any]:
    """Delete what is older while cells run; return how fast that was, and how long cells took meanwhile."""
    uri = address.uri(server.data / "mongo")
    kept_s = int(days_kept * 86400)
    door = stores.connect(settings_file.load(mongo_uri=uri, retention_s=kept_s, files_retention_s=kept_s))
    deleted: list[int] = []
    began = time.monotonic()
    sweeper = threading.Thread(target=lambda: deleted.append(door.sweep()), daemon=True)
    sweeper.start()
    cells = list(meanwhile(server.url, sweeper))
    seconds = time.monotonic() - began
    door.close()
    return {
        "retention: cells deleted": sum(deleted), "retention: cells deleted a second": round(sum(deleted) / seconds),
        "retention: a cell meanwhile, median ms": round(1000 * statistics.median(cells), 1) if cells else None,
        "retention: a cell meanwhile, slowest ms": round(1000 * max(cells), 1) if cells else None,
    }  # fmt: skip


def meanwhile(url: str, thread: threading.Thread) -> Iterator[float]:
    """Yield the seconds of one cell after another while a thread works."""
    with suppress(requests.RequestException):
        while thread.is_alive():
            yield look(url)[0]
