"""Lets the web ask for the rules of who may have something run.

A process reads them when they have changed, which it looks for every ``KEPT_S``: so a cell costs no command more, and
what the operator changes holds everywhere that much later.
"""

from __future__ import annotations

import time

from store.database import Database
from store.errors import guarded
from store.rules import Ban, Bans, Key, Rules

KEPT_S = 2.0
NEW_S = 0.2  # what nobody knows may be new: then it is looked for this often
READ_ANYWAY_S = 60.0  # that they have changed is noted by a second write, which a crash may have prevented
VERSION = {"_id": "rules"}


class Access:
    """The rules, remembered by this process."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._rules, self._version = Rules(), -1
        self._looked_at = self._read_at = float("-inf")

    @guarded
    def rules(self, kept_s: float = KEPT_S) -> Rules:
        """Return the rules, at most so old. Raises StoreUnavailableError when they cannot be read then."""
        now = time.monotonic()
        if now - self._looked_at > kept_s:
            # No lock: two readers at once ask twice, but nobody queues behind a database that does not answer.
            found = self._database.collection("access").find_one(VERSION)
            version = int(found["changes"]) if found else 0
            if version != self._version or now - self._read_at > READ_ANYWAY_S:
                self._rules, self._version, self._read_at = self._read(), version, now
            self._looked_at = now
        return self._rules

    def note_change(self) -> None:
        """Note that the rules have changed, for all processes. Raises PyMongoError."""
        self._database.durable("access").update_one(VERSION, {"$inc": {"changes": 1}}, upsert=True)
        self._looked_at = float("-inf")

    def _read(self) -> Rules:
        keys = {found["hash"]: Key.of(found) for found in self._database.collection("keys").find({"revoked": None})}
        return Rules(keys, Bans(map(Ban.of, self._database.collection("bans").find())))
