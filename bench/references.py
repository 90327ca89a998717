"""Measure cells beside what others do in the same minutes: a plot, a megabyte of text, and programs that are not ours.

``python -m bench references [SECONDS] [PYTHON]`` starts a server and runs, one after another for so long each: ``1+1``,
a plot, a megabyte of text, and an idle server; then as references a plain Flask application that only stores a
document in the same MongoDB, on its disk, and a fresh kernel of Jupyter's for each cell, where ``PYTHON`` names an
environment with ``jupyter_client`` and ``ipykernel``. Everything has one client. Writes
``bench/results/references.json``.
"""

from __future__ import annotations

import json
import platform
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import requests

from bench.latency import row
from harness.processes import start
from harness.server import ROOT, Server, free_port, serve
from harness.usage import cpu_by_part_s, sessions_group
from singlecell_client import Client
from store import address

RESULT = ROOT / "bench" / "results" / "references.json"
SECONDS, WARM, START_S = 8.0, 5, 60.0
PLOT = "import matplotlib.pyplot as plt\nplt.plot([1, 4, 9])\nplt.show()"
LINES, LINE = 10_000, "x" * 99
CODES = {"1+1": "1+1", "a plot": PLOT, "1 MB of text": f"for _ in range({LINES}): print({LINE!r})"}
# Loaded by uWSGI, as our web part is, with one process and as many greenlets.
FLASK = """
from gevent import monkey; monkey.patch_all()
import os
from flask import Flask, request
from pymongo import MongoClient, WriteConcern
app = Flask(__name__)
durable = WriteConcern("majority", j=True)
cells = MongoClient(os.environ["MONGO"])["reference"].get_collection("cells", write_concern=durable)
@app.post("/")
def store():
    return {"id": str(cells.insert_one(request.get_json()).inserted_id)}, 201
"""
KERNEL = """
import sys, time
from jupyter_client.manager import start_new_kernel
until, times = time.monotonic() + float(sys.argv[1]), []
while time.monotonic() < until:
    began, said = time.monotonic(), []
    manager, client = start_new_kernel()
    client.execute_interactive("1+1", output_hook=lambda message: said.append(message["content"].get("data", {})))
    manager.shutdown_kernel(now=True)
    assert {"text/plain": "2"} in said
    times.append(time.monotonic() - began)
print(times)
"""


def main(arguments: list[str]) -> None:
    """Measure and print the table."""
    seconds = float(arguments[0]) if arguments else SECONDS
    table: dict[str, Any] = {"machine": f"{platform.machine()}, Linux {platform.release()}", "seconds": seconds}
    with serve("client_cpu_s_per_hour = 100000.0\n") as server:
        client = Client(server.url)
        for name, code in CODES.items():
            table[name] = paid(server, name, lambda code=code: cell(client, code), seconds)  # type: ignore[misc]
        table["idle"] = idle(server, seconds)
        table["plain Flask and MongoDB"] = flask(server, seconds)
    if arguments[1:]:
        said = subprocess.run(
            [arguments[1], "-c", KERNEL, str(seconds)], check=True, capture_output=True, text=True
        ).stdout  # fmt: skip
        table["a fresh kernel of Jupyter's"] = shown("a fresh kernel of Jupyter's", json.loads(said))
    RESULT.parent.mkdir(exist_ok=True)
    RESULT.write_text(json.dumps(table, indent=1) + "\n")


def cell(client: Client, code: str) -> None:
    """Run a cell, and see that all came of it that should."""
    id = client.submit(code)["id"]
    result = client.result(id, list(client.follow(id)))
    right = {
        "1+1": lambda: result.text == "2\n",
        PLOT: lambda: any("image/png" in one["data"] for one in result.of_type("display_data")),
    }.get(code, lambda: result.text == f"{LINE}\n" * LINES)
    if not right():
        raise SystemExit(f"a cell did not end well: {result}")


def paid(server: Server, name: str, once: Callable[[], None], seconds: float) -> dict[str, Any]:
    """Do something again and again; return how long it took, and what CPU the parts of the server had of it."""
    for _ in range(WARM):
        once()
    pids, group = {"server": server.process.pid}, sessions_group(server.data)
    before, times = cpu_by_part_s(pids, group), repeated(once, seconds)
    after = cpu_by_part_s(pids, group)
    cost = {part: round(1000 * (after[part] - before.get(part, 0.0)) / len(times), 2) for part in sorted(after)}
    return shown(name, times, cpu_ms={part: ms for part, ms in cost.items() if part != "machine"})


def repeated(once: Callable[[], None], seconds: float) -> list[float]:
    """Do something for so long; return the seconds that each took."""
    until, times = time.monotonic() + seconds, []
    while time.monotonic() < until:
        began = time.monotonic()
        once()
        times.append(time.monotonic() - began)
    return times


def idle(server: Server, seconds: float) -> dict[str, Any]:
    """Return the CPU milliseconds a second of a server to which nobody comes."""
    pids, group = {"server": server.process.pid}, sessions_group(server.data)
    before = cpu_by_part_s(pids, group)
    time.sleep(seconds)
    after = cpu_by_part_s(pids, group)
    found = {part: round(1000 * (after[part] - before.get(part, 0.0)) / seconds, 1) for part in sorted(after)}
    print(f"{'idle':28} CPU ms a second {found}", flush=True)
    return found


def flask(server: Server, seconds: float) -> dict[str, Any]:
    """Have a plain Flask application store documents in the server's MongoDB."""
    port, module = free_port(), server.data / "reference.py"
    module.write_text(FLASK)
    argv = [
        str(Path(sys.executable).with_name("uwsgi")), "--http-socket", f"127.0.0.1:{port}", "--gevent", "100",
        "--wsgi-file", str(module), "--callable", "app", "--single-interpreter", "--die-on-term", "--master",
        "--disable-logging",
    ]  # fmt: skip
    url = f"http://127.0.0.1:{port}/"
    environment = {"MONGO": address.uri(server.data / "mongo"), "PATH": "/usr/bin:/bin"}
    with start(argv, ready=r"spawned uWSGI worker 1", deadline_s=START_S, env=environment) as process:

        def once() -> None:
            requests.post(url, json={"code": "1+1"}, timeout=START_S).raise_for_status()

        for _ in range(WARM):
            once()
        before = cpu_by_part_s({"flask": process.pid}, None)
        times = repeated(once, seconds)
        used_s = cpu_by_part_s({"flask": process.pid}, None)
    named = {name: round(1000 * (used_s[name] - before[name]) / len(times), 2) for name in used_s if name != "machine"}
    return shown("plain Flask and MongoDB", times, cpu_ms=named)


def shown(name: str, times: list[float], **more: Any) -> dict[str, Any]:
    """Print and return a row."""
    found = {"a second": round(len(times) / sum(times), 1), "ms": row(times), **more}
    print(f"{name:28} {found}", flush=True)
    return found
