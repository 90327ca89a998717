"""Measure each language that is installed: submit → finished from the warm pool, and the memory of a waiting worker.

``python -m bench languages [ROUNDS]`` runs a server with all of them beside one with Python alone, asks both in turns
for a trivial cell and a plot, prints a table and writes ``bench/results/languages.json``.
"""

from __future__ import annotations

import json
import os
import platform
import re
import shutil
import statistics
from collections import defaultdict
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import requests

from bench.latency import row
from bench.sage import busy_share, in_turns, submit
from harness.languages import PROGRAMS, is_installed
from harness.processes import Process, start
from harness.server import ROOT, make_site
from host import descendants

RESULT = ROOT / "bench" / "results" / "languages.json"
ROUNDS = 40
START_S = 300.0
CELLS = {
    "python": ("1+1", "import matplotlib.pyplot as plt\nplt.plot([1, 2, 3]);"),
    "sage": ("1+1", "plot(sin, (0, 6))"),
    "gap": ("1 + 1;",),
    "gp": ("1 + 1",),
    "maxima": ("1 + 1;",),
    "singular": ("1 + 1;",),
    "r": ("1 + 1", "plot(1:3)"),
    "c": ('#include <stdio.h>\nint main(void) { puts("2"); }',),
    "cpp": ('#include <iostream>\nint main() { std::cout << 2; }',),
    "bash": ("echo 2",),
    "javascript": ("console.log(2)",),
    "octave": ("1 + 1", "plot (1:3)"),
    "java": ('public class Main { public static void main(String[] a) { System.out.println("2"); } }',),
}
# Those that run in sessions of another one and are installed with it.
THROUGH = dict.fromkeys(("gap", "gp", "maxima", "singular"), "sage")
PRIVATE = ("Private_Clean", "Private_Dirty")


def main(arguments: list[str]) -> None:
    """Measure in turns, so that a slow minute of the machine is slow for all."""
    rounds = int(arguments[0]) if arguments else ROUNDS
    others = [name for name in CELLS if name != "python" and is_installed(THROUGH.get(name, name))]
    busy = busy_share()
    with ExitStack() as stack:
        every, available_s = serve(stack, ["python", *others])
        alone, _none = serve(stack, ["python"])
        workers_mib = worker_sizes(every[1].pid)
        http = requests.Session()
        timed: dict[str, Callable[[], float]] = {
            f"{name}: {cell}": lambda name=name, cell=cell: submit(http, every[0], cell, name)
            for name in ("python", *others)
            for cell in CELLS[name]
        }
        timed |= {f"python alone: {cell}": lambda cell=cell: submit(http, alone[0], cell, "python")
                  for cell in CELLS["python"]}  # fmt: skip
        times_s = in_turns(rounds, timed)
    table: dict[str, Any] = {
        "machine": f"{platform.machine()}, {os.cpu_count()} cores, Linux {platform.release()}",
        "processors_busy_before": busy,
        "rounds": rounds,
        "ms": {name: row(times) for name, times in times_s.items()},
        "waiting_worker_private_mib": workers_mib,
        "start_to_available_s": available_s,
    }
    for name, values in table["ms"].items():
        line = name.replace("\n", "; ")
        print(f"{line:58}", "  ".join(f"{key} {value:8.2f}" for key, value in values.items()))
    print(f"{busy:.0%} of the processors busy before; private MiB of a waiting worker: {workers_mib}; "
          f"start to available, s: {available_s}")  # fmt: skip
    RESULT.parent.mkdir(exist_ok=True)
    RESULT.write_text(json.dumps(table, indent=1) + "\n")


def serve(stack: ExitStack, names: list[str]) -> tuple[tuple[str, Process], dict[str, float]]:
    """Start a server of these languages; return its address and process, and when each but the first could be run."""
    site = make_site()
    stack.callback(shutil.rmtree, site.data, ignore_errors=True)
    env = {**site.env, "LANGUAGES": ",".join(names)}
    process = stack.enter_context(
        start(site.argv, ready=f"^ready {site.url}$", deadline_s=START_S, env=env, cwd=ROOT)
    )
    available_s = {}
    # The others have no sessions of their own.
    for name in [name for name in names[1:] if name not in (*PROGRAMS, *THROUGH)]:
        process.wait_for_line(rf"^singlecell: {name} \S+ is ready after", START_S)
        said = re.search(rf"{name} \S+ is ready after (\d+\.\d) s", process.log)
        available_s[name] = float(said[1]) if said else -1.0
    return (site.url, process), available_s


def worker_sizes(server: int) -> dict[str, float]:
    """Return the private MiB of the sessions that wait, by their language: the median of each."""
    session_kib: dict[str, int] = defaultdict(int)
    languages: dict[str, str] = {}
    ours = os.readlink("/proc/self/ns/pid")
    for pid in descendants.find(server):
        space = os.readlink(f"/proc/{pid}/ns/pid")
        if space == ours:
            continue
        # What a zygote forks keeps its command line, which ends with the language.
        command = Path(f"/proc/{pid}/cmdline").read_bytes().decode().split("\0")
        if "-c" in command:
            languages[space] = command[-2]
        # The first process of a session shares the memory of its worker (untrusted/sandbox/init.py).
        if fact(pid, "status", "NSpid")[-1] != "1":
            session_kib[space] += sum(int(fact(pid, "smaps_rollup", kind)[0]) for kind in PRIVATE)
    sizes = defaultdict(list)
    for space, name in languages.items():
        sizes[name].append(session_kib[space] / 1024)
    return {name: round(statistics.median(found), 1) for name, found in sizes.items()}


def fact(pid: int, file: str, name: str) -> list[str]:
    """Return the words behind a name in one of the files about a process."""
    lines = Path(f"/proc/{pid}/{file}").read_text().splitlines()
    return next(line.split()[1:] for line in lines if line.startswith(f"{name}:"))
