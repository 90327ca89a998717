"""Measure whether a cell costs the same beside many: cells that wait, sessions that rest, polls that are held.

``python -m bench scale [SECONDS]`` starts a server for each of the three and runs short cells in closed loops, for so
long each: four clients beside 1, 100 and 1,000 idle sessions, then beside none, 1,000 and 10,000 long polls of one web
process. What waits is taken by the device itself: of 10, 1,000 and 10,000 cells in line it counts the CPU of the first
few hundred. Writes ``bench/results/scale.json``.
"""

from __future__ import annotations

import json
import platform
import socket
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from typing import Any
from urllib.parse import urlsplit

import requests
from pymongo import MongoClient

import settings as settings_file
import store as stores
from bench.loops import closed, loop
from harness.processes import wait_for
from harness.server import ROOT, Server, serve
from harness.usage import cpu_by_part_s, sessions_group
from store import Store, Submission, address

RESULT = ROOT / "bench" / "results" / "scale.json"
SECONDS = 8.0
CLIENTS = 4
QUEUED, TAKEN = (10, 1000, 10_000), 300
QUEUE_MAX = 2 * max(QUEUED)
IDLE = (1, 100, 1000)
POLLS = (0, 1000, 10_000)
MAKERS, FILLERS = 8, 64  # threads that submit: sessions, and what waits (natural batches)
DEADLINE_S = 600.0
HOLDS_S = 300
WARM_S = 2.0


def main(arguments: list[str]) -> None:
    """Measure and print the tables."""
    seconds = float(arguments[0]) if arguments else SECONDS
    table: dict[str, Any] = {"machine": f"{platform.machine()}, Linux {platform.release()}", "seconds": seconds}
    with serve(f"workers = {max(IDLE) + 50}\nsession_idle_s = {DEADLINE_S}\n") as server:
        table["idle sessions"] = beside_sessions(server, seconds)
    with serve("web_greenlets = 16000\nwait_s_max = 300\n") as server:
        table["long polls"] = beside_polls(server, seconds)
    with serve(f"queue_length_max = {QUEUE_MAX}\n") as server:
        table["queued"] = {f"{queued} queued": taken(server, queued) for queued in QUEUED}
    RESULT.parent.mkdir(exist_ok=True)
    RESULT.write_text(json.dumps(table, indent=1) + "\n")


def beside_sessions(server: Server, seconds: float) -> dict[str, Any]:
    """Run short cells beside more and more sessions that rest."""
    rows, kept = {}, 0
    closed(server.url, CLIENTS, WARM_S)
    for idle in IDLE:
        with ThreadPoolExecutor(MAKERS) as makers:
            list(makers.map(lambda _number: keep(server.url), range(idle - kept)))
        kept = idle
        rows[f"{idle} idle"] = loop(server, f"{idle} idle sessions", closed, CLIENTS, seconds)
    return rows


def keep(url: str) -> None:
    """Have a session rest."""
    body: dict[str, Any] = {"code": "kept = 1", "keep": True}
    answer = requests.post(f"{url}/computations?wait=30", json=body, timeout=90)
    if answer.json().get("state") != "done":
        raise SystemExit(f"a session did not begin: {answer.text}")


def beside_polls(server: Server, seconds: float) -> dict[str, Any]:
    """Run short cells beside more and more long polls, all of a cell that says nothing."""
    rows = {}
    body = {"code": f"import time; time.sleep({HOLDS_S})"}
    polled = requests.post(f"{server.url}/computations", json=body, timeout=60).json()
    wait_for(lambda: requests.get(polled["links"]["messages"], timeout=60).json()["next"] >= 0, DEADLINE_S)
    said = requests.get(polled["links"]["messages"], timeout=60).json()["next"]
    path = urlsplit(f"{polled['links']['messages']}?after={said}&wait={HOLDS_S}")
    request = f"GET {path.path}?{path.query} HTTP/1.1\r\nHost: bench\r\n\r\n".encode()
    place = urlsplit(server.url).hostname, urlsplit(server.url).port
    closed(server.url, CLIENTS, WARM_S)
    with ExitStack() as stack:
        held: list[socket.socket] = []
        for polls in POLLS:
            while len(held) < polls:
                held.append(stack.enter_context(socket.create_connection(place, timeout=60)))  # type: ignore[arg-type]
                held[-1].sendall(request)
            rows[f"{polls} polls"] = loop(server, f"{polls} long polls", closed, CLIENTS, seconds)
            print(f"{'':22} answered meanwhile: {sum(map(answered, held))}", flush=True)
    return rows


def answered(line: socket.socket) -> bool:
    """Return whether there is something to read."""
    line.setblocking(False)
    try:
        return line.recv(1, socket.MSG_PEEK) is not None
    except BlockingIOError:
        return False


def taken(server: Server, queued: int) -> dict[str, float]:
    """Put so many cells and some more in line; return the CPU milliseconds of the first that are taken, a cell."""
    mongo_uri = address.uri(server.data / "mongo")
    door = stores.connect(settings_file.load(mongo_uri=mongo_uri, queue_length_max=QUEUE_MAX))
    with ThreadPoolExecutor(FILLERS) as makers:
        list(makers.map(lambda number: submit(door, number), range(queued + TAKEN)))
    line = MongoClient[dict[str, Any]](mongo_uri)["singlecell"]["computations"]

    def in_line() -> int:
        return line.count_documents({"state": "queued"})

    waiting = in_line()
    pids, group = {"server": server.process.pid}, sessions_group(server.data)
    before = cpu_by_part_s(pids, group)
    aim = max(0, waiting - TAKEN)
    wait_for(lambda: in_line() <= aim, DEADLINE_S)
    ended = max(1, waiting - in_line())
    after = cpu_by_part_s(pids, group)
    cost = {part: round(1000 * (after[part] - before.get(part, 0.0)) / ended, 2) for part in sorted(after)}
    print(f"{waiting:6} in line: CPU ms of each of the next {ended}: {cost}", flush=True)
    wait_for(lambda: queued == max(QUEUED) or not in_line(), DEADLINE_S)
    door.close()
    return cost


def submit(door: Store, number: int) -> None:
    """Put a cell in line, behind no share."""
    door.computations.submit(Submission(code=f"{number}+1", language="python"))
