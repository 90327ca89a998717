"""Measure jobs a second and the time of one: through Jobe's door, beside cells over our own HTTP, and beside Jobe.

``python -m bench jobs [--seconds S] [--jobe URL]`` starts a server, lets clients send jobs one after the other, by each
way in turns, prints a table and writes ``bench/results/jobs.json``. URL is that of a Jobe on this machine.
"""

from __future__ import annotations

import argparse
import json
import statistics
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import requests

from harness.server import serve

RESULT = Path(__file__).parent / "results" / "jobs.json"
CLIENTS = (1, 4)
ROUNDS = 3
DEADLINE_S = 60
C = '#include <stdio.h>\nint main() { printf("Hello\\n"); }\n'
JOBS = {"python3": ("python", "print('Hello')\n"), "c": ("c", C)}
# Nobody's own machine: shares and budgets would end the measurement, and the operator has none.
SETTINGS = "workers = 50\npool_ready = 4\n"

Ask = Callable[[requests.Session, str, str], None]


def by_jobe(base: str) -> Ask:
    """Return what sends a job by Jobe's protocol."""

    def ask(http: requests.Session, language: str, source: str) -> None:
        body = {"run_spec": {"language_id": language, "sourcecode": source, "sourcefilename": f"prog.{language[:2]}"}}
        answer = http.post(f"{base}/jobe/index.php/restapi/runs", json=body, timeout=DEADLINE_S).json()
        if (answer["outcome"], answer["stdout"]) != (15, "Hello\n"):
            raise SystemExit(f"a job did not end well: {answer}")

    return ask


def by_cells(base: str) -> Ask:
    """Return what runs the same code as a cell."""

    def ask(http: requests.Session, language: str, source: str) -> None:
        body = {"code": source, "language": JOBS[language][0], "stdin": False}
        answer = http.post(f"{base}/computations?wait=30", json=body, timeout=DEADLINE_S).json()
        if answer.get("state") != "done" or "Hello" not in json.dumps(answer["messages"]):
            raise SystemExit(f"a cell did not end well: {answer}")

    return ask


def measure(ask: Ask, language: str, clients: int, seconds: float) -> list[float]:
    """Return the seconds that each job took, of clients that send one after the other for so long."""
    until = time.monotonic() + seconds

    def send(_client: int) -> list[float]:
        taken = []
        with requests.Session() as http:
            while (begun := time.monotonic()) < until:
                ask(http, language, JOBS[language][1])
                taken.append(time.monotonic() - begun)
        return taken

    with ThreadPoolExecutor(clients) as pool:
        return [one for taken in pool.map(send, range(clients)) for one in taken]


def main(arguments: list[str]) -> None:
    """Measure and print the table."""
    parser = argparse.ArgumentParser(prog="python -m bench jobs")
    parser.add_argument("--seconds", type=float, default=4.0)
    parser.add_argument("--jobe", default="")
    options = parser.parse_args(arguments)
    result: dict[str, Any] = {}
    with serve(SETTINGS, LANGUAGES=",".join(ours for ours, _ in JOBS.values())) as server:
        ways = {"our door": by_jobe(server.url), "our cells": by_cells(server.url)}
        if options.jobe:
            ways["Jobe"] = by_jobe(options.jobe.rstrip("/"))
        print(f"{'':10} {'clients':>8} {'':10} {'jobs/s':>8} {'p50 ms':>8} {'p95 ms':>8}")
        for language in JOBS:
            for clients in CLIENTS:
                taken: dict[str, list[float]] = {way: [] for way in ways}
                for _ in range(ROUNDS):  # in turns, for the machine is not alone
                    for way, ask in ways.items():
                        taken[way] += measure(ask, language, clients, options.seconds)
                for way, times in taken.items():
                    rate = len(times) / (ROUNDS * options.seconds)
                    p50, p95 = statistics.median(times), sorted(times)[int(len(times) * 0.95)]
                    row = {"per_s": round(rate, 1), "p50_ms": round(1000 * p50, 1), "p95_ms": round(1000 * p95, 1)}
                    result[f"{language}, {clients} clients, {way}"] = row
                    figures = f"{row['per_s']:8.1f} {row['p50_ms']:8.1f} {row['p95_ms']:8.1f}"
                    print(f"{language:10} {clients:8} {way:10} {figures}", flush=True)
    RESULT.parent.mkdir(exist_ok=True)
    RESULT.write_text(json.dumps(result, indent=1) + "\n")
