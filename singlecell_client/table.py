"""Leads a table of tasks from its file to the file of results, and shows how far it is."""

from __future__ import annotations

import argparse
import sys
import time
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import TextIO

from singlecell_client.batch import Batch
from singlecell_client.connection import Refused, Unreachable
from singlecell_client.exit_codes import EXIT_ENDED, EXIT_INTERRUPTED, EXIT_OK, EXIT_RAISED, EXIT_REFUSED
from singlecell_client.results import Results
from singlecell_client.tasks import Task, read_tasks

AT_ONCE, AT_ONCE_MAX = 16, 200
BAR_CHARS = 30
DRAWN_EACH_S = 0.2


def run_table(path: Path, options: argparse.Namespace) -> int:
    """Run what has no result yet; return the exit code.

    Raises BadTableError, ValueError (the results), Refused and Unreachable (the server).
    """
    tasks = read_tasks(path, options.language, options.name)
    into = options.into or path.with_name(f"{path.stem}.results{path.suffix}")
    try:
        results = Results(into, tasks)
        try:
            states, conflicts = _run(tasks, results, options)
        except KeyboardInterrupt:
            print(f"interrupted; run it again for the other {len(tasks) - len(results.rows)}", file=sys.stderr)
            return EXIT_INTERRUPTED
        finally:
            results.close()
    except OSError as error:
        raise ValueError(f"{into} cannot be written: {error.strerror}") from error
    print(_summary(len(tasks), states, conflicts, into), file=sys.stderr)
    return _exit_code(states)


def _run(tasks: Sequence[Task], results: Results, options: argparse.Namespace) -> tuple[Counter[str], int]:
    """Run what has no result yet; return the states of all tasks, and how many conflicts there were."""
    options.server.languages()  # a server that is not there is told at once
    todo = [task for task in tasks if task.lock not in results.rows]
    batch = Batch(options.connect, todo, options.at_once)
    bar = _Bar(len(tasks), len(tasks) - len(todo), sys.stderr)
    try:
        for _ in todo:
            row = batch.rows.get()
            if isinstance(row, (Refused, Unreachable)):
                raise row
            results.add(row)
            bar.show(len(results.rows), batch.conflicts)
    finally:
        batch.stop()
        bar.clear()
    return Counter(row.state for row in results.rows.values()), batch.conflicts


def _summary(count: int, states: Counter[str], conflicts: int, into: Path) -> str:
    parts = ", ".join(f"{number} {state}" for state, number in states.most_common())
    return f"{count} task{'s' * (count != 1)}: {parts}; {conflicts} conflicts; results in {into}"


def _exit_code(states: Counter[str]) -> int:
    if states["refused"]:
        return EXIT_REFUSED
    if set(states) - {"done", "raised"}:
        return EXIT_ENDED
    return EXIT_RAISED if states["raised"] else EXIT_OK


class _Bar:
    """A bar that moves on a terminal; elsewhere there is none."""

    def __init__(self, count: int, earlier: int, out: TextIO) -> None:
        self._count, self._earlier, self._out = count, earlier, out
        self._began, self._drawn_at = time.monotonic(), 0.0

    def show(self, ended: int, conflicts: int) -> None:
        now = time.monotonic()
        if not self._out.isatty() or now - self._drawn_at < DRAWN_EACH_S:
            return
        self._drawn_at = now
        filled = "█" * (BAR_CHARS * ended // self._count)
        rate = (ended - self._earlier) / max(now - self._began, 0.001)
        left_s = (self._count - ended) / rate if rate else 0
        text = f"{filled:░<{BAR_CHARS}} {ended}/{self._count}, {rate:.1f}/s, {left_s:.0f} s left, {conflicts} conflicts"
        self._out.write(f"\r{text}\x1b[K")
        self._out.flush()

    def clear(self) -> None:
        if self._out.isatty():
            self._out.write("\r\x1b[K")
            self._out.flush()
