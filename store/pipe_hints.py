"""Transports hints through named pipes, where all who use the database are on one machine.

Each listener has a pipe of its own in the directory of the database, which only its account may enter; the pipe's name
lists the topics that the listener wants. Nobody waits: a hint that finds a pipe full is lost, as hints may be.
"""

from __future__ import annotations

import errno
import logging
import os
import random
import select
import uuid
from collections.abc import Collection, Iterator
from contextlib import suppress
from pathlib import Path
from threading import Event

LOOK_S = 1.0  # within this time a listener notices that it should stop, or that its pipe was deleted
PAUSE_S = 0.5  # before another try when no pipe could be made
READ_BYTES = 1 << 16
_SEPARATOR = "+"  # between the topics in a name; a dot ends them

_log = logging.getLogger(__name__)


class PipeHints:
    """The hints in the pipes of one directory. ``closed`` is set when the store is closed."""

    def __init__(self, directory: Path, closed: Event) -> None:
        self._directory, self._closed = directory, closed

    def announce(self, topic: str, id: str) -> None:
        """Tell every listener that wants the topic to look at this id. Returns at once and raises nothing."""
        try:
            names = os.listdir(self._directory)
        except OSError:
            return  # nobody has ever listened
        random.shuffle(names)  # who hears first is not always the same: devices share the work evenly
        for name in names:
            if topic in name.partition(".")[0].split(_SEPARATOR):
                self._write(self._directory / name, f"{topic} {id}\n".encode())

    def listen(self, topics: Collection[str], stop: Event | None = None) -> Iterator[tuple[str, str]]:
        """Yield (topic, id) of every announcement from now on, until ``stop`` is set or the store is closed."""
        complained = False
        while not self._stopped(stop):
            try:
                yield from self._read(topics, stop)
            except FileNotFoundError:  # no MongoDB has worked there yet
                (stop or self._closed).wait(PAUSE_S)
            except OSError as error:
                if not complained:
                    _log.warning("no hints arrive: no pipe can be made in %s: %s", self._directory, error.strerror)
                complained = True
                (stop or self._closed).wait(PAUSE_S)

    def _stopped(self, stop: Event | None) -> bool:
        return self._closed.is_set() or (stop is not None and stop.is_set())

    def _read(self, topics: Collection[str], stop: Event | None) -> Iterator[tuple[str, str]]:
        """Yield what comes through a new pipe, as long as that exists. Raises OSError."""
        self._directory.mkdir(mode=0o700, exist_ok=True)
        name = uuid.uuid4().hex
        making, path = self._directory / f".{name}", self._directory / f"{_SEPARATOR.join(sorted(topics))}.{name}"
        os.mkfifo(making, 0o600)
        # Opened for writing too: without a writer the pipe would be at its end.
        reader = os.open(making, os.O_RDWR | os.O_NONBLOCK | os.O_CLOEXEC)
        try:
            # Announcers see it only now: whoever finds a pipe that nobody reads deletes it.
            making.rename(path)
            rest = b""
            news = select.poll()  # select() knows no descriptor above 1023, and a web process may have thousands
            news.register(reader, select.POLLIN)
            while not self._stopped(stop) and path.exists():
                if news.poll(LOOK_S * 1000):
                    *lines, rest = (rest + os.read(reader, READ_BYTES)).split(b"\n")
                    for line in lines:
                        topic, _, id = line.decode().partition(" ")
                        yield topic, id
        finally:
            os.close(reader)
            path.unlink(missing_ok=True)

    def _write(self, path: Path, line: bytes) -> None:
        try:
            pipe = os.open(path, os.O_WRONLY | os.O_NONBLOCK | os.O_CLOEXEC)
        except OSError as error:
            if error.errno == errno.ENXIO:
                # Its listener was killed.
                path.unlink(missing_ok=True)
            return
        try:
            with suppress(OSError):  # full, or its listener has just gone
                os.write(pipe, line)
        finally:
            os.close(pipe)
