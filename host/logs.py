"""Write what the services say into a log file of bounded size and, what an operator needs of it, to standard error."""

from __future__ import annotations

import os
import threading
from collections import defaultdict, deque
from contextlib import suppress
from datetime import datetime
from pathlib import Path
from typing import TextIO

from host.console import Console
from host.readable import Filter

TAIL_LINES = 20
TAIL_BYTES = 16 << 10
LOG_BYTES_MAX = 16 << 20
NAME_CHARS = 6  # of the names that make run uses; longer ones are written whole
ALWAYS_SHOWN = {"libraries"}  # a job of ours whose lines are for the operator
# Of terminals: cyan, yellow, green, magenta, red, blue, each a name's own.
COLOURS = (36, 33, 32, 35, 31, 34)


def tail(file: Path) -> list[str]:
    """Return the last lines of a file. Raises OSError."""
    # Written by an account that is not trusted with root's reading: no links, no pipes to hang on.
    with open(os.open(file, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC), "rb") as log:
        log.seek(max(0, log.seek(0, os.SEEK_END) - TAIL_BYTES))
        return log.read().decode("utf-8", "replace").splitlines()[-TAIL_LINES:]


class ServiceLog:
    """The common log of all services: a file, standard error, and the last lines of each in ``tails``.

    It is quiet, with warnings alone on standard error, before a cell has run and while all ends.
    """

    def __init__(self, file: Path, console: Console) -> None:
        self.path = file
        self._quiet = True
        self._console = console
        self._file = self._open()
        self._lock = threading.Lock()
        self._filters: defaultdict[str, Filter] = defaultdict(Filter)
        self._colours: dict[str, int] = {}
        self.tails: defaultdict[str, deque[str]] = defaultdict(lambda: deque(maxlen=TAIL_LINES))

    def write(self, name: str, text: str) -> None:
        """Keep what a service said, and print it if it is for the operator; one of several threads at a time."""
        with self._lock:
            for line in text.splitlines():
                self.tails[name].append(line)
                now = self._keep(name, line)
                quiet = self._quiet and name not in ALWAYS_SHOWN
                if shown := self._filters[name].shown(line, quiet=quiet):
                    self._console.line(self._head(name, now) + shown)

    def speak_up(self) -> None:
        """Show from now on more than warnings."""
        self._quiet = False

    def hush(self) -> None:
        """Show from now on warnings alone, and no step of the start any more."""
        self._quiet = True
        self._console.drop()

    def note(self, name: str, text: str, *, aloud: bool) -> None:
        """Keep what the launcher itself says. ``aloud``: whether the operator is told."""
        with self._lock:
            now = self._keep(name, text)
            if aloud:
                self._console.line(self._head(name, now) + text)

    def _keep(self, name: str, line: str) -> datetime:
        now = datetime.now().astimezone()
        stamp = now.replace(tzinfo=None).isoformat(timespec="milliseconds")
        # A full disk must not stop the server that could still answer.
        with suppress(OSError):
            self._rotate()
            print(f"{stamp} {name} | {line}", file=self._file, flush=True)
        return now

    def _head(self, name: str, now: datetime) -> str:
        head = f"{now:%H:%M:%S} {name:{NAME_CHARS}} | "
        if not self._console.is_terminal:
            return head
        colour = self._colours.setdefault(name, COLOURS[len(self._colours) % len(COLOURS)])
        return f"\033[{colour}m{head}\033[0m"

    def _rotate(self) -> None:
        if self._file.tell() > LOG_BYTES_MAX:
            self._file.close()
            self.path.rename(self.path.with_name(self.path.name + ".1"))
            self._file = self._open()

    def _open(self) -> TextIO:
        # What students' code made the services say is not for every account of the machine.
        descriptor = os.open(self.path, os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC, 0o600)
        return open(descriptor, "a", encoding="utf-8", errors="replace")
