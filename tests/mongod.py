"""Run a real embedded mongod for tests."""

from __future__ import annotations

import sys
from contextlib import AbstractContextManager
from pathlib import Path

import settings as settings_file
import store as stores
from harness.processes import Process, start
from store import StoreUnavailableError, embedded

ROOT = Path(__file__).resolve().parent.parent
START_DEADLINE_S = 60.0


def answers(directory: Path) -> bool:
    """Return whether the mongod in a directory takes work."""
    door = stores.connect(settings_file.load(mongo_uri=embedded.uri(directory), mongo_timeout_s=0.5))
    try:
        door.ping()
    except StoreUnavailableError:
        return False
    finally:
        door.close()
    return True


def run_mongod(directory: Path) -> AbstractContextManager[Process]:
    """Run an embedded mongod until the block ends; it takes writes when the block begins."""
    argv = [sys.executable, "-m", "store.embedded", str(directory)]
    return start(argv, ready=lambda: answers(directory), deadline_s=START_DEADLINE_S, cwd=ROOT)
