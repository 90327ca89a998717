"""Measure a slider that a hand drags: how late its outputs come, what the database is asked, and what is left of it.

``python -m bench controls [SECONDS]`` starts a server and moves a slider at 60 Hz, for a function that prints and then
for one that draws. As a page does, it sends the latest value when the last one was answered. Then it opens many
interacts and leaves them alone, as pages that are seen and not touched. Writes ``controls.json``.
"""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import requests
from pymongo import MongoClient
from pymongo.database import Database

from bench.commands import post, profiled
from bench.latency import row
from harness.server import serve
from harness.usage import Usage, Watch, cpu_by_part_s, sessions_group
from store import address

RESULTS = Path(__file__).parent / "results"
RATE_HZ = 60.0
TURNS = 50
ALONE_S = 3.0  # for the cells of others, with and without a drag beside them
IDLE = 200
IDLE_S = 60.0
ALIVE_S = 120.0  # as often a page that shows a control says so (frontend/src/controls/controls.js)
# So many sessions are one client's here.
FOR_IDLE = f"""
workers = {IDLE + 20}
client_sessions_max = {IDLE + 20}
session_idle_gives_way = False
"""
INTERACT = "from ipywidgets import interact\ninteract(lambda x: print(x), x=(0, 10))"
SLIDER = """
from comm import create_comm
import time
def moved(message):
    began = time.perf_counter()
    value = message['content']['data']['state']['value']
    function(value)
    slider.send({'method': 'echo_update', 'state': {'value': value}, 'took_s': time.perf_counter() - began})
slider = create_comm(target_name='jupyter.widget', data={'state': {'value': 0}}, comm_id='slider')
slider.on_msg(moved)
"""
FUNCTIONS = {
    "prints": "function = print\n",
    "draws": """
import matplotlib.pyplot as plt, numpy as np
x = np.linspace(0, 10, 500)
def function(value):
    plt.figure()
    plt.plot(x, np.sin(x * value / 20))
    plt.show()
function(1)
""",
}


def move(http: requests.Session, url: str, session: str, value: int) -> float:
    """Move the slider and wait for its output; return the seconds that its function took."""
    content = {"comm_id": "slider", "data": {"method": "update", "state": {"value": value}}}
    body = {"msg_type": "comm_msg", "content": content}
    answer = http.post(f"{url}/sessions/{session}/comms?wait=30", json=body, timeout=60).json()
    if not answer.get("finished"):
        raise SystemExit(f"a move was not answered: {answer}")
    said = [found["content"] for found in answer["messages"] if found["header"]["msg_type"] == "comm_msg"]
    return float(said[-1]["data"]["took_s"])


def one_by_one(http: requests.Session, url: str, session: str) -> Iterator[float]:
    """Yield how long single moves take on an idle server, beyond their function."""
    for value in range(TURNS):
        began = time.perf_counter()
        took_s = move(http, url, session, value)
        yield time.perf_counter() - began - took_s
        time.sleep(0.05)


def drag(http: requests.Session, url: str, session: str, seconds: float) -> tuple[list[float], int]:
    """Move at 60 Hz; return for each position how late its output, or that of a later one, came, and the outputs."""
    began, shown, outputs = time.perf_counter(), 0, 0
    late_s: list[float] = []
    while shown < seconds * RATE_HZ:
        latest = int((time.perf_counter() - began) * RATE_HZ)
        if latest <= shown:
            time.sleep(max(0.0, began + (shown + 1) / RATE_HZ - time.perf_counter()))
            continue
        move(http, url, session, latest)
        outputs += 1
        now = time.perf_counter()
        late_s += [now - began - position / RATE_HZ for position in range(shown + 1, latest + 1)]
        shown = latest
    return late_s, outputs


def documents(database: Database[dict[str, Any]]) -> int:
    """Return how many documents of computations, messages and files there are."""
    return sum(database[name].count_documents({}) for name in ("computations", "messages", "files.files"))


def others(http: requests.Session, url: str, is_over: Callable[[], bool]) -> list[float]:
    """Run short cells of others until it is over; return their seconds."""
    times_s: list[float] = []
    while not is_over() or not times_s:
        began = time.perf_counter()
        post(http, url)
        times_s.append(time.perf_counter() - began)
        time.sleep(0.1)
    return times_s


def measure(
    url: str, database: Database[dict[str, Any]], function: str, seconds: float, cpu: Callable[[], dict[str, float]]
) -> dict[str, Any]:
    """Return the figures of one function."""
    with requests.Session() as http, requests.Session() as other, ThreadPoolExecutor(1) as hand:
        session = post(http, url, code=function + SLIDER, keep=True)["session"]
        before = documents(database)
        result: dict[str, Any] = {"a move, ms beside its function": row(list(one_by_one(http, url, session)))}
        cpu_before = cpu()
        late_s, outputs = drag(http, url, session, seconds)
        cpu_after = cpu()
        result |= {
            "position to output, ms": row(late_s), "outputs a second": round(outputs / seconds, 1),
            "documents that all moves left": documents(database) - before,
            "CPU ms a move": {part: round(1000 * (cpu_after[part] - cpu_before.get(part, 0.0)) / outputs, 2)
                              for part in cpu_after},
        }  # fmt: skip
        with profiled(database) as counts:
            _late, outputs = drag(http, url, session, 2.0)
        result["commands a move"] = round(sum(counts.values()) / outputs, 1)
        nothing = hand.submit(time.sleep, ALONE_S)
        alone_s = others(other, url, nothing.done)
        dragging = hand.submit(drag, http, url, session, ALONE_S)
        result["cell of another, ms"] = row(alone_s)
        result["the same beside a drag, ms"] = row(others(other, url, dragging.done))
        http.delete(f"{url}/sessions/{session}", timeout=60)
    return result


def alive(http: requests.Session, url: str, session: str) -> None:
    """Say that a page shows the controls of a session."""
    content: dict[str, Any] = {"comm_id": "alive", "data": {"method": "update", "state": {}}}
    answer = http.post(f"{url}/sessions/{session}/comms", json={"msg_type": "comm_msg", "content": content}, timeout=60)
    if answer.status_code != 201:
        raise SystemExit(f"a session did not stay alive: {answer.text}")


def idle() -> dict[str, Any]:
    """Return what many interacts that nobody touches cost: cores of each part, memory of all, and of one session."""
    with serve(FOR_IDLE) as server, requests.Session() as http:
        pids, group = {"server": server.process.pid}, sessions_group(server.data)
        empty = watched(pids, group, lambda: time.sleep(IDLE_S / 4))
        sessions = [post(http, server.url, code=INTERACT, keep=True)["session"] for _ in range(IDLE)]
        time.sleep(5.0)  # what was begun with them comes to its end

        def pages() -> None:
            due = time.perf_counter()
            for session in sessions[: int(IDLE * IDLE_S / ALIVE_S)]:
                alive(http, server.url, session)
                due += ALIVE_S / IDLE
                time.sleep(max(0.0, due - time.perf_counter()))

        full = watched(pids, group, pages)
        more = {part: max(0.0, round(cores - empty.cores.get(part, 0.0), 4)) for part, cores in full.cores.items()}
        each_bytes = (full.memory_bytes - empty.memory_bytes) / IDLE
        ours = {part: cores for part, cores in more.items() if part != "machine"}
        return {
            "interacts": IDLE, "cores beyond an empty server": round(sum(ours.values()), 4), "of each part": ours,
            "MiB a session": round(each_bytes / 2**20, 1), "MiB in all": round(full.memory_bytes / 2**20),
        }  # fmt: skip


def watched(pids: dict[str, int], group: Path | None, work: Callable[[], None]) -> Usage:
    """Return what a server uses while something is done."""
    with Watch(pids, group, 10 * IDLE_S, Usage()) as watch:
        work()
    return watch.usage


def main(arguments: list[str]) -> None:
    """Measure and print the tables."""
    seconds = float(arguments[0]) if arguments else 10.0
    results: dict[str, Any] = {}
    with serve("") as server:
        database = MongoClient[dict[str, Any]](address.uri(server.data / "mongo"))["singlecell"]
        pids, group = {"server": server.process.pid}, sessions_group(server.data)
        for name, function in FUNCTIONS.items():
            results[name] = measure(server.url, database, function, seconds, lambda: cpu_by_part_s(pids, group))
            print(f"\na slider whose function {name}")
            print("\n".join(f"  {what}: {figure}" for what, figure in results[name].items()), flush=True)
    results["idle"] = idle()
    print(f"\n{IDLE} interacts that nobody touches")
    print("\n".join(f"  {what}: {figure}" for what, figure in results["idle"].items()), flush=True)
    RESULTS.mkdir(exist_ok=True)
    (RESULTS / "controls.json").write_text(json.dumps(results, indent=1) + "\n")


if __name__ == "__main__":
    main(sys.argv[1:])
