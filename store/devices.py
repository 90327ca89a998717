"""Keeps what each device reports of itself, and says which devices are alive."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from store import schema
from store.database import Database, earlier, later
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
            {
                "$set": {"host": host, "status": dict(status), "schema": schema.KNOWN},
                "$currentDate": {"reported": True},
            },
            upsert=True,
        )

    @guarded
    def alive(self) -> list[dict[str, Any]]:
        """Return the last reports of the devices that are alive: device, host, reported, and the fields of the status.

        ``schema``: the newest migration that it knows.
        Raises StoreUnavailableError.
        """
        silence_s = ALIVE_HEARTBEATS * self._database.settings.heartbeat_s
        # One from the future is from before the clock was set back: who lives reports anew within a heartbeat.
        heard = [{"$gte": ["$reported", earlier(silence_s)]}, {"$lte": ["$reported", later(silence_s)]}]
        fresh = self._database.collection("devices").find({"$expr": {"$and": heard}})
        return [
            {**found["status"], "device": found["_id"], "host": found["host"], "reported": found["reported"],
             "schema": found.get("schema", 0)}
            for found in fresh.sort("_id")
        ]  # fmt: skip

    def reported(self) -> tuple[datetime, dict[str, datetime]]:
        """Return MongoDB's time, and when each device reported last. Raises PyMongoError."""
        found = list(self._database.collection("devices").find({}, {"reported": 1, "now": "$$NOW"}))
        now = found[0]["now"] if found else self._database.now()
        return now, {device["_id"]: device["reported"] for device in found}
