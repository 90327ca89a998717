"""Reads and writes the kernel's control group files, and removes groups that are over."""

from __future__ import annotations

import errno
import os
import re
from collections import deque
from contextlib import suppress
from functools import cache

from untrusted.sandbox.limiter.processes import read_process


def read(directory: str, name: str) -> str:
    """Return a control file's text. Raises OSError."""
    descriptor = os.open(f"{directory}/{name}", os.O_RDONLY | os.O_CLOEXEC)
    try:
        return os.read(descriptor, 65536).decode()
    finally:
        os.close(descriptor)


def write(directory: str, name: str, value: object) -> None:
    """Write a control file. Raises OSError."""
    descriptor = os.open(f"{directory}/{name}", os.O_WRONLY | os.O_CLOEXEC)
    try:
        os.write(descriptor, str(value).encode())
    finally:
        os.close(descriptor)


class ControlFiles:
    """The control files of a group's directory, each opened once and kept open."""

    def __init__(self, directory: str) -> None:
        self.directory = directory
        self._open: dict[tuple[str, int], int] = {}

    def read(self, name: str) -> str:
        """Return a control file's text. Raises OSError."""
        return os.pread(self._file(name, os.O_RDONLY), 65536, 0).decode()

    def write(self, name: str, value: object) -> None:
        """Write a control file. Raises OSError."""
        os.write(self._file(name, os.O_WRONLY), str(value).encode())

    def _file(self, name: str, mode: int) -> int:
        descriptor = self._open.get((name, mode))
        if descriptor is None:
            descriptor = self._open[name, mode] = os.open(f"{self.directory}/{name}", mode | os.O_CLOEXEC)
        return descriptor

    def close(self) -> None:
        """Close the files."""
        for descriptor in self._open.values():
            os.close(descriptor)
        self._open.clear()


def counter(text: str, key: str) -> int:
    """Return a value out of lines of ``key value``; 0 where the kernel does not count it."""
    for line in text.splitlines():
        name, _space, value = line.partition(" ")
        if name == key:
            return int(value)
    return 0


def group_name(session: str) -> str:
    """Return the name of a session's group, which says by whose process it was made: others leave it alone."""
    pid = os.getpid()
    return f"{pid}.{_own_start_ticks(pid)}.{session}"


def remove_orphans(directory: str) -> None:
    """Remove the groups that supervisors left in a directory when they were killed. Raises OSError."""
    for name in os.listdir(directory):
        owner = re.fullmatch(r"(\d+)\.(\d+)\..+", name)
        if owner and _start_ticks(int(owner[1])) != int(owner[2]):
            with suppress(OSError):  # its last process is about to end: the next supervisor's turn
                os.rmdir(f"{directory}/{name}")


@cache
def _own_start_ticks(pid: int) -> int:
    return _start_ticks(pid)


def _start_ticks(pid: int) -> int:
    """Return when a process started, in the kernel's ticks: with its number, what no other has; 0 without one."""
    process = read_process(str(pid))
    return process.started if process else 0


class Removals:
    """The directories that are to be removed; the kernel refuses for a moment after the last process has ended."""

    def __init__(self) -> None:
        self._waiting: deque[str] = deque()

    def remove(self, directory: str) -> None:
        """Remove a directory now, or as soon as a later call finds that it goes."""
        self._waiting.append(directory)
        self.sweep()

    def sweep(self) -> None:
        """Remove what waits and can go."""
        for _ in range(len(self._waiting)):
            directory = self._waiting.popleft()
            try:
                with suppress(FileNotFoundError):
                    os.rmdir(directory)
            except OSError as error:
                if error.errno != errno.EBUSY:
                    raise
                self._waiting.append(directory)
