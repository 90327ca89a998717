"""Measure what gVisor costs: cells, an idle session and new sessions, on the host's kernel and in guests, in turns.

``python -m bench.guests UNTRUSTED_PYTHON [ROUNDS]`` speaks the wire with two supervisors at once, prints a table and
writes ``guests.json``. It wants root, to read other accounts' processes, and ``runsc``, or the one that RUNSC names.
"""

from __future__ import annotations

import json
import os
import statistics
import sys
import time
from pathlib import Path

import wire
from bench.turnover import supervisor
from harness.supervisor import Supervisor
from host import descendants

CELLS = {
    "1+1": "1+1",
    "a plot": "import matplotlib.pyplot as plt\nplt.plot([1, 2, 3])\nplt.show()",
    "a million additions": "sum(i * i for i in range(1_000_000))",
    "2,000 files opened": "for _ in range(2000): open('/etc/passwd').close()",
    "100 programs": "import subprocess\nfor _ in range(100): subprocess.run(['true'])",
}
KERNELS = {"linux": {}, "gvisor": {"runsc": os.environ.get("RUNSC", "runsc")}}
NEW_SESSIONS = 8
STILL_S = 0.05  # of CPU time in a second; a guest that waits is never quite still
TICKS_PER_S = os.sysconf("SC_CLK_TCK")


def main() -> None:
    """Measure and print the table."""
    if len(sys.argv) not in (2, 3):
        raise SystemExit("usage: python -m bench.guests UNTRUSTED_PYTHON [ROUNDS]")
    python, rounds = sys.argv[1], int(sys.argv[2]) if len(sys.argv) == 3 else 20
    with (
        supervisor(python, pool_ready=1, workers=8, **KERNELS["linux"]) as linux,
        supervisor(python, pool_ready=1, workers=8, **KERNELS["gvisor"]) as gvisor,
    ):
        both = {"linux": linux, "gvisor": gvisor}
        table = {name: cells(both, name, code, rounds) for name, code in CELLS.items()}
        table["an idle session, MB"] = {kernel: idle_mb(running) for kernel, running in both.items()}
        table["its start, CPU ms"] = {kernel: start_cpu_ms(running) for kernel, running in both.items()}
        table["new sessions a second"] = {kernel: new_a_second(running) for kernel, running in both.items()}
    print(f"{'':28} {'linux':>10} {'gvisor':>10} {'ratio':>8}")
    for name, row in table.items():
        print(f"{name:28} {row['linux']:10.1f} {row['gvisor']:10.1f} {row['gvisor'] / row['linux']:8.2f}")
    Path("guests.json").write_text(json.dumps(table, indent=1) + "\n")


def cells(both: dict[str, Supervisor], name: str, code: str, rounds: int) -> dict[str, float]:
    """Return the median milliseconds of a cell in a session that is there, for each kernel."""
    times: dict[str, list[float]] = {kernel: [] for kernel in both}
    for kernel, running in both.items():
        running.run(f"{kernel} {name}", f"{kernel} {name} warm", code, last=False)
    for number in range(rounds):
        for kernel, running in both.items():
            started = time.perf_counter()
            running.run(f"{kernel} {name}", f"{kernel} {name} {number}", code, last=False, opened=True)
            times[kernel].append((time.perf_counter() - started) * 1000)
    for kernel, running in both.items():
        running.send(wire.Close(f"{kernel} {name}"))
        running.wait(lambda frame: isinstance(frame, wire.Closed))
    return {kernel: statistics.median(measured) for kernel, measured in times.items()}


def ready_session(running: Supervisor) -> list[int]:
    """Return the processes of the one ready session: what hangs below the zygote or launcher, when all is quiet."""
    while True:
        (forks,) = [pid for pid in descendants.find(running.process.pid) if _parent(pid) == running.process.pid]
        session, before = descendants.find(forks), -1.0
        while (now := _cpu_s(session)) - before > STILL_S or len(session) < 2:
            before = now
            time.sleep(1.0)
            session = descendants.find(forks)
        return session


def idle_mb(running: Supervisor) -> float:
    """Return the proportional memory of a ready session, in MB."""
    kib = 0
    for pid in ready_session(running):
        rollup = Path(f"/proc/{pid}/smaps_rollup").read_text()
        kib += sum(int(line.split()[1]) for line in rollup.splitlines() if line.startswith("Pss:"))
    return kib / 1024


def start_cpu_ms(running: Supervisor) -> float:
    """Return the CPU time that a session has used when it is ready, in milliseconds."""
    return max(1.0, _cpu_s(ready_session(running)) * 1000)


def new_a_second(running: Supervisor) -> float:
    """Return how many sessions, each with one cell, come and go in a second when none is ready ahead."""
    started = time.perf_counter()
    for number in range(NEW_SESSIONS):
        running.run(f"new {number}", f"new cell {number}", "1")
    return NEW_SESSIONS / (time.perf_counter() - started)


def _parent(pid: int) -> int:
    return int(_stat(pid)[1])


def _cpu_s(pids: list[int]) -> float:
    return sum((int(_stat(pid)[11]) + int(_stat(pid)[12])) / TICKS_PER_S for pid in pids)


def _stat(pid: int) -> list[str]:
    return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()


if __name__ == "__main__":
    main()
