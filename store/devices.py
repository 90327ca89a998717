"""What devices say of themselves: who is alive, which accounts they reach, what those can run."""

from __future__ import annotations

from typing import Any

from store.database import Database
from store.errors import available

SILENT_BEATS = 3  # heartbeats that may be missed


class Devices:
    """One document a device, renewed at each heartbeat."""

    def __init__(self, database: Database, settings: Any) -> None:
        self._database, self._settings = database, settings

    @available()
    def report(self, device: str, host: str, status: dict[str, Any]) -> None:
        """Say that a device is alive, and how it is."""
        change = {"$set": {"host": host, "status": status}, "$currentDate": {"reported": True}}
        self._database.collection("devices").update_one({"_id": device}, change, upsert=True)

    @available()
    def leave(self, device: str) -> None:
        """Say that a device goes away."""
        self._database.collection("devices").delete_one({"_id": device})

    @available()
    def alive(self) -> list[dict[str, Any]]:
        """Return the status of each living device, with ``device`` and ``host``."""
        patience_ms = int(self._settings.heartbeat_s * SILENT_BEATS * 1000)
        recent = {"$expr": {"$gt": ["$reported", {"$subtract": ["$$NOW", patience_ms]}]}}
        return [
            {**document["status"], "device": document["_id"], "host": document["host"]}
            for document in self._database.collection("devices").find(recent)
        ]
