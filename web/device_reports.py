"""Reads what the devices report, at most once a second."""

from __future__ import annotations

import time
from datetime import datetime
from typing import Any

from store import Room, Store

KEPT_S = 1.0  # every submission needs the languages; the database is asked once in this time


class DeviceReports:
    """The last reports of the devices that are alive, remembered for a moment."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._reports: list[dict[str, Any]] = []
        self._read_at = float("-inf")

    def reports(self, *, fresh: bool = False) -> list[dict[str, Any]]:
        """Return the reports of the devices that are alive; ``fresh``: as of now. Raises StoreUnavailableError."""
        # No lock: two readers at once ask twice, but nobody queues behind a database that does not answer.
        if fresh or time.monotonic() - self._read_at > KEPT_S:
            self._reports = self._store.devices.alive()
            self._read_at = time.monotonic()
        return self._reports

    def room(self) -> Room:
        """Return how full the store is by the worst of the devices' reports. Raises StoreUnavailableError."""
        rooms = [room for report in self.reports() if isinstance(room := report.get("room"), dict)]
        if not rooms:
            return Room()
        clients = {client for room in rooms for client in room["full_clients"]}
        stored_bytes = max(room["stored_bytes"] for room in rooms)
        return Room(stored_bytes, any(room["is_full"] for room in rooms), sorted(clients))

    def overdrawn(self) -> dict[str, datetime]:
        """Return the ids of budgets of which nothing is left, and until when. Raises StoreUnavailableError."""
        return {id: until for report in self.reports() for id, until in report.get("overdrawn", ())}

    def accounts(self, *, fresh: bool = False) -> list[dict[str, Any]]:
        """Return the untrusted accounts of all alive devices but those that end. Raises StoreUnavailableError."""
        stay = [report for report in self.reports(fresh=fresh) if not report.get("is_draining")]
        return [account for report in stay for account in report.get("accounts", [])]
