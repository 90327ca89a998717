"""Writes a row of CSV for each computation that has ended: ``python usage_csv.py http://127.0.0.1:5000 usage.csv``.

It listens to ``GET /events`` (docs/events.md) and needs nothing but Python. The mark of the last event lies beside the
file: started again, it goes on where it was. With an API key (``SINGLECELL_KEY``) it sees what was submitted with it,
as the operator (on the server itself, or with the operator's key) all. An end may come twice: the computation's id
tells.
"""

from __future__ import annotations

import argparse
import csv
import json
import os
import sys
import time
import urllib.request
from collections.abc import Iterator
from contextlib import suppress
from http.client import HTTPException
from pathlib import Path
from typing import Any, TextIO

COLUMNS = ("finished", "computation", "language", "origin", "key", "state", "reason", "wall_s", "cpu_s", "memory_bytes")
PAUSE_S = 1.0
TIMEOUT_S = 60.0  # the server sends a comment every 15 s
FOR_GOOD = (400, 401, 403, 404)  # answers that are the same a second later


def follow(url: str, mark: str, key: str) -> Iterator[tuple[str, dict[str, Any]]]:
    """Yield the mark and the event of each end, until the connection breaks."""
    headers = {"Authorization": f"Bearer {key}"} if key else {}
    if mark:
        headers["Last-Event-ID"] = mark
    request = urllib.request.Request(f"{url}/events?kinds=finished", headers=headers)
    data: list[str] = []
    with urllib.request.urlopen(request, timeout=TIMEOUT_S) as answer:
        for line in map(bytes.decode, answer):
            name, _, value = line.rstrip("\n").partition(": ")
            if name == "id":
                mark = value
            elif name == "data":
                data.append(value)
            elif not line.strip() and data:
                yield mark, json.loads("\n".join(data))
                data = []


def row_of(event: dict[str, Any]) -> list[Any]:
    """Return the row of one end."""
    fields = {**event, **(event["usage"] or {})}
    return [fields.get(name) for name in COLUMNS]


def open_table(file: Path) -> TextIO:
    """Open the file for more rows. Raises OSError, ValueError for a file of something else."""
    opened = file.open("a+", newline="")
    opened.seek(0)
    header = next(csv.reader(opened), None)
    if header is None:
        csv.writer(opened).writerow(COLUMNS)
        opened.flush()
    elif tuple(header) != COLUMNS:
        raise ValueError(f"{file} is there, and is no table of usage")
    opened.seek(0, os.SEEK_END)
    return opened


def main(url: str, name: str) -> None:
    """Write rows for ever; when the server goes away, come back. Raises OSError, ValueError."""
    marked = Path(f"{name}.mark")
    with open_table(Path(name)) as opened:
        writer = csv.writer(opened)
        while True:
            mark = marked.read_text() if marked.exists() else ""
            try:
                for new_mark, event in follow(url.rstrip("/"), mark, os.environ.get("SINGLECELL_KEY", "")):
                    writer.writerow(row_of(event))
                    opened.flush()
                    marked.write_text(new_mark)
            except (OSError, HTTPException) as error:
                if getattr(error, "code", None) in FOR_GOOD:
                    raise
                print(f"{url}: {error}", file=sys.stderr)
            time.sleep(PAUSE_S)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description="Write a row of CSV for each computation that has ended.")
    parser.add_argument("url", help="address of the server")
    parser.add_argument("file", help="the table, which is made if it is not there")
    options = parser.parse_args()
    with suppress(KeyboardInterrupt):
        try:
            main(options.url, options.file)
        except (OSError, ValueError) as error:
            parser.error(f"{options.url}: {error}" if hasattr(error, "code") else str(error))
