"""Writes the log: lines for people, or JSON lines for programs; and remembers the last faults.

A record's ``fields`` (ids, states, durations) are members of its JSON line. What a cell says or holds is never logged.
"""

from __future__ import annotations

import json
import logging
import sys
from collections import deque
from collections.abc import Mapping
from datetime import datetime, timezone
from typing import Any

TEXT = "%(asctime)s %(levelname)s %(message)s"
FAULTS_MAX = 20
FAULT_CHARS = 300


class JsonLines(logging.Formatter):
    """A formatter of JSON lines: at, level, logger, message, the fields of the process and of the record."""

    def __init__(self, process: Mapping[str, Any]) -> None:
        super().__init__()
        self._process = process

    def format(self, record: logging.LogRecord) -> str:
        """Return the line of a record."""
        line = {
            "at": datetime.fromtimestamp(record.created, timezone.utc).isoformat(timespec="milliseconds"),
            "level": record.levelname,
            "logger": record.name,
            "message": record.getMessage(),
            **self._process,
            **getattr(record, "fields", {}),
        }
        if record.exc_info:
            line["traceback"] = self.formatException(record.exc_info)
        return json.dumps(line, default=str)


class Faults(logging.Handler):
    """The last warnings and errors that this process has logged: time, level, sentence."""

    def __init__(self) -> None:
        super().__init__(level=logging.WARNING)
        self.last: deque[tuple[datetime, str, str]] = deque(maxlen=FAULTS_MAX)

    def emit(self, record: logging.LogRecord) -> None:
        """Remember a record."""
        sentence = record.getMessage().partition("\n")[0][:FAULT_CHARS]
        self.last.append((datetime.now(timezone.utc), record.levelname, sentence))


def set_up(log_format: str, level: int, **process: Any) -> None:
    """Write this process's log to standard error, as "text" or "json"; ``process``: fields of each JSON line."""
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(JsonLines(process) if log_format == "json" else logging.Formatter(TEXT))
    root = logging.getLogger()  # which may remember faults already: then basicConfig would do nothing
    root.setLevel(level)
    root.addHandler(handler)
