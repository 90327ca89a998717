"""Measure short cells in loops: how many a second, how long each takes, and which part of the server paid for them.

``python -m bench loops [SECONDS]`` starts a server and runs, for so long each: closed loops with 1, 4, 16 and 64
clients, who each submit a cell when the last one ended; one client whose cells are turns of one session; open loops at
a quarter, a half and three quarters of the most that the closed ones reached. In an open loop a cell has its moment,
however late the others are, and its time counts from then. Between them bare programs are run, as references of the
same minutes. Each cell has a result of its own, which is held against what it must be. The clients run on the same
processors; what they take stands beside.
Writes ``bench/results/loops.json``.
"""

from __future__ import annotations

import http.client
import itertools
import json
import multiprocessing
import os
import platform
import shutil
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from multiprocessing.connection import Connection
from typing import Any
from urllib.parse import urlsplit

from bench.latency import row
from harness.processes import untrusted_python
from harness.server import ROOT, Server, serve
from harness.usage import cpu_by_part_s, sessions_group

RESULT = ROOT / "bench" / "results" / "loops.json"
SECONDS = 10.0
CLIENTS = (1, 4, 16, 64)
SHARES = (0.25, 0.5, 0.75)
OPEN_CLIENTS = 64
WARM_CELLS = 40
ANSWER_S = 60
REFERENCE_S = 2.0
SETTLE_S = 1.0  # after the last answer: what follows it is counted too
BWRAP = ("bwrap", "--ro-bind", "/", "/", "--dev", "/dev", "--proc", "/proc", "--unshare-all", "--die-with-parent")


@dataclass
class Seen:
    """What clients saw: the seconds of each cell that was right, and the ends of the others."""

    times_s: list[float] = field(default_factory=list)
    others: list[str] = field(default_factory=list)


class Client:
    """A client with one connection and an address of its own. ``keep``: its cells are turns of one session."""

    def __init__(self, url: str, number: int, *, keep: bool = False) -> None:
        self._connection = http.client.HTTPConnection(urlsplit(url).netloc, timeout=ANSWER_S)
        address = f"198.18.{number // 250}.{number % 250 + 1}"
        self._headers = {"Content-Type": "application/json", "X-Forwarded-For": address}
        self._session: dict[str, Any] = {"keep": True} if keep else {}

    def cell(self, seen: Seen, number: int, began_s: float | None = None) -> None:
        """Run a cell and note its end; its time counts from ``began_s``, by default from now."""
        began_s = time.monotonic() if began_s is None else began_s
        body = json.dumps({"code": f"{number}+1", **self._session})
        try:
            self._connection.request("POST", "/computations?wait=30", body, self._headers)
            answer = self._connection.getresponse()
            text = answer.read()
        except (OSError, http.client.HTTPException) as error:
            self._connection.close()
            return seen.others.append(type(error).__name__)
        if answer.status != 201:
            return seen.others.append(str(answer.status))
        cell = json.loads(text)
        results = [one["content"]["data"]["text/plain"] for one in cell["messages"]
                   if one["header"]["msg_type"] == "execute_result"]  # fmt: skip
        if cell["state"] != "done" or results != [str(number + 1)]:
            return seen.others.append(f"{cell['state']} with {results}")
        if self._session:
            self._session["session"] = cell["session"]
        seen.times_s.append(time.monotonic() - began_s)


def closed(url: str, clients: int, seconds: float, keep: bool = False) -> Seen:
    """Let clients run one cell after the other; each in one session where they ``keep`` it."""
    seen, until, numbers = Seen(), time.monotonic() + seconds, itertools.count()

    def go_on(number: int) -> None:
        client = Client(url, number, keep=keep)
        while time.monotonic() < until:
            client.cell(seen, next(numbers))

    with ThreadPoolExecutor(clients) as threads:
        list(threads.map(go_on, range(clients)))
    return seen


def opened(url: str, rate: float, seconds: float) -> Seen:
    """Let a cell begin at each of the even moments that a rate makes, by whichever client is free."""
    seen, began_s, numbers, lock = Seen(), time.monotonic(), itertools.count(), threading.Lock()

    def go_on(client_number: int) -> None:
        client = Client(url, client_number)
        while True:
            with lock:
                number = next(numbers)
            due_s = began_s + number / rate
            if due_s > began_s + seconds:
                return
            time.sleep(max(0.0, due_s - time.monotonic()))
            client.cell(seen, number, due_s)

    with ThreadPoolExecutor(OPEN_CLIENTS) as threads:
        list(threads.map(go_on, range(OPEN_CLIENTS)))
    return seen


def apart(function: Callable[..., Seen], *arguments: Any) -> tuple[Seen, float, float]:
    """Call a function in a process of its own; return what it returns, how long it took, and its CPU seconds."""
    reader, writer = multiprocessing.Pipe(duplex=False)
    process = multiprocessing.Process(target=_tell, args=(writer, function, arguments))
    process.start()
    if not reader.poll(10 * ANSWER_S):
        raise SystemExit("the clients came to no end")
    found: tuple[Seen, float, float] = reader.recv()
    process.join(ANSWER_S)
    return found


def _tell(writer: Connection, function: Callable[..., Seen], arguments: tuple[Any, ...]) -> None:
    began_s, cpu_s = time.monotonic(), time.process_time()
    seen = function(*arguments)
    writer.send((seen, time.monotonic() - began_s, time.process_time() - cpu_s))


def loop(server: Server, name: str, function: Callable[..., Seen], *arguments: Any) -> dict[str, Any]:
    """Run a loop beside the server; print and return its row."""
    pids, group = {"server": server.process.pid}, sessions_group(server.data)
    before = cpu_by_part_s(pids, group)
    seen, lasted_s, clients_s = apart(function, server.url, *arguments)
    time.sleep(SETTLE_S)
    after = cpu_by_part_s(pids, group)
    cells = max(1, len(seen.times_s))
    cost = {part: round(1000 * (after[part] - before.get(part, 0.0)) / cells, 2) for part in sorted(after)}
    machine = cost.pop("machine")
    found: dict[str, Any] = {
        "cells_per_s": round(len(seen.times_s) / lasted_s, 1), "ms": row(seen.times_s or [0.0]),
        "others": {end: seen.others.count(end) for end in set(seen.others)},
        "cpu_ms_a_cell": {**cost, "all": round(sum(cost.values()), 2),
                          "clients": round(1000 * clients_s / cells, 2), "machine": machine},
    }  # fmt: skip
    print(f"{name:22} {found['cells_per_s']:7.1f}/s  {found['ms']}  {found['others'] or ''}", flush=True)
    print(f"{'':22} CPU ms a cell {found['cpu_ms_a_cell']}", flush=True)
    return found


def references() -> dict[str, float]:
    """Return how many bare programs end a second, with as many at once as there are processors."""
    python = [untrusted_python(), "-I", "-c", "print(1+1)"]
    ways = {"python -c": python}
    if shutil.which("bwrap"):
        ways["bwrap python -c"] = [*BWRAP, *python]
    return {name: _rate(argv) for name, argv in ways.items()}


def _rate(argv: list[str]) -> float:
    until = time.monotonic() + REFERENCE_S

    def go_on(_number: int) -> int:
        done = 0
        while time.monotonic() < until:
            subprocess.run(argv, check=True, stdout=subprocess.DEVNULL)
            done += 1
        return done

    processors = os.cpu_count() or 1
    with ThreadPoolExecutor(processors) as threads:
        return round(sum(threads.map(go_on, range(processors))) / REFERENCE_S, 1)


def main(arguments: list[str]) -> None:
    """Measure and print the table."""
    seconds = float(arguments[0]) if arguments else SECONDS
    table: dict[str, Any] = {
        "machine": f"{platform.machine()}, {os.cpu_count()} cores, Linux {platform.release()}",
        "python": sys.version.split()[0], "date": time.strftime("%Y-%m-%d"), "seconds": seconds,
    }  # fmt: skip
    with serve("") as server:
        warm = Client(server.url, 0)
        for number in range(WARM_CELLS):
            warm.cell(Seen(), number)
        for clients in CLIENTS:
            name = f"closed, {clients} clients"
            table[name] = loop(server, name, closed, clients, seconds)
            table[f"references after {name}"] = found = references()
            print(f"{'':22} in the same minute, a second: {found}", flush=True)
        table["turns, 1 client"] = loop(server, "turns, 1 client", closed, 1, seconds, True)
        most = max(table[f"closed, {clients} clients"]["cells_per_s"] for clients in CLIENTS)
        for share in SHARES:
            name = f"open, {share * most:.0f} a second"
            table[name] = loop(server, name, opened, share * most, seconds)
    RESULT.parent.mkdir(exist_ok=True)
    RESULT.write_text(json.dumps(table, indent=1) + "\n")
