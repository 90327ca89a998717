"""Measure Sage's cells: submit → finished on a warm pool beside the floor; a waiting worker's memory; a start.

``python -m bench sage [ROUNDS]`` runs a server with all languages beside one with Python alone, asks both in turns,
prints a table and writes ``bench/results/sage.json``. The floor is one fork of a warmed Sage that runs the same cell
and ends.
"""

from __future__ import annotations

import json
import os
import platform
import shutil
import statistics
import subprocess
import time
from collections import defaultdict
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import requests

from bench.latency import row
from harness.languages import is_installed, language_python
from harness.processes import start
from harness.server import ROOT, Site, make_site
from host import descendants

FLOOR = Path(__file__).with_name("sage_floor.py")
RESULT = ROOT / "bench" / "results" / "sage.json"
ROUNDS = 60
WARM_UP = 5
BUSY_S = 2.0
PAUSE_S = 0.1  # in which the worker that the last cell has taken is replaced
START_S = 300.0
# Each cell with the goal for its median, in milliseconds.
CELLS = {
    "factor(2^101-1)": 60,
    "integrate(x^2*sin(x),x)": 60,
    "EllipticCurve([0,1]).rank()": 60,
    "plot(sin,(0,6))": 200,
}
WITH, WITHOUT = "1+1 in Python, Sage served", "1+1 in Python, Sage not served"
WORKER_MIB_MAX = 30
READY_S_MAX = 10


@dataclass(frozen=True)
class Served:
    """A running server; seconds from its start to its line `ready`, and to the end of a first Sage cell."""

    url: str
    pid: int
    http: requests.Session
    ready_s: float
    first_sage_cell_s: float | None

    def submit(self, code: str, language: str) -> float:
        """Run one cell; return the seconds until its end was seen."""
        return submit(self.http, self.url, code, language)


def main(arguments: list[str]) -> None:
    """Measure in turns, so that a slow minute of the machine is slow for all."""
    rounds = int(arguments[0]) if arguments else ROUNDS
    if not is_installed("sage"):
        raise SystemExit("Sage is not installed; to bring it: make sage")
    busy = busy_share()
    site = make_site()
    with serving(site, ""):
        pass
    with ExitStack() as stack:
        every = stack.enter_context(serving(site, ""))
        servers = {"all": every, "python": stack.enter_context(serving(make_site(), "python"))}
        workers = worker_sizes(every.pid)
        fork = stack.enter_context(floor())
        timed: dict[str, Callable[[], float]] = {code: lambda code=code: every.submit(code, "sage") for code in CELLS}
        timed |= {
            name: lambda which=which: servers[which].submit("1+1", "python")
            for name, which in ((WITH, "all"), (WITHOUT, "python"))
        }
        timed |= {f"floor: {code}": lambda code=code: fork(code) for code in CELLS}
        times_s = in_turns(rounds, timed)
    medians = {name: statistics.median(times) for name, times in times_s.items()}
    table = {
        "machine": f"{platform.machine()}, {os.cpu_count()} cores, Linux {platform.release()}",
        "processors_busy_before": busy,
        "rounds": rounds,
        "ms": {name: row(times) for name, times in times_s.items()},
        "ratio_to_floor_p50": {code: round(medians[code] / medians[f"floor: {code}"], 2) for code in CELLS},
        "python_ratio_p50": round(medians[WITH] / medians[WITHOUT], 2),
        "idle_worker_private_mib": workers,
        "second_start_s": {"ready": every.ready_s, "first Sage cell": every.first_sage_cell_s},
    }
    show(table)
    RESULT.write_text(json.dumps(table, indent=1) + "\n")


def busy_share() -> float:
    """Return how much of the processors others use. Not the load average, which counts workers that wait."""

    def jiffies() -> tuple[int, int]:
        with open("/proc/stat", encoding="ascii") as lines:
            times = [int(number) for number in lines.readline().split()[1:9]]
        return sum(times), times[3] + times[4]

    before = jiffies()
    time.sleep(BUSY_S)
    total, idle = (after - then for after, then in zip(jiffies(), before, strict=True))
    return round(1 - idle / total, 2)


@contextmanager
def serving(site: Site, languages: str) -> Iterator[Served]:
    """Run a server of these languages; its data stay for the next one at the same site."""
    begun = time.monotonic()
    env = {**site.env, "LANGUAGES": languages}
    with start(site.argv, ready=f"^ready {site.url}$", deadline_s=START_S, env=env, cwd=ROOT) as process:
        ready_s = round(time.monotonic() - begun, 2)
        http, cell_s = requests.Session(), None
        if languages != "python":
            submit(http, site.url, "1+1", "sage")
            cell_s = round(time.monotonic() - begun, 2)
        yield Served(site.url, process.pid, http, ready_s, cell_s)
        if languages == "python":
            shutil.rmtree(site.data, ignore_errors=True)


@contextmanager
def floor() -> Iterator[Callable[[str], float]]:
    """Give a function that returns the seconds of one fork of a warmed Sage that runs a cell."""
    # -I: this directory has a file of that name, too.
    argv = [str(language_python("sage")), "-I", str(FLOOR), *CELLS]
    with subprocess.Popen(argv, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as program:
        if not program.stdin or not program.stdout:
            raise SystemExit("the floor program has no pipes")
        asked, told = program.stdin, program.stdout

        def fork(code: str) -> float:
            asked.write(f"{code}\n")
            asked.flush()
            return float(told.readline())

        yield fork
        asked.close()


def in_turns(rounds: int, measurements: dict[str, Callable[[], float]]) -> dict[str, list[float]]:
    """Take every measurement once in each round, to and fro; those of the first rounds warm up and are left out."""
    times: dict[str, list[float]] = {name: [] for name in measurements}
    for number in range(WARM_UP + rounds):
        for name, measure in list(measurements.items())[:: -1 if number % 2 else 1]:
            time.sleep(PAUSE_S)
            seconds = measure()
            if number >= WARM_UP:
                times[name].append(seconds)
    return times


def worker_sizes(server: int) -> dict[str, float]:
    """Return the private MiB of the sessions that wait, those of Sage and those of Python: the median of each."""
    private_kib: dict[tuple[str, str], int] = defaultdict(int)
    ours = os.readlink("/proc/self/ns/pid")
    for pid in descendants.find(server):
        space = os.readlink(f"/proc/{pid}/ns/pid")
        if space != ours:
            program = "sage" if "/sage/" in Path(f"/proc/{pid}/cmdline").read_bytes().decode() else "python"
            rows = [line.split() for line in Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines()]
            private = sum(int(row[1]) for row in rows if row[0].startswith(("Private_Clean", "Private_Dirty")))
            # The two processes of a session that waits have one memory (untrusted/sandbox/init.py).
            private_kib[program, space] = max(private_kib[program, space], private)
    if not private_kib:
        raise SystemExit("the server has no waiting workers")
    sizes = {
        name: [kib / 1024 for (program, _), kib in private_kib.items() if program == name] for name, _ in private_kib
    }
    return {name: round(statistics.median(found), 1) for name, found in sizes.items()}


def show(table: dict[str, Any]) -> None:
    """Print what was measured, with the goals."""
    print(
        f"{table['rounds']} rounds in turns, ms; {table['machine']}, {table['processors_busy_before']:.0%} busy before"
    )
    for name, values in table["ms"].items():
        goal = f"   goal for p50: {CELLS[name]}" if name in CELLS else ""
        print(f"{name:38}", "  ".join(f"{key} {value:8.2f}" for key, value in values.items()), goal)
    print("median ÷ floor:", ", ".join(f"{code} {ratio}" for code, ratio in table["ratio_to_floor_p50"].items()))
    print(f"a Python cell with Sage ÷ without: {table['python_ratio_p50']}")
    print(f"private MiB of a waiting worker: {table['idle_worker_private_mib']} (goal for Sage: {WORKER_MIB_MAX})")
    print(f"second start, s: {table['second_start_s']} (goal for ready: {READY_S_MAX})")


def submit(http: requests.Session, url: str, code: str, language: str) -> float:
    """Run one cell; return the seconds until its end was seen."""
    started = time.perf_counter()
    answer = http.post(f"{url}/computations?wait=30", json={"code": code, "language": language}, timeout=60)
    elapsed = time.perf_counter() - started
    if answer.json().get("state") != "done":
        raise SystemExit(f"a cell did not end well: {answer.text}")
    return elapsed
