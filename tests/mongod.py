"""Run a real embedded mongod for tests."""

from __future__ import annotations

import sys
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any

from pymongo import MongoClient

import settings as settings_file
import store as stores
from harness.processes import Process, start
from store import StoreUnavailableError, embedded

ROOT = Path(__file__).resolve().parent.parent
START_DEADLINE_S = 60.0
IDLE_S = 5


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


def close_idle_files(directory: Path) -> None:
    """Make a mongod close the files of databases that rest.

    Each test's database holds some fifty open; mongod ends at once when it may open no more, and to drop a database
    takes longer than most tests.
    """
    sweep = f"file_manager=(close_idle_time={IDLE_S},close_scan_interval={IDLE_S})"
    with MongoClient[dict[str, Any]](embedded.uri(directory)) as client:
        client.admin.command("setParameter", 1, wiredTigerEngineRuntimeConfig=sweep)
