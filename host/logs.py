"""Write what the services say to standard error and into a log file of bounded size; keep the last lines of each."""

from __future__ import annotations

import os
import sys
import threading
from collections import defaultdict, deque
from contextlib import suppress
from datetime import datetime
from pathlib import Path
from typing import TextIO

TAIL_LINES = 20
TAIL_BYTES = 16 << 10
LOG_BYTES_MAX = 16 << 20
NAME_CHARS = 6  # of the names that make run uses; longer ones are written whole
# Of terminals: cyan, yellow, green, magenta, red, blue, each a name's own.
COLOURS = (36, 33, 32, 35, 31, 34)


def tail(file: Path) -> list[str]:
    """Return the last lines of a file. Raises OSError."""
    # Written by an account that is not trusted with root's reading: no links, no pipes to hang on.
    with open(os.open(file, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC), "rb") as log:
        log.seek(max(0, log.seek(0, os.SEEK_END) - TAIL_BYTES))
        return log.read().decode("utf-8", "replace").splitlines()[-TAIL_LINES:]


class ServiceLog:
    """The common log of all services: standard error, a file, and the last lines of each in ``tails``."""

    def __init__(self, file: Path) -> None:
        self._path = file
        self._file = self._open()
        self._lock = threading.Lock()
        self._in_colour = sys.stderr.isatty()
        self._colours: dict[str, int] = {}
        self.tails: defaultdict[str, deque[str]] = defaultdict(lambda: deque(maxlen=TAIL_LINES))

    def write(self, name: str, text: str) -> None:
        """Print and keep what a service said; one of several threads at a time."""
        with self._lock:
            for line in text.splitlines():
                self.tails[name].append(line)
                now = datetime.now().astimezone()
                stamp = now.replace(tzinfo=None).isoformat(timespec="milliseconds")
                # A full disk must not stop the server that could still answer.
                with suppress(OSError):
                    self._rotate()
                    print(f"{stamp} {name} | {line}", file=self._file, flush=True)
                # The terminal may be closed.
                with suppress(OSError):
                    print(self._head(name, now) + line, file=sys.stderr, flush=True)

    def _head(self, name: str, now: datetime) -> str:
        head = f"{now:%H:%M:%S} {name:{NAME_CHARS}} | "
        if not self._in_colour:
            return head
        colour = self._colours.setdefault(name, COLOURS[len(self._colours) % len(COLOURS)])
        return f"\033[{colour}m{head}\033[0m"

    def _rotate(self) -> None:
        if self._file.tell() > LOG_BYTES_MAX:
            self._file.close()
            self._path.rename(self._path.with_name(self._path.name + ".1"))
            self._file = self._open()

    def _open(self) -> TextIO:
        # What students' code made the services say is not for every account of the machine.
        descriptor = os.open(self._path, os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC, 0o600)
        return open(descriptor, "a", encoding="utf-8", errors="replace")
