"""Receives the bundle in the untrusted account, unpacks it, and becomes the supervisor.

It is never imported: the device sends this text as the argument of ``python -c``, and it runs with nothing but
Python 3.10 there. From standard input it reads length, hash and archive, and not a byte more: the start configuration
follows. Nothing that lies in the account already is used, for somebody may have taken the account over before. A
supervisor holds a lock on its directory as long as it lives; the next start removes the directories that nobody holds.
"""

from __future__ import annotations

import fcntl
import hashlib
import io
import os
import shutil
import sys
import tarfile
import tempfile
from typing import NoReturn

ARCHIVE_BYTES_MAX = 1 << 24
START = "import sys; sys.path.insert(0, sys.argv[1]); import runpy; runpy.run_module('untrusted', run_name='__main__')"


def main() -> NoReturn:
    """Become the supervisor that comes from standard input. Raises SystemExit with a sentence."""
    files = unpack(read_archive())
    directory = make_directory()
    os.chmod(directory, 0o755)
    for name, content in files.items():
        path = os.path.join(directory, name)
        os.makedirs(os.path.dirname(path), mode=0o755, exist_ok=True)
        with open(path, "xb") as file:
            file.write(content)
            os.fchmod(file.fileno(), 0o444)
    environment = {"PATH": os.environ.get("PATH", os.defpath), "LANG": "C.UTF-8"}  # no HOME: nothing there is read
    os.execve(sys.executable, [sys.executable, "-I", "-B", "-c", START, directory], environment)


def read_archive() -> bytes:
    """Return the archive, which is whole."""
    length, digest = int.from_bytes(read(8), "big"), read(32)
    if length > ARCHIVE_BYTES_MAX:
        sys.exit("the archive is too long")
    data = read(length)
    if hashlib.sha256(data).digest() != digest:
        sys.exit("the archive is damaged")
    return data


def read(count: int) -> bytes:
    """Return so many bytes of standard input."""
    data = bytearray()
    while len(data) < count:
        piece = os.read(0, min(count - len(data), 1 << 16))
        if not piece:
            sys.exit("the trusted side hung up")
        data += piece
    return bytes(data)


def unpack(archive_bytes: bytes) -> dict[str, bytes]:
    """Return the contents of the files in an archive, by relative path."""
    files = {}
    with tarfile.open(fileobj=io.BytesIO(archive_bytes)) as archive:
        for member in archive:
            parts = member.name.split("/")
            file = archive.extractfile(member) if member.isreg() else None
            if file is None or "" in parts or ".." in parts:
                sys.exit("the archive names a path outside")
            files[member.name] = file.read()
    return files


def make_directory() -> str:
    """Return a new directory below the home, locked for our life; one below /tmp where the home cannot be written."""
    try:
        parent = os.path.join(os.path.expanduser("~"), ".singlecell")
        os.makedirs(parent, mode=0o755, exist_ok=True)
        alone = lock(parent, fcntl.LOCK_EX)  # nobody takes a directory away before it is locked
        for name in os.listdir(parent):
            if name.startswith("run-"):
                remove(os.path.join(parent, name))
        directory = tempfile.mkdtemp(prefix="run-", dir=parent)
        os.set_inheritable(lock(directory, fcntl.LOCK_EX), True)
        os.close(alone)
        return directory
    except OSError:
        return tempfile.mkdtemp()


def lock(directory: str, flags: int) -> int:
    """Lock a directory; return the descriptor that holds the lock."""
    descriptor = os.open(directory, os.O_RDONLY | os.O_DIRECTORY)
    fcntl.flock(descriptor, flags)
    return descriptor


def remove(path: str) -> None:
    """Remove what an earlier start left, unless a supervisor lives there."""
    try:
        if os.path.islink(path) or not os.path.isdir(path):
            os.unlink(path)
        else:
            held = lock(path, fcntl.LOCK_EX | fcntl.LOCK_NB)
            shutil.rmtree(path)
            os.close(held)
    except BlockingIOError:
        pass  # a supervisor lives there
    except (OSError, RecursionError) as error:
        print(f"what an earlier start left in {path!r} stays there: {type(error).__name__}", file=sys.stderr)


if __name__ == "__main__":
    main()
