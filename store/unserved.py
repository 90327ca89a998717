"""Cells in a language that no device can run: taken in before the devices had said so, they would wait for ever."""

from __future__ import annotations

from typing import Any

from store import closing
from store.database import Database, earlier
from store.devices import Devices
from store.states import leaving


def unserved(database: Database) -> list[dict[str, Any]]:
    """Return the first turns that have waited for a lease's time in a language of none of the accounts.

    While an account has not said what it can run, everything may be waiting for it. Raises PyMongoError.
    """
    accounts = [account for device in Devices(database).alive() for account in device.get("accounts", [])]
    reports = [{language["name"] for language in account.get("languages", [])} for account in accounts]
    if not reports or not all(reports):
        return []
    waiting = {
        "turn": 0,
        "language": {"$nin": sorted(set().union(*reports))},
        "$expr": {"$lt": ["$submitted", earlier(database.settings.lease_s)]},
        **leaving("abandon"),
    }
    return list(database.collection("computations").find(waiting, closing.NEEDED).hint("queue"))
