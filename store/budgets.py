"""Keeps the budgets of CPU time: so many CPU seconds an hour for each client, origin and key, over all processes.

What is not used stays for an hour. A budget is one time, when it will be whole again: each CPU second puts that off,
by the part of an hour that it is of the budget. What is more than an hour away is overdrawn. MongoDB forgets those that
are whole.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from pymongo import DESCENDING, UpdateOne

from store.database import Database, later
from store.errors import guarded
from store.requester import Requester

HOUR_S = 3600.0
OVERDRAWN_MAX = 1000  # that a device reports
KINDS = ("client", "origin", "key")


@dataclass(frozen=True)
class Budget:
    """A budget as it is now. ``left_s``: CPU seconds, below 0 when overdrawn; ``again_s``: until something is left."""

    cpu_s_per_hour: float
    left_s: float
    again_s: float = 0.0


def names_of(requester: Requester) -> Iterator[tuple[str, str]]:
    """Yield kind and id of each budget that a requester's computations are charged to."""
    for kind in KINDS:
        name = getattr(requester, kind)
        if name is not None:
            yield kind, f"{kind}:{name}"


class Budgets:
    """The budgets: charged by devices, looked at by the web."""

    def __init__(self, database: Database) -> None:
        self._database, self._settings = database, database.settings

    @guarded
    def charge(self, spent: Mapping[Requester, float]) -> None:
        """Take CPU seconds off the budgets of who spent them. Raises StoreUnavailableError."""
        seconds: dict[tuple[str, str], float] = {}
        for requester, cpu_s in spent.items():
            for name in names_of(requester):
                seconds[name] = seconds.get(name, 0.0) + cpu_s
        rates = self._rates(seconds)
        updates = [
            UpdateOne({"_id": id}, _put_off(HOUR_S * cpu_s / rates[id]), upsert=True)
            for (_kind, id), cpu_s in seconds.items()
            if cpu_s > 0
        ]
        if updates:
            self._database.early("budgets").bulk_write(updates, ordered=False)

    @guarded
    def overdrawn(self) -> dict[str, datetime]:
        """Return the ids of the budgets of which nothing is left, and until when. Raises StoreUnavailableError."""
        hour = timedelta(seconds=HOUR_S)
        more = {"$expr": {"$gt": ["$whole", later(HOUR_S)]}}
        found = self._database.collection("budgets").find(more).sort("whole", DESCENDING).limit(OVERDRAWN_MAX)
        return {budget["_id"]: budget["whole"] - hour for budget in found}

    @guarded
    def look(self, requester: Requester, now: datetime) -> dict[str, Budget]:
        """Return the requester's budgets by kind, as of ``now``. Raises StoreUnavailableError."""
        names = dict(names_of(requester))
        rates = self._rates(dict.fromkeys(names.items(), 0.0))
        found = self._database.collection("budgets").find({"_id": {"$in": list(names.values())}})
        missing_s = {budget["_id"]: max(0.0, (budget["whole"] - now).total_seconds()) for budget in found}
        return {
            kind: Budget(
                rates[id], rates[id] * (1 - missing_s.get(id, 0.0) / HOUR_S), max(0.0, missing_s.get(id, 0.0) - HOUR_S)
            )
            for kind, id in names.items()
        }

    def _rates(self, names: Mapping[tuple[str, str], float]) -> dict[str, float]:
        """Return the CPU seconds an hour of each budget; a key may have its own."""
        rates: dict[str, float] = {id: getattr(self._settings, f"{kind}_cpu_s_per_hour") for kind, id in names}
        keys = [id.partition(":")[2] for kind, id in names if kind == "key"]
        if keys:
            own = {"_id": {"$in": keys}, "cpu_s_per_hour": {"$ne": None}}
            for key in self._database.collection("keys").find(own, {"cpu_s_per_hour": 1}):
                rates[f"key:{key['_id']}"] = float(key["cpu_s_per_hour"])
        return rates


def _put_off(seconds: float) -> list[dict[str, Any]]:
    return [{"$set": {"whole": {"$add": [{"$max": ["$whole", "$$NOW"]}, int(1000 * seconds)]}}}]
