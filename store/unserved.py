"""Cells in a language that no device can run: taken in before the devices had said so, they would wait for ever."""

from __future__ import annotations

from typing import Any

from store import forced_end
from store.database import Database, earlier
from store.devices import Devices
from store.served_languages import ServedLanguages
from store.states import leaving


def unserved(database: Database) -> list[dict[str, Any]]:
    """Return the first turns that have waited for a lease's time in a language that no account runs or loads.

    While an account has not said what it can run, everything may be waiting for it. Raises PyMongoError.
    """
    offers = ServedLanguages.of(account for device in Devices(database).alive() for account in device.get("accounts", []))
    if not offers.whole:
        return []
    waiting = {
        "turn": 0,
        "language": {"$nin": sorted({*offers.versions, *offers.loading})},
        "$expr": {"$lt": ["$submitted", earlier(database.settings.lease_s)]},
        **leaving("abandon"),
    }
    return list(database.collection("computations").find(waiting, forced_end.NEEDED).hint("waiting"))
