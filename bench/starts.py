"""Measure starts: from the command to `ready`, with all languages and with Python alone, and to a first Sage cell.

``python -m bench starts [ROUNDS] [CHECKOUT]`` prints a table and writes ``bench/results/starts.json``; with another
checkout, its starts are measured in turns with this one's. The data directory is new each time.
"""

from __future__ import annotations

import json
import os
import platform
import shutil
import statistics
import time
from collections import defaultdict
from pathlib import Path

import requests

from bench.sage import busy_share
from harness.languages import is_installed
from harness.processes import start
from harness.server import ROOT, make_site

RESULT = ROOT / "bench" / "results" / "starts.json"
ROUNDS = 5
START_S = 300.0
CELL_S = 120.0


def main(arguments: list[str]) -> None:
    """Start servers in turns, so that a slow minute of the machine is slow for all."""
    rounds = int(arguments[0]) if arguments else ROUNDS
    checkouts = {"here": ROOT}
    if arguments[1:]:
        checkouts["there"] = Path(arguments[1]).absolute()
    served = {"all": "", "Python alone": "python"} if is_installed("sage") else {"Python alone": "python"}
    busy = busy_share()
    times_s: dict[str, list[float]] = defaultdict(list)
    for _ in range(rounds):
        for what, languages in served.items():
            for where, checkout in checkouts.items():
                for until, seconds in start_once(checkout, languages).items():
                    times_s[f"{where}, {what}: {until}"].append(round(seconds, 2))
    table = {
        "machine": f"{platform.machine()}, {os.cpu_count()} cores, Linux {platform.release()}",
        "processors_busy_before": busy,
        "s": dict(times_s),
    }
    print(f"{rounds} starts of each in turns, s; {table['machine']}, {busy:.0%} busy before")
    for name, times in times_s.items():
        print(f"{name:40} median {statistics.median(times):6.2f}   {min(times):6.2f} to {max(times):6.2f}")
    RESULT.parent.mkdir(exist_ok=True)
    RESULT.write_text(json.dumps(table, indent=1) + "\n")


def start_once(checkout: Path, languages: str) -> dict[str, float]:
    """Return the seconds until `ready`, when a first cell has run, and until a Sage cell that is sent then is done."""
    site, begun = make_site(), time.monotonic()
    argv, env = ["sh", str(checkout / "deploy" / "bootstrap.sh"), "run"], {**site.env, "LANGUAGES": languages}
    try:
        with start(argv, ready=f"^ready {site.url}$", deadline_s=START_S, env=env, cwd=checkout):
            seconds = {"ready": time.monotonic() - begun}
            if not languages:
                wait_for_cell(site.url, "sage")
                seconds["a Sage cell"] = time.monotonic() - begun
    finally:
        shutil.rmtree(site.data, ignore_errors=True)
    return seconds


def wait_for_cell(url: str, language: str) -> None:
    """Run one cell to its end, however long it waits for its language."""
    answer = requests.post(f"{url}/computations", json={"code": "1+1", "language": language}, timeout=CELL_S).json()
    end, state = time.monotonic() + CELL_S, answer["state"]
    while state in ("queued", "running") and time.monotonic() < end:
        messages = f"{answer['links']['messages']}?after=-1&wait=1"
        state = requests.get(messages, timeout=CELL_S).json()["state"]
    if state != "done":
        raise SystemExit(f"a cell did not end well: {state}")
