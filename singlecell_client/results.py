"""Keeps the results of a table of tasks in a file, CSV or JSON lines: a row is written when its task has ended."""

from __future__ import annotations

import csv
import json
import os
import sys
from collections.abc import Iterable, Iterator
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import Any, TextIO

from singlecell_client.tasks import JSON_LINES, Task


@dataclass(frozen=True)
class Row:
    """What came of a task.

    ``state``: done, raised (an exception), failed, cancelled, lost, refused. ``lock_id``: its idempotency key.
    ``ran_by``: the device that ran it. ``locked``, ``done``: when that took it and when it ended. ``log``: what it
    said; ``log_length`` counts its characters.
    """

    item: str
    task: str
    state: str
    lock_id: str
    ran_by: str
    locked: str
    done: str
    log: str
    log_length: int

    @property
    def is_final(self) -> bool:
        """Whether the task has run, and does not run again."""
        return self.state != "refused"


NAMES = tuple(field.name for field in fields(Row))
BEGIN = f'{{"{NAMES[0]}": "'  # of each row in JSON lines


class Results:
    """The file of results; those of an earlier run of the same tasks are kept. Raises OSError, ValueError."""

    def __init__(self, path: Path, tasks: Iterable[Task]) -> None:
        self._path = path
        self._places = {task.lock: place for place, task in enumerate(tasks)}
        self.rows = {row.lock_id: row for row in self._earlier() if row.is_final and row.lock_id in self._places}
        self._rewrite()
        self._file = path.open("a", encoding="utf-8", newline="")

    def add(self, row: Row) -> None:
        """Write the row of a task that has ended."""
        self.rows[row.lock_id] = row
        self._write(self._file, [row])
        self._file.flush()

    def close(self) -> None:
        """Put the rows into the order of the table."""
        self._file.close()
        self._rewrite()

    @property
    def _is_json(self) -> bool:
        return self._path.suffix.lower() in JSON_LINES

    def _earlier(self) -> Iterator[Row]:
        """Yield the rows of the file, if there is one. Raises ValueError for a file of something else."""
        if not self._path.exists():
            return
        with self._path.open(encoding="utf-8", newline="") as file:
            try:
                for values in _objects(file) if self._is_json else _records(file):
                    yield Row(**{**values, "log_length": len(str(values["log"]))})
            except (ValueError, csv.Error) as error:
                raise ValueError(f"{self._path} is there, and is no table of results") from error

    def _rewrite(self) -> None:
        new = self._path.with_name(f".{self._path.name}.{os.getpid()}")
        try:
            with new.open("w", encoding="utf-8", newline="") as file:
                if not self._is_json:
                    csv.writer(file).writerow(NAMES)
                self._write(file, sorted(self.rows.values(), key=lambda row: self._places[row.lock_id]))
            new.replace(self._path)
        finally:
            new.unlink(missing_ok=True)

    def _write(self, file: TextIO, rows: Iterable[Row]) -> None:
        if self._is_json:
            file.writelines(f"{json.dumps(asdict(row), ensure_ascii=False)}\n" for row in rows)
        else:
            csv.writer(file).writerows([getattr(row, name) for name in NAMES] for row in rows)


# Of a run that was killed, the last row may be half.
def _records(file: TextIO) -> Iterator[dict[str, Any]]:
    """Yield the rows of a CSV. Raises ValueError."""
    csv.field_size_limit(sys.maxsize)
    table = csv.DictReader(file)
    if tuple(table.fieldnames or NAMES) != NAMES:
        raise ValueError("it has other columns")
    yield from (values for values in table if set(values) == set(NAMES) and None not in values.values())


def _objects(file: TextIO) -> Iterator[dict[str, Any]]:
    """Yield the rows of JSON lines. Raises ValueError."""
    for line in file:
        try:
            values = json.loads(line)
        except ValueError:
            if line[: len(BEGIN)] != BEGIN[: len(line)]:
                raise
            continue
        if not isinstance(values, dict) or set(values) != set(NAMES):
            raise ValueError("it has other names")
        yield values
