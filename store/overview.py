"""Looks at all of the server at once, for those who watch it: what waits and runs, what is stored, who uses most."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta, timezone
from itertools import pairwise
from typing import Any

from pymongo import ASCENDING, DESCENDING, UpdateOne

from store.budgets import HOUR_S
from store.database import Database
from store.errors import guarded
from store.space import Space

AGES_S = (1, 10, 60)  # bounds of the bands of age in which what waits is counted
LARGEST = 20  # clients that are shown
HISTORY_S = 3600


@dataclass(frozen=True)
class Waiting:
    """What waits in a language: how many of each band of ``AGES_S`` (the last: older), and the age of the oldest."""

    language: str
    counts: tuple[int, ...]
    oldest_s: float


@dataclass(frozen=True)
class Storage:
    """What is stored and may be, in bytes; ``free_bytes`` of the database's disk, None where nobody can say."""

    stored_bytes: int
    stored_bytes_max: int
    free_bytes: int | None
    permalinks: int
    permalinks_bytes: int


class Overview:
    """The server at a glance; each look costs a few commands, so it is for operators alone."""

    def __init__(self, database: Database, space: Space) -> None:
        self._database, self._space = database, space

    @guarded
    def waiting(self) -> list[Waiting]:
        """Return what waits, by language. Raises StoreUnavailableError."""
        age_s = {"$divide": [{"$subtract": ["$$NOW", "$submitted"]}, 1000]}
        bounds = (0, *AGES_S, float("inf"))
        bands = {
            f"band{at}": {"$sum": {"$cond": [{"$and": [{"$gte": ["$age_s", low]}, {"$lt": ["$age_s", high]}]}, 1, 0]}}
            for at, (low, high) in enumerate(pairwise(bounds))
        }
        stages: list[dict[str, Any]] = [
            {"$match": {"state": "queued"}},
            {"$project": {"language": 1, "age_s": {"$max": [0, age_s]}}},
            {"$group": {"_id": "$language", "oldest_s": {"$max": "$age_s"}, **bands}},
            {"$sort": {"_id": 1}},
        ]
        found = self._database.collection("computations").aggregate(stages, hint="line")
        return [Waiting(row["_id"] or "", tuple(row[name] for name in bands), row["oldest_s"]) for row in found]

    @guarded
    def running(self) -> dict[str, int]:
        """Return how many computations run, by language. Raises StoreUnavailableError."""
        stages: list[dict[str, Any]] = [
            {"$match": {"state": "running"}},
            {"$group": {"_id": "$language", "count": {"$sum": 1}}},
        ]
        found = self._database.collection("computations").aggregate(stages, hint="leases")
        return {row["_id"] or "": row["count"] for row in found}

    @guarded
    def storage(self) -> Storage:
        """Return what is stored. Raises StoreUnavailableError."""
        count, size_bytes = self._space.permalinks()
        return Storage(
            self._space.stored_bytes(), self._space.stored_bytes_max(), self._space.free_bytes(), count, size_bytes
        )

    @guarded
    def spenders(self, kind: str = "client") -> list[tuple[str, float]]:
        """Return the clients (or origins, or keys) that have used most of their budgets, and their shares of it.

        A share of 1: nothing is left of an hour's budget. Raises StoreUnavailableError.
        """
        theirs = {"_id": re.compile(f"^{kind}:")}
        now = datetime.now(timezone.utc)
        found = self._database.collection("budgets").find(theirs).sort("whole", DESCENDING).limit(LARGEST)
        shares = [(row["_id"].partition(":")[2], (row["whole"] - now).total_seconds() / HOUR_S) for row in found]
        return [(name, share) for name, share in shares if share > 0]

    @guarded
    def note_minute(self, device: str, minute: datetime, sums: Mapping[str, float]) -> None:
        """Keep what a device did in a minute; it is forgotten after ``HISTORY_S``, but for the day's conflicts.

        Raises StoreUnavailableError.
        """
        note = UpdateOne(
            {"_id": f"{device} {minute:%H:%M}"},
            {"$set": {"minute": minute}, "$inc": {f"sums.{name}": value for name, value in sums.items()}},
            upsert=True,
        )
        self._database.early("minutes").bulk_write([note])
        if conflicts := int(sums.get("conflicts", 0)):
            day = {"device": device, "day": f"{minute:%Y-%m-%d}"}
            self._database.early("conflicts").update_one(
                {"_id": f"{device} {day['day']}"}, {"$set": {**day, "minute": minute}, "$inc": {"count": conflicts}},
                upsert=True,
            )  # fmt: skip

    @guarded
    def last_hour(self) -> list[tuple[datetime, dict[str, float]]]:
        """Return the sums of all devices for each minute of the last hour in which anything was noted.

        Raises StoreUnavailableError.
        """
        since = datetime.now(timezone.utc) - timedelta(seconds=HISTORY_S)
        minutes: dict[datetime, dict[str, float]] = {}
        for note in self._database.collection("minutes").find({"minute": {"$gte": since}}).sort("minute", ASCENDING):
            sums = minutes.setdefault(note["minute"], {})
            for name, value in note.get("sums", {}).items():  # a minute in which nothing was done has none
                sums[name] = sums.get(name, 0.0) + value
        return list(minutes.items())

    @guarded
    def version(self) -> str:
        """Return MongoDB's version. Raises StoreUnavailableError."""
        return str(self._database.ready().command("buildInfo")["version"])
