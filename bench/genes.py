"""Measure the page /genes with many readers at once: each has an R of its own and compares two groups again and again.

``python -m bench genes [SECONDS]`` runs a server, lets 1, 2 and 8 readers ask for so long (the first two for a
quarter of it), holds every answer against the installed R, prints a table and writes ``bench/results/genes.json``.
"""

from __future__ import annotations

import itertools
import json
import os
import platform
import re
import subprocess
import time
from concurrent.futures import ThreadPoolExecutor
from html import unescape
from typing import Any

import requests

from bench.latency import row
from bench.sage import busy_share
from harness.languages import is_installed
from harness.server import ROOT, serve

RESULT = ROOT / "bench" / "results" / "genes.json"
SECONDS = 120.0
READERS = (1, 2, 8)
GROUPS = ("Kidney, run 1", "Kidney, run 2", "Liver, run 1", "Liver, run 2")
PAIRS = list(itertools.permutations(GROUPS, 2))


def main(arguments: list[str]) -> None:
    """Measure and print the table."""
    if not is_installed("r"):
        raise SystemExit("R is not installed; to bring it: make r")
    seconds = float(arguments[0]) if arguments else SECONDS
    busy = busy_share()
    table: dict[str, Any] = {
        "machine": f"{platform.machine()}, {os.cpu_count()} cores, Linux {platform.release()}",
        "processors_busy_before": busy,
    }
    with serve("", LANGUAGES="python,r") as server:
        code = page_code(server.url)
        expected = {pair: genes(directly(comparing(code, *pair))) for pair in PAIRS}
        for readers in READERS:
            lasts_s = seconds if readers == max(READERS) else seconds / 4
            table[f"{readers} readers"] = found = ask(server.url, code, expected, readers, lasts_s)
            print(f"{readers} readers", found, flush=True)
    RESULT.parent.mkdir(exist_ok=True)
    RESULT.write_text(json.dumps(table, indent=1) + "\n")


def page_code(url: str) -> str:
    """Return the code of the page's cell."""
    (found,) = re.findall(r"<pre>(.*?)</pre>", requests.get(f"{url}/genes", timeout=60).text, re.DOTALL)
    return unescape(found).strip()


def comparing(code: str, first: str, second: str) -> str:
    """Return the code for two groups."""
    return re.sub("^groups <- .*$", f'groups <- c("{first}", "{second}")', code, flags=re.MULTILINE)


def directly(code: str) -> str:
    """Return what the installed R prints."""
    return subprocess.check_output(["Rscript", "-e", f"pdf(NULL)\n{code}"], text=True, timeout=60)


def genes(table: str) -> list[tuple[str, float]]:
    """Return the genes of a printed table and how much they differ, in its order."""
    rows = re.findall(r"^(ENSG\d+) +(\S+) +\S+ +\S+", table, re.MULTILINE)
    return [(gene, round(float(fold), 5)) for gene, fold in rows]


def ask(url: str, code: str, expected: dict[Any, Any], readers: int, lasts_s: float) -> dict[str, Any]:
    """Let readers ask for so long; return how many answers came in a second, how soon, and how many were wrong."""
    until = time.monotonic() + lasts_s

    def read(number: int) -> tuple[list[float], list[float], int]:
        first, later, wrong, session = [], [], 0, {}
        with requests.Session() as http:
            for pair in itertools.islice(itertools.cycle(PAIRS), number, None):
                if time.monotonic() > until:
                    break
                body = {"code": comparing(code, *pair), "language": "r", "keep": True, **session}
                started = time.perf_counter()
                answer = http.post(f"{url}/computations?wait=30", json=body, timeout=60).json()
                (later if session else first).append(time.perf_counter() - started)
                session = {"session": answer["session"]}
                shown = [message["content"]["data"] for message in answer["messages"]
                         if message["header"]["msg_type"] == "display_data"]  # fmt: skip
                right = len(shown) == 2 and genes(shown[0]["text/plain"]) == expected[pair]
                wrong += not (answer["state"] == "done" and right and "image/png" in shown[1])
            http.delete(f"{url}/sessions/{session['session']}", timeout=60)
        return first, later, wrong

    with ThreadPoolExecutor(readers) as pool:
        started = time.monotonic()
        found = list(pool.map(read, range(readers)))
        elapsed_s = time.monotonic() - started
    first = [time_s for times, _later, _wrong in found for time_s in times]
    later = [time_s for _first, times, _wrong in found for time_s in times]
    return {
        "answers": len(first) + len(later),
        "answers_per_s": round((len(first) + len(later)) / elapsed_s, 1),
        "wrong": sum(wrong for _first, _later, wrong in found),
        "first_ms": row(first),
        "later_ms": row(later),
    }
