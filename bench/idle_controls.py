"""Measure what interacts cost that pages show and nobody touches. ``bench/controls.py`` runs it."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import requests

from bench.commands import post
from harness.server import serve
from harness.usage import Usage, Watch, sessions_group

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
