"""Reads a table of tasks: CSV with a header, or JSON lines, one task in each row.

Columns: ``item``, ``task``, ``language``, ``code`` or ``script`` (a file with the code), ``files`` (input files,
separated by ``;``, in JSON lines a list). Paths are taken from where the table lies.
"""

from __future__ import annotations

import csv
import hashlib
import json
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

COLUMNS = ("item", "task", "language", "code", "script", "files")
JSON_LINES = (".jsonl", ".ndjson")
FAULTS_MAX = 20  # that are named; there may be as many as rows


class BadTableError(Exception):
    """The table cannot be run; the message names its faults, one a line."""


@dataclass(frozen=True)
class Task:
    """One row. ``lock``: its idempotency key, the same for all who run this table under the same name."""

    item: str
    task: str
    language: str
    code: str
    files: tuple[Path, ...]
    lock: str


def read_tasks(path: Path, language: str, run: str) -> list[Task]:
    """Return the tasks of a table. Raises BadTableError, which names every fault with its line.

    ``language``: of rows that name none. ``run``: the name under which the table is run; under another one all of
    it runs anew.
    """
    tasks: list[Task] = []
    faults: list[str] = []
    seen: dict[tuple[str, str], int] = {}
    try:
        for line, row in _rows(path):
            try:
                task = _task(row, path.parent, language, run)
                before = seen.setdefault((task.item, task.task), line)
                if before != line:
                    raise ValueError(f"item {task.item!r} with task {task.task!r} stands in line {before} already")
                tasks.append(task)
            except ValueError as error:
                faults.append(f"{path}:{line}: {error}")
    except (OSError, UnicodeDecodeError, csv.Error, ValueError) as error:
        why = "it is not UTF-8" if isinstance(error, UnicodeDecodeError) else getattr(error, "strerror", error)
        faults.append(f"{path} cannot be read: {why}")
    if not tasks and not faults:
        faults.append(f"{path} has no tasks")
    if faults:
        more = [f"and {len(faults) - FAULTS_MAX} more"] if len(faults) > FAULTS_MAX else []
        raise BadTableError("\n".join([*faults[:FAULTS_MAX], *more]))
    return tasks


def _rows(path: Path) -> Iterator[tuple[int, dict[str, Any]]]:
    """Yield each row with its line. Raises OSError, UnicodeDecodeError, csv.Error, ValueError."""
    with path.open(encoding="utf-8-sig", newline="") as file:
        if path.suffix.lower() in JSON_LINES:
            for line, text in enumerate(file, 1):
                if text.strip():
                    yield line, _object(text, line)
            return
        csv.field_size_limit(sys.maxsize)
        rows = csv.DictReader(file, strict=True)
        unknown = set(rows.fieldnames or ()) - set(COLUMNS)
        if unknown:
            raise ValueError(f"its first line names {', '.join(sorted(unknown))}; columns are {', '.join(COLUMNS)}")
        for row in rows:
            yield rows.line_num, row


def _object(text: str, line: int) -> dict[str, Any]:
    try:
        found = json.loads(text)
    except ValueError:
        found = None
    if not isinstance(found, dict):
        raise ValueError(f"line {line} is no JSON object")
    return found


def _task(row: dict[str, Any], directory: Path, language: str, run: str) -> Task:
    """Return the task of a row. Raises ValueError with a sentence."""
    if unknown := set(row) - set(COLUMNS):
        if None in unknown:
            raise ValueError("there are more fields than columns")
        raise ValueError(f"{', '.join(sorted(unknown))} is no column")
    item, task, named, code, script = (_text(row, name) for name in COLUMNS[:-1])
    if not item:
        raise ValueError("the item has no name")
    if bool(code) == bool(script):
        raise ValueError("a task has either code or a script")
    files = row.get("files") or []
    if isinstance(files, str):
        files = [name.strip() for name in files.split(";") if name.strip()]
    if not isinstance(files, list) or not all(isinstance(name, str) for name in files):
        raise ValueError("files are names")
    paths = tuple(directory / name for name in files)
    try:
        code = code or _read(directory / script).decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise ValueError(f"{script} is not UTF-8") from error
    contents = [path.name.encode() + b"\n" + hashlib.blake2b(_read(path)).digest() for path in paths]
    parts = [text.encode() for text in (run, item, task, named or language, code)] + contents
    lock = hashlib.blake2b(b"".join(len(part).to_bytes(8, "big") + part for part in parts), digest_size=16).hexdigest()
    return Task(item, task, named or language, code, paths, lock)


def _text(row: dict[str, Any], name: str) -> str:
    value = row.get(name)
    if value is None:
        return ""
    if not isinstance(value, str):
        raise ValueError(f"{name} is no text")
    return value if name == "code" else value.strip()


def _read(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise ValueError(f"{path} cannot be read: {error.strerror}") from error
