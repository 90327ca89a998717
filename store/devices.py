"""Keeps what each device reports of itself, and says which devices are alive."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from store.database import Database, earlier
from store.errors import guarded

ALIVE_HEARTBEATS = 3


class Devices:
    """The last reports of all devices."""

    def __init__(self, database: Database) -> None:
        self._database = database

    @guarded
    def report(self, device: str, host: str, status: Mapping[str, Any]) -> None:
        """Store that a device is alive, on which host, and its status. Raises StoreUnavailableError."""
        self._database.collection("devices").update_one(
            {"_id": device},
            {"$set": {"host": host, "status": dict(status)}, "$currentDate": {"reported": True}},
            upsert=True,
        )

    @guarded
    def alive(self) -> list[dict[str, Any]]:
        """Return the last reports of the devices that are alive: device, host, reported, and the fields of the status.

        Raises StoreUnavailableError.
        """
        age = earlier(ALIVE_HEARTBEATS * self._database.settings.heartbeat_s)
        fresh = self._database.collection("devices").find({"$expr": {"$gte": ["$reported", age]}})
        return [
            {**found["status"], "device": found["_id"], "host": found["host"], "reported": found["reported"]}
            for found in fresh.sort("_id")
        ]
