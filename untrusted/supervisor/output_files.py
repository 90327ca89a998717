"""Finds, checks and reads the files of a session through the handle of its work directory, following no link.

The handle was opened inside the sandbox. Whatever lies below it was made by user code: every name is opened beneath the
handle, on its own file system, without symbolic or magic links, and is read only when it is what it should be.
"""

from __future__ import annotations

import errno
import os
import stat
import time
from collections.abc import Generator, Iterable, Iterator
from typing import NamedTuple

from contract import PATH_PARTS_MAX, file_name_fault
from untrusted.sandbox import syscalls
from wire import CHUNK_BYTES, Limits

ENTRIES_MAX = 20_000  # looked at in one walk; more than the inodes of a session
WALK_S_MAX = 1.0  # of the supervisor's own time, for one walk
SLICE_S = 0.001  # then other sessions have their turn
SENTENCES_MAX = 10
_NAME_SHOWN_CHARS = 80
_RESOLVE = (
    syscalls.RESOLVE_BENEATH | syscalls.RESOLVE_NO_SYMLINKS | syscalls.RESOLVE_NO_MAGICLINKS | syscalls.RESOLVE_NO_XDEV
)
# O_NONBLOCK: opening a FIFO must not wait for a writer.
_OPEN = os.O_RDONLY | os.O_NONBLOCK | os.O_NOFOLLOW | os.O_NOCTTY


class Seen(NamedTuple):
    """The state of a file, as it tells a changed one from an unchanged one: user code cannot set the change time."""

    inode: int
    size_bytes: int
    changed_ns: int


Snapshot = dict[bytes, Seen]
Entry = tuple[bytes, Seen] | None


class Complaints:
    """The sentences about files that are not handed over: one for each of the first, and how many more there were."""

    def __init__(self, sentences: list[str]) -> None:
        self._sentences, self._count = sentences, 0

    def add(self, untrusted_path: bytes, why: str) -> None:
        """Note one file."""
        self._count += 1
        if self._count <= SENTENCES_MAX:
            self._sentences.append(f"The file {shown(untrusted_path)} was not handed over: {why}.")

    def say(self, sentence: str) -> None:
        """Note something that concerns more than one file."""
        self._sentences.append(sentence)

    def close(self) -> None:
        """Add how many files the sentences leave unnamed."""
        if self._count > SENTENCES_MAX:
            self._sentences.append(f"{self._count - SENTENCES_MAX} more files were not handed over.")


class Walk:
    """A look at all that lies in a work directory, hidden files apart, in slices: each costs the loop ``SLICE_S``.

    ``found``: what was seen so far. ``whole``: whether everything was looked at.
    """

    def __init__(self, work_directory: int, complaints: Complaints | None = None) -> None:
        self._entries = _walk(work_directory, complaints or Complaints([]), self)
        self.found: Snapshot = {}
        self.whole = True
        self.spent_s = 0.0

    def slices(self, known: Snapshot | None = None) -> Iterator[None]:
        """Go on, with a pause after each slice; with ``known`` no further than to what is not the same there."""
        started = time.monotonic()
        for entry in self._entries:
            if entry is not None:
                self.found[entry[0]] = entry[1]
                if known is not None and known.get(entry[0]) != entry[1]:
                    break
            if time.monotonic() - started > SLICE_S:
                self.spent_s += time.monotonic() - started
                yield
                started = time.monotonic()

    def changed(self, known: Snapshot) -> list[bytes]:
        """Return the paths of what is not the same in ``known``."""
        return [path for path, seen in self.found.items() if known.get(path) != seen]

    def close(self) -> None:
        """Let go of the directory that it was in."""
        self._entries.close()


def snapshot(work_directory: int) -> Snapshot:
    """Return what lies in a work directory in which no user code has run."""
    walk = Walk(work_directory)
    for _ in walk.slices():
        pass
    return walk.found


def look_at(work_directory: int, untrusted_name: str) -> Seen | None:
    """Return the state of one file, None when there is none."""
    try:
        descriptor = open_beneath(work_directory, os.fsencode(untrusted_name), os.O_PATH)
    except (OSError, ValueError):
        return None
    try:
        return _seen(os.fstat(descriptor))
    finally:
        os.close(descriptor)


def harvest(
    work_directory: int, changed: Iterable[bytes], limits: Limits, complaints: Complaints
) -> Iterator[tuple[str, int, Iterator[tuple[bytes, bool]]] | None]:
    """Yield each of the changed files, by name: (name, size in bytes, pieces); None after a slice without a file.

    Pieces are (bytes, whether it is the last) and must be read before the next file is asked for. Why a file is left
    out is added to the complaints.
    """
    count = total_bytes = 0
    started = time.monotonic()
    for path in sorted(changed):
        if time.monotonic() - started > SLICE_S:
            yield None
            started = time.monotonic()
        name, why = checked_name(path)
        if name is None:
            complaints.add(path, why)
            continue
        if count >= limits.cell_files_max:
            complaints.add(path, f"one computation hands over at most {limits.cell_files_max} files")
            continue
        left_bytes = limits.cell_files_bytes_max - total_bytes
        descriptor, size_bytes, why = _open_checked(work_directory, path, limits, left_bytes)
        if descriptor is None:
            complaints.add(path, why)
            continue
        try:
            count, total_bytes = count + 1, total_bytes + size_bytes
            yield name, size_bytes, _pieces(descriptor, size_bytes)
        finally:
            os.close(descriptor)
        started = time.monotonic()
    complaints.close()


def shown(untrusted_path: bytes) -> str:
    """Return a name fit to be read by a person: one short line, whatever its bytes are."""
    text = ascii(untrusted_path.decode("utf-8", "backslashreplace"))
    return text if len(text) <= _NAME_SHOWN_CHARS else f"{text[:_NAME_SHOWN_CHARS]}…'"


def _seen(state: os.stat_result) -> Seen:
    return Seen(state.st_ino, state.st_size, state.st_ctime_ns)


def _walk(work_directory: int, complaints: Complaints, walk: Walk) -> Generator[Entry]:
    """Yield path and state of every entry that is no directory, as deep and as long as is allowed; for others None."""
    waiting: list[tuple[bytes, int]] = [(b"", 1)]
    looked_at = 0
    while waiting:
        directory, depth = waiting.pop()
        yield None
        try:
            descriptor = open_beneath(work_directory, directory or b".", os.O_DIRECTORY)
        except OSError as error:
            complaints.add(directory, f"its directory cannot be read ({error.strerror})")
            continue
        try:
            with os.scandir(descriptor) as entries:
                for entry in entries:
                    looked_at += 1
                    if looked_at > ENTRIES_MAX or walk.spent_s > WALK_S_MAX:
                        walk.whole = False
                        complaints.say(f"There are too many files: only the first {looked_at - 1} were looked at.")
                        return
                    name = os.fsencode(entry.name)
                    if name.startswith(b"."):
                        yield None
                        continue
                    path = directory + b"/" + name if directory else name
                    try:
                        state = entry.stat(follow_symlinks=False)
                    except OSError:
                        continue  # gone again: the session of a kept kernel is alive
                    if not stat.S_ISDIR(state.st_mode):
                        yield path, _seen(state)
                    elif depth < PATH_PARTS_MAX:
                        waiting.append((path, depth + 1))
                        yield None
                    else:
                        complaints.add(path, f"directories are searched {PATH_PARTS_MAX} deep")
        except OSError as error:
            complaints.add(directory, f"its directory cannot be read ({error.strerror})")
        finally:
            os.close(descriptor)


def open_beneath(directory: int, untrusted_path: bytes, flags: int = 0) -> int:
    """Open a path beneath a directory, through no link, on its own file system. Raises OSError."""
    return syscalls.openat2(directory, untrusted_path, _OPEN | flags, _RESOLVE)


def _open_checked(
    directory: int, untrusted_path: bytes, limits: Limits, left_bytes: int
) -> tuple[int | None, int, str]:
    """Return (descriptor, size in bytes, "") of a file that may go out, or (None, 0, why not)."""
    try:
        descriptor = open_beneath(directory, untrusted_path)
    except OSError as error:
        if error.errno in (errno.ELOOP, errno.EXDEV):
            return None, 0, "it is a link"
        if error.errno == errno.ENXIO:
            return None, 0, "it is not a regular file"
        return None, 0, f"it cannot be read ({error.strerror})"
    state = os.fstat(descriptor)
    if not stat.S_ISREG(state.st_mode):
        why = "it is not a regular file"
    elif state.st_nlink != 1:
        why = "it has more than one name"
    elif state.st_uid != os.geteuid():
        why = "it belongs to somebody else"
    elif state.st_size > limits.cell_file_bytes_max:
        why = f"it has {state.st_size} bytes and {limits.cell_file_bytes_max} are allowed"
    elif state.st_size > left_bytes:
        why = f"the files of one computation may have {limits.cell_files_bytes_max} bytes together"
    else:
        return descriptor, state.st_size, ""
    os.close(descriptor)
    return None, 0, why


def checked_name(untrusted_path: bytes) -> tuple[str | None, str]:
    """Return (the name, "") or (None, what is wrong with it)."""
    try:
        name = untrusted_path.decode("utf-8")
    except UnicodeDecodeError:
        return None, "its name is not UTF-8"
    fault = file_name_fault(name)
    return (None, f"its name {fault}") if fault else (name, "")


def _pieces(descriptor: int, size_bytes: int) -> Iterator[tuple[bytes, bool]]:
    """Yield exactly ``size_bytes`` bytes; a file that shrinks meanwhile is filled up with zeros, as announced."""
    left = size_bytes
    while True:
        wanted = min(left, CHUNK_BYTES)
        data = os.read(descriptor, wanted) if wanted else b""
        if len(data) < wanted:
            data += bytes(wanted - len(data)) if not data else b""
        left -= len(data)
        yield data, left == 0
        if left == 0:
            return
