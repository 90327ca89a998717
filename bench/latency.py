"""Measure submit → finished of ``1+1`` and a completion on an idle server, beside the floor of the same minute.

``python bench/latency.py URL UNTRUSTED_PYTHON [ROUNDS]`` prints a table and writes ``latency.json`` where it starts.
Where the time goes is read from what the server keeps of each cell: MongoDB's times of its states, in whole
milliseconds, and the device's of its messages.
The floor is one fork of a warmed IPython in the untrusted environment that runs the same cell and ends: what no server
of this shape can be faster than.
"""

from __future__ import annotations

import json
import platform
import subprocess
import sys
import time
from datetime import datetime
from itertools import pairwise
from pathlib import Path

import requests

FLOOR = Path(__file__).with_name("floor.py")
ROUNDING_S = 0.0005  # MongoDB's times are cut to whole milliseconds: half of one was lost
HOPS = (
    "request → written to the database",
    "→ on its disk, device told, claimed",
    "→ across the wall, the kernel says busy",
    "→ it says idle (the cell itself)",
    "→ end written to the database",
    "→ on its disk, web told, read, answer at the client",
)


def quantile_ms(times_s: list[float], share: float) -> float:
    """Return a quantile of times, in milliseconds."""
    ordered = sorted(times_s)
    return round(1000 * ordered[min(len(ordered) - 1, int(share * len(ordered)))], 2)


def row(times_s: list[float]) -> dict[str, float]:
    """Return p50, p95 and p99 in milliseconds."""
    return {name: quantile_ms(times_s, share) for name, share in (("p50", 0.5), ("p95", 0.95), ("p99", 0.99))}


def submit(http: requests.Session, url: str) -> tuple[float, list[float]]:
    """Run one cell through the server; return the seconds until its end was seen, and those of each hop."""
    asked, started = time.time(), time.perf_counter()
    answer = http.post(f"{url}/computations?wait=30", json={"code": "1+1"}, timeout=60)
    elapsed = time.perf_counter() - started
    cell = answer.json()
    if cell.get("state") != "done":
        raise SystemExit(f"a cell did not end well: {answer.text}")
    kept = http.get(cell["links"]["self"], timeout=60).json()
    stored, claimed, ended = (seconds(kept[name]) + ROUNDING_S for name in ("submitted", "started", "finished"))
    said = [seconds(message["header"]["date"]) for message in cell["messages"]]
    times = [asked, stored, claimed, said[0], said[-1], ended, asked + elapsed]
    return elapsed, [later - earlier for earlier, later in pairwise(times)]


def seconds(date: str) -> float:
    """Return an ISO 8601 time as seconds since 1970."""
    return datetime.fromisoformat(date.replace("Z", "+00:00")).timestamp()


def mean_ms(times_s: list[float]) -> float:
    """Return the mean without the outer tenths, in milliseconds: whole milliseconds have no fine median."""
    ordered = sorted(times_s)
    inner = ordered[len(ordered) // 10 : len(ordered) - len(ordered) // 10]
    return round(1000 * sum(inner) / len(inner), 2)


def complete(http: requests.Session, url: str) -> float:
    """Complete a word in a fresh namespace; return the seconds until the answer was seen."""
    started = time.perf_counter()
    body = {"code": "import ma", "cursor_pos": 9, "language": "python"}
    answer = http.post(f"{url}/sessions/-/complete", json=body, timeout=60)
    elapsed = time.perf_counter() - started
    if not answer.ok:
        raise SystemExit(f"a question was not answered: {answer.text}")
    return elapsed


def main() -> None:
    """Measure in turns, so that a slow minute of the machine is slow for both."""
    if len(sys.argv) not in (3, 4):
        raise SystemExit("usage: python bench/latency.py URL UNTRUSTED_PYTHON [ROUNDS]")
    url, python = sys.argv[1].rstrip("/"), sys.argv[2]
    rounds = int(sys.argv[3]) if len(sys.argv) == 4 else 100
    floor_program = subprocess.Popen([python, str(FLOOR)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    if not floor_program.stdin or not floor_program.stdout:
        raise SystemExit("the floor program has no pipes")
    http = requests.Session()
    for _ in range(10):
        submit(http, url)
    server_s, hops_s, floor_s, complete_s = [], [], [], []
    for _ in range(rounds):
        elapsed_s, hop_s = submit(http, url)
        server_s.append(elapsed_s)
        hops_s.append(hop_s)
        complete_s.append(complete(http, url))
        floor_program.stdin.write("\n")
        floor_program.stdin.flush()
        floor_s.append(float(floor_program.stdout.readline()))
    floor_program.kill()
    table = {"server": row(server_s), "floor": row(floor_s), "complete": row(complete_s)}
    table["ratio_p50"] = {"p50": round(table["server"]["p50"] / table["floor"]["p50"], 2)}
    print(f"{rounds} cells `1+1`, {platform.machine()}, {platform.processor() or 'unnamed processor'}, ms")
    for name, values in table.items():
        print(f"{name:10}", "  ".join(f"{key} {value:8.2f}" for key, value in values.items()))
    table["hops"] = {name: mean_ms([hop_s[number] for hop_s in hops_s]) for number, name in enumerate(HOPS)}
    print("where the time of a cell goes, mean ms without the outer tenths")
    for name, mean in table["hops"].items():
        print(f"{name:62} {mean:6.2f}")
    Path("latency.json").write_text(json.dumps(table, indent=1) + "\n")


if __name__ == "__main__":
    main()
