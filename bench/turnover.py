"""Measure how fast sessions go and come: from the order to kill one to the credit for another, and an empty pool.

``python -m bench.turnover UNTRUSTED_PYTHON [ROUNDS]`` speaks the wire with ``untrusted/`` alone, prints a table and
writes ``turnover.json``.
"""

from __future__ import annotations

import json
import os
import statistics
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import wire
from bench.machine import control_groups
from harness.supervisor import Supervisor, ship

# What a session does when the order comes; each says "there" first.
VICTIMS = {
    "asleep": "import time; print('there', flush=True); time.sleep(1000)",
    "busy, deaf to signals": (
        "import signal\nfor n in (2, 15): signal.signal(n, 1)\nprint('there', flush=True)\nwhile True: pass"
    ),
    "30 daemons, half of them stopped": (
        "import os, signal, time\nfor n in range(30):\n  if os.fork() == 0:\n    os.setsid()\n"
        "    if n % 2: os.kill(os.getpid(), signal.SIGSTOP)\n    time.sleep(1000)\n"
        "print('there', flush=True); time.sleep(1000)"
    ),
}
REFILL = 100


def main() -> None:
    """Measure and print the table."""
    if len(sys.argv) not in (2, 3):
        raise SystemExit("usage: python -m bench.turnover UNTRUSTED_PYTHON [ROUNDS]")
    rounds = int(sys.argv[2]) if len(sys.argv) == 3 else 100
    table: dict[str, dict[str, float]] = {}
    with supervisor(sys.argv[1]) as running:
        print("from the order to kill a session to all of it gone and its credit back, ms")
        for name, code in VICTIMS.items():
            times = sorted(kill(running, f"{name}-{number}", code) * 1000 for number in range(rounds))
            p50, p95 = statistics.median(times), times[int(len(times) * 0.95)]
            table[name] = {"p50_ms": round(p50, 1), "p95_ms": round(p95, 1), "max_ms": round(times[-1], 1)}
            print(f"{name:40} p50 {p50:6.1f}   p95 {p95:6.1f}   max {times[-1]:6.1f}")
    with supervisor(sys.argv[1], workers=2 * REFILL) as running:
        rates = [refill(running, f"round-{number}") for number in range(5)]
        table["refill"] = {"per_s": round(statistics.median(rates), 1), "per_s_min": round(min(rates), 1)}
        print(f"\nworkers from an empty pool, each with one cell: {table['refill']['per_s']:.0f} a second")
    Path("turnover.json").write_text(json.dumps(table, indent=1) + "\n")


@contextmanager
def supervisor(python: str, **start_config: int) -> Iterator[Supervisor]:
    """Run a supervisor with control groups where the machine has them."""
    with tempfile.TemporaryDirectory(dir="/var/tmp") as folder, control_groups() as groups:
        os.chmod(folder, 0o755)
        running = Supervisor(ship(Path(folder)), python, groups=groups, **start_config)
        running.ready()
        yield running
        running.stop()


def kill(running: Supervisor, session: str, code: str) -> float:
    """Kill a session that is under way; return the seconds until its processes are gone and its credit is back."""
    running.send(wire.Open(session, "python"), wire.Execute(session, f"cell-{session}", code, False, True))
    running.wait(lambda frame: isinstance(frame, wire.Output) and b"there" in frame.messages[-1].content)
    members = inits(running)
    running.heard.clear()
    ordered = time.monotonic()
    running.send(wire.Close(session))
    # In either order: the place may be another's before the last word of the session is said.
    running.wait(lambda _frame: {wire.Closed, wire.Credit} <= {type(frame) for frame in running.heard})
    elapsed_s = time.monotonic() - ordered
    running.heard.clear()
    if not members - inits(running):
        raise SystemExit("the credit was back before the session was gone")
    return elapsed_s


def inits(running: Supervisor) -> set[int]:
    """Return the first process of each session, ready ones too; whatever else a session has ends before it."""
    supervisor_pid = running.process.pid
    zygote = Path(f"/proc/{supervisor_pid}/task/{supervisor_pid}/children").read_text().split()[0]
    return set(map(int, Path(f"/proc/{zygote}/task/{zygote}/children").read_text().split()))


def refill(running: Supervisor, name: str) -> float:
    """Open many sessions at once, where one worker is ready; return how many a second have run their cell."""
    began = time.monotonic()
    for number in range(REFILL):
        session = f"{name}-{number}"
        running.send(wire.Open(session, "python"), wire.Execute(session, f"cell-{session}", "1", False, True))
    for _ in range(REFILL):
        running.wait(lambda frame: isinstance(frame, wire.Closed))
    running.heard.clear()
    return REFILL / (time.monotonic() - began)


if __name__ == "__main__":
    main()
