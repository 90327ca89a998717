"""Does the operator's orders ``backup`` and ``restore``; the latter runs the embedded MongoDB if nobody does."""

from __future__ import annotations

import argparse
import os
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from settings import Settings
from store import Store
from store.address import directory, socket_path
from store.errors import AdministrationError, StoreUnavailableError

CODE = Path(__file__).resolve().parent.parent
START_S = END_S = 120.0
LOOK_S = 0.1


def backup(store: Store, _settings: Settings, options: argparse.Namespace) -> Iterator[str]:
    """Write a backup."""
    with store.audit.deed("backup", str(options.directory), "") as said:
        manifest = store.backup.write(options.directory)
        said.append(f"as of {manifest.at}")
    computations = manifest.collections.get("computations")
    count = computations.documents if computations else 0
    size_mb = manifest.size_bytes / 1e6
    yield f"{options.directory} has all that was stored at {manifest.at}: {count} computations, {size_mb:.1f} MB."


def restore(store: Store, settings: Settings, options: argparse.Namespace) -> Iterator[str]:
    """Fill an empty database from a backup."""
    with _running(store, settings):
        restored = store.restore.fill(options.directory)
        with store.audit.deed("restore", str(options.directory), "") as said:
            said.append(f"as of {restored.manifest.at}")
    yield f"The database is as it was at {restored.manifest.at}."
    yield f"{restored.in_flight} computations ran then: they are queued again, or have ended with a reason."
    yield f"{restored.sessions} kept sessions have ended."


@contextmanager
def _running(store: Store, settings: Settings) -> Iterator[None]:
    """Run the embedded MongoDB in the block, if it is that one and does not run. Raises AdministrationError."""
    if settings.mongo_uri or _is_listening(directory(settings)):
        yield
        return
    data = directory(settings)
    owner: dict[str, Any] = {}
    if os.geteuid() == 0:
        if not data.is_dir():
            raise AdministrationError(
                f"There is no directory {data}. It belongs to the account that the database runs as: start the server "
                "once, which makes it, end it, and delete what is in the directory."
            )
        found = data.stat()
        owner = {"user": found.st_uid, "group": found.st_gid, "extra_groups": []}
    argv = [sys.executable, "-m", "store.embedded", str(data)]
    mongod = subprocess.Popen(argv, cwd=CODE, stdin=subprocess.DEVNULL, **owner)
    try:
        _wait(store, mongod)
        yield
    finally:
        mongod.terminate()
        try:
            mongod.wait(END_S)
        except subprocess.TimeoutExpired:
            mongod.kill()  # its journal has all
            mongod.wait()


def _is_listening(directory: Path) -> bool:
    with socket.socket(socket.AF_UNIX) as trial, suppress(OSError):
        trial.connect(str(socket_path(directory)))
        return True
    return False


def _wait(store: Store, mongod: subprocess.Popen[bytes]) -> None:
    until = time.monotonic() + START_S
    while mongod.poll() is None and time.monotonic() < until:
        with suppress(StoreUnavailableError):
            if store.restore.can_write():
                return
        time.sleep(LOOK_S)
    raise AdministrationError("The embedded MongoDB did not start.")
