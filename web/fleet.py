"""What the alive devices report, read from the store at most once in a while."""

from __future__ import annotations

import time
from typing import Any

from store import Store

KEPT_S = 1.0  # every submission asks for the languages; the database is asked once a second


class Fleet:
    """Remember the devices' last reports for a moment."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._reports: list[dict[str, Any]] = []
        self._read_at = float("-inf")

    def reports(self, *, fresh: bool = False) -> list[dict[str, Any]]:
        """Return the reports of the devices that are alive; ``fresh``: as of now. Raises StoreUnavailable."""
        # No lock: two readers at once ask twice, but nobody queues behind a database that does not answer.
        if fresh or time.monotonic() - self._read_at > KEPT_S:
            self._reports = self._store.devices.alive()
            self._read_at = time.monotonic()
        return self._reports

    def accounts(self, *, fresh: bool = False) -> list[dict[str, Any]]:
        """Return the untrusted accounts of all alive devices. Raises StoreUnavailable."""
        return [account for report in self.reports(fresh=fresh) for account in report.get("accounts", [])]
