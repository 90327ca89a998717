"""Count what cells cost: MongoDB's commands by who sends them, and CPU by process. Both hardly depend on the load.

``python -m bench commands [CELLS]`` starts a server, runs short cells in each of the ways that clients have, and writes
``commands.json``. The commands are counted by MongoDB's own profiler, in a run apart from that of the CPU. Of a command
with several updates it counts each: submissions that went together are ``web update``.
"""

from __future__ import annotations

import json
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import requests
from pymongo import MongoClient
from pymongo.database import Database

from harness.server import Server, serve
from harness.usage import cpu_by_part_s, sessions_group
from store import address

RESULTS = Path(__file__).parent / "results"
CODE = "1+1"
AT_ONCE = 4
PROFILE_BYTES = 64 << 20
SETTLE_S = 1.0  # after the last answer: what follows it is counted too
PROGRAMS = {"singlecell web": "web", "singlecell device": "device"}


def post(http: requests.Session, url: str, **body: Any) -> dict[str, Any]:
    """Run a cell in one request; return the answer."""
    answer = http.post(f"{url}/computations?wait=30", json={"code": CODE, **body}, timeout=60)
    found: dict[str, Any] = answer.json()
    if found.get("state") != "done":
        raise SystemExit(f"a cell did not end well: {answer.text}")
    return found


def one_by_one(url: str, cells: int) -> None:
    """Each cell in a session of its own, in one request."""
    with requests.Session() as http:
        for _ in range(cells):
            post(http, url)


def polled(url: str, cells: int) -> None:
    """Each cell submitted, then long-polled until it is over."""
    with requests.Session() as http:
        for _ in range(cells):
            submitted = http.post(f"{url}/computations", json={"code": CODE}, timeout=60).json()
            after, finished = -1, False
            while not finished:
                messages = f"{submitted['links']['messages']}?after={after}&wait=30"
                answer = http.get(messages, timeout=60).json()
                after, finished = answer["next"], answer["finished"]


def at_once(url: str, cells: int) -> None:
    """Several clients, each with one cell after the other."""
    with ThreadPoolExecutor(AT_ONCE) as clients:
        list(clients.map(one_by_one, [url] * AT_ONCE, [cells // AT_ONCE] * AT_ONCE))


def in_a_session(url: str, cells: int) -> None:
    """One cell after the other in one session."""
    with requests.Session() as http:
        session = post(http, url, keep=True)["session"]
        for _ in range(cells - 1):
            post(http, url, session=session, keep=True)
        http.delete(f"{url}/sessions/{session}", timeout=60)


WAYS: dict[str, Callable[[str, int], None]] = {
    "one by one": one_by_one, "polled": polled, f"{AT_ONCE} at once": at_once, "in a session": in_a_session,
}  # fmt: skip


@contextmanager
def profiled(database: Database[dict[str, Any]]) -> Iterator[Counter[tuple[str, str]]]:
    """Count the commands to this database by program and command, while the block lasts."""
    counts: Counter[tuple[str, str]] = Counter()
    database.command("profile", 0)
    database.drop_collection("system.profile")
    database.create_collection("system.profile", capped=True, size=PROFILE_BYTES)
    database.command("profile", 2)
    try:
        yield counts
    finally:
        database.command("profile", 0)
        for entry in database["system.profile"].find({"appName": {"$in": list(PROGRAMS)}}):
            counts[PROGRAMS[entry["appName"]], _name(entry)] += 1


def _name(entry: dict[str, Any]) -> str:
    """Return command and collection, and for an empty-handed one that it was."""
    command = entry.get("originatingCommand") or entry["command"]
    kind = "getMore" if entry["op"] == "getmore" else next(iter(command))
    if entry["op"] == "update":
        kind = "update"
    name = f"{kind} {entry['ns'].partition('.')[2]}"
    return name + (" (nothing)" if _found_nothing(kind, entry) else "")


def _found_nothing(kind: str, entry: dict[str, Any]) -> bool:
    if kind in ("find", "getMore"):
        return entry.get("nreturned") == 0
    return kind == "findAndModify" and not entry.get("nModified") and not entry.get("upsert")


def idle(_url: str, _cells: int) -> None:
    """Ten seconds of nothing."""
    time.sleep(10)


def commands(database: Database[dict[str, Any]], run: Callable[[], None], cells: int) -> dict[str, float]:
    """Return the commands of a cell, by who sends what."""
    with profiled(database) as counts:
        run()
        time.sleep(SETTLE_S)
    return {" ".join(key): round(count / cells, 2) for key, count in sorted(counts.items())}


def cpu_ms(server: Server, run: Callable[[], None], cells: int) -> dict[str, float]:
    """Return the CPU milliseconds of a cell, by part of the server."""
    pids, group = {"server": server.process.pid}, sessions_group(server.data)
    before = cpu_by_part_s(pids, group)
    run()
    time.sleep(SETTLE_S)
    after = cpu_by_part_s(pids, group)
    return {part: round(1000 * (after[part] - before.get(part, 0.0)) / cells, 2) for part in after}


def main(arguments: list[str]) -> None:
    """Measure and print the tables."""
    cells = int(arguments[0]) if arguments else 200
    result: dict[str, Any] = {}
    with serve("") as server:
        database = MongoClient[dict[str, Any]](address.uri(server.data / "mongo"))["singlecell"]
        one_by_one(server.url, 20)
        for way, run in WAYS.items():
            counts = commands(database, lambda run=run: run(server.url, cells), cells)  # type: ignore[misc]
            cpu = cpu_ms(server, lambda run=run: run(server.url, cells), cells)  # type: ignore[misc]
            result[way] = {"commands": counts, "cpu_ms": cpu}
            print(f"\n{cells} cells {CODE}, {way}: {sum(counts.values()):.1f} commands a cell")
            print("\n".join(f"  {count:6.2f}  {name}" for name, count in counts.items()))
            print("  CPU ms a cell: ", "  ".join(f"{part} {value:.2f}" for part, value in sorted(cpu.items())))
        counts = commands(database, lambda: idle(server.url, 0), 10)
        result["idle, a second"] = {"commands": counts}
        print(f"\nidle: {sum(counts.values()):.1f} commands a second")
        print("\n".join(f"  {count:6.2f}  {name}" for name, count in counts.items()))
    RESULTS.mkdir(exist_ok=True)
    (RESULTS / "commands.json").write_text(json.dumps(result, indent=1) + "\n")


if __name__ == "__main__":
    main(sys.argv[1:])
