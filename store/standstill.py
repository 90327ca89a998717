"""Ends an embedded MongoDB that answers, but puts nothing onto the disk any more, so that it is started again.

MongoDB 6.0 does so when its clock is set back: the thread that flushes the journal waits until a time of that clock, an
hour if the clock was set back by an hour. Until then no write is acknowledged, while reads are answered as ever.
"""

from __future__ import annotations

import logging
import os
import signal
import time
from pathlib import Path
from typing import Any

import pymongo
from pymongo.errors import PyMongoError

from store.address import directory
from store.database import Database

TIMES = 4  # a MongoDB stands still when it has put nothing onto the disk for so many time-outs of a write
ANSWER_S = 1.0  # one that stands still answers at once; for others the loop of a device must not wait long
log = logging.getLogger(__name__)


class Standstill:
    """What one process has seen of how far MongoDB's journal is on the disk. Who could not write looks."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._durable: Any = None
        self._since = 0.0

    def look(self) -> None:
        """Look whether the embedded MongoDB stands still; kill it when it has for TIMES time-outs."""
        settings = self._database.settings
        if settings.mongo_uri:
            return  # somebody else's
        try:
            with pymongo.timeout(ANSWER_S):
                times = self._database.admin("replSetGetStatus")["optimes"]
            applied, durable = times["appliedOpTime"]["ts"], times["durableOpTime"]["ts"]
        except (PyMongoError, KeyError):
            self._durable = None  # it does not answer at all, or has just begun: that is another fault
            return
        now = time.monotonic()
        if durable >= applied or durable != self._durable:
            self._durable, self._since = durable, now
        elif now - self._since >= TIMES * settings.mongo_timeout_s:
            self._durable = None
            _kill(directory(settings).absolute() / "database")


def _kill(database: Path) -> None:
    """Kill the mongod of a directory: it heeds no order while it stands still. What it acknowledged is on the disk."""
    log.error("MongoDB has put nothing onto the disk for too long, so it is killed; it is to be started again")
    try:
        pid = int((database / "mongod.lock").read_text())
        if os.fsencode(database) in Path(f"/proc/{pid}/cmdline").read_bytes().split(b"\0"):
            os.kill(pid, signal.SIGKILL)
    except (OSError, ValueError) as error:
        log.error("MongoDB cannot be killed: %s", error)
