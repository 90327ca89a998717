"""Measure what a short cell costs behind the wall: CPU of sessions, zygote and supervisor, with no database and no web.

``python -m bench sessions [TREE…] [--rounds 10] [--cells 40]`` starts a supervisor of each checkout (this one, when
none is named) and has them run cells in turns, so that a slow minute of the machine is slow for all; prints the medians
of the rounds, each beside the first tree's, and writes ``sessions.json``. As root, for it needs control groups.

A session that ends after one cell is what the table counts. The first and the second cell are turns of a session that
is kept, by the kernel's own count.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import tempfile
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import NamedTuple

import wire
from bench.machine import control_groups
from harness.processes import untrusted_python
from harness.server import ROOT
from harness.supervisor import Supervisor, ship
from host.cgroups import Groups

RESULTS = Path(__file__).parent / "results"
CODE = "1+1"
READY = 2
SETTLE_S = 0.3  # after the last end: the next workers are forked, and the dead are taken apart
COLUMNS = (
    "sessions", "of it system", "zygote", "supervisor", "together", "first cell", "second cell", "faults", "own KiB",
)  # fmt: skip


class Running(NamedTuple):
    """A supervisor that runs, with what counts its sessions."""

    supervisor: Supervisor
    groups: Groups

    @property
    def zygote(self) -> int:
        """The process that forks workers."""
        return _children(self.supervisor.process.pid)[0]

    @property
    def waiting(self) -> int:
        """How many sessions there are: those that wait, once the others are over."""
        return len(_children(self.zygote))

    def _counter(self, controller: str, name: str) -> str:
        directories = dict(part.split("=") for part in self.groups.setting.split(","))
        return (Path(directories[controller]) / name).read_text()

    def counts(self) -> dict[str, float]:
        """Return CPU milliseconds and page faults until now."""
        memory = dict(line.split() for line in self._counter("memory", "memory.stat").splitlines())
        return {
            "sessions": int(self._counter("cpuacct", "cpuacct.usage")) / 1e6,
            "of it system": int(self._counter("cpuacct", "cpuacct.usage_sys")) / 1e6,
            "zygote": _cpu_ms(self.zygote),
            "supervisor": _cpu_ms(self.supervisor.process.pid),
            "faults": float(memory["total_pgfault"]),
        }

    def own_kib(self) -> float:
        """Return the memory that the waiting workers have for themselves, each."""
        return statistics.mean(map(_own_kib, _children(self.zygote)))


def _children(pid: int) -> list[int]:
    return [int(child) for child in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]


def _cpu_ms(pid: int) -> float:
    tasks = Path(f"/proc/{pid}/task").iterdir()
    return sum(int((task / "schedstat").read_text().split()[0]) for task in tasks) / 1e6


def _own_kib(pid: int) -> float:
    lines = Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines()
    return sum(float(line.split()[1]) for line in lines if line.startswith("Private_"))


def one_round(running: Running, name: str, cells: int) -> dict[str, float]:
    """Run cells in sessions of their own, and two cells in one; return what one costs."""
    supervisor = running.supervisor
    before = running.counts()
    for number in range(cells):
        _run(supervisor, f"{name}-{number}", last=True)
    time.sleep(SETTLE_S)
    after = running.counts()
    row = {key: (after[key] - before[key]) / cells for key in before}
    row["together"] = row["sessions"] + row["zygote"] + row["supervisor"]
    kept = [f"{name}-kept-{number}" for number in range(cells // 4)]
    turns = [[_run(supervisor, session, last=last) for last in (False, True)] for session in kept]
    row["first cell"], row["second cell"] = (1000 * statistics.median(times) for times in zip(*turns, strict=True))
    time.sleep(SETTLE_S)
    return row | {"own KiB": running.own_kib()}


def _run(supervisor: Supervisor, session: str, last: bool) -> float:
    """Run one cell; return the CPU seconds that the supervisor saw of it."""
    opened = any(isinstance(frame, wire.Finished) and frame.session == session for frame in supervisor.heard)
    finished = supervisor.run(session, f"{session}-{last}", CODE, last=last, opened=opened)
    if finished.state != "done":
        raise SystemExit(f"a cell did not end well: {finished}")
    if last:
        supervisor.wait(lambda frame: isinstance(frame, wire.Closed) and frame.session == session)
        supervisor.heard.clear()
    return finished.usage.cpu_s


@contextmanager
def supervisor_of(tree: Path, python: str) -> Iterator[Running]:
    """Run the supervisor of a checkout."""
    with tempfile.TemporaryDirectory(dir="/var/tmp") as folder, control_groups() as groups:
        if "=" not in groups.setting:
            raise SystemExit("sessions are counted by control groups (v1), which this account or this machine has not")
        os.chmod(folder, 0o755)
        running = Supervisor(ship(Path(folder), tree), python, groups=groups, pool_ready=READY)
        running.ready()
        yield Running(running, groups)
        running.stop()


def main(arguments: list[str]) -> None:
    """Measure and print the table."""
    parser = argparse.ArgumentParser(prog="python -m bench sessions")
    parser.add_argument("trees", nargs="*", type=Path, default=[ROOT])
    parser.add_argument("--rounds", type=int, default=10)
    parser.add_argument("--cells", type=int, default=40, help="in each round, each in a session of its own")
    asked = parser.parse_args(arguments)
    trees = [tree.resolve() for tree in asked.trees]
    with ExitStack() as stack:
        running = [stack.enter_context(supervisor_of(tree, untrusted_python())) for tree in trees]
        rows: list[list[dict[str, float]]] = [[] for _ in trees]
        for number in range(-1, asked.rounds):
            for one, found in zip(running, rows, strict=True):
                row = one_round(one, f"round-{number}", asked.cells)
                if number >= 0:  # the first one warms up
                    found.append(row)
    table = {
        str(tree): {key: statistics.median(row[key] for row in found) for key in COLUMNS}
        for tree, found in zip(trees, rows, strict=True)
    }
    first = next(iter(table.values()))
    print(f"{asked.rounds} rounds of {asked.cells} cells {CODE}, a session each: CPU ms a cell, and page faults")
    for name, row in table.items():
        print(f"\n{name}")
        for key in COLUMNS:
            print(f"  {key:14} {row[key]:9.2f}   {row[key] / first[key]:5.2f}")
    RESULTS.mkdir(exist_ok=True)
    (RESULTS / "sessions.json").write_text(json.dumps(table, indent=1) + "\n")
