"""Sums up who ran what, for the operator: by day, language, origin, key, client, or how it ended."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta, timezone
from typing import Any

import pymongo

from store.database import Database
from store.errors import AdministrationError, guarded

SCAN_S = 300.0  # every computation that is kept may be read
ROWS_MAX = 100_000
_FIELDS: dict[str, Any] = {
    "day": {"$dateToString": {"date": "$submitted", "format": "%Y-%m-%d"}},
    "language": "$language",
    "origin": {"$ifNull": ["$origin", ""]},
    "key": {"$ifNull": ["$key", ""]},
    "client": {"$ifNull": ["$client", ""]},
    "device": {"$ifNull": ["$device", ""]},
    "state": "$state",
    "reason": {"$ifNull": ["$reason", ""]},
}
COLUMNS = tuple(_FIELDS)
# Of devices alone: the computations of which a device was told and that another one was faster to claim, and the
# claims that it lost while it ran them.
CONFLICTS = "conflicts"
OF_CONFLICTS = {"day", "device"}
FIGURES = ("computations", "done", "failed", "cancelled", "lost", "cpu_s", "wall_s", "stored_bytes", "clients")


class Report:
    """The sums over the computations that are kept."""

    def __init__(self, database: Database) -> None:
        self._database = database

    @guarded
    def rows(self, days: float, by: Sequence[str]) -> list[dict[str, Any]]:
        """Return a row for each combination of these columns in the last days, in their order, each with FIGURES.

        By days and devices it has the conflicts, too. Raises AdministrationError, StoreUnavailableError.
        """
        unknown = [column for column in by if column not in _FIELDS]
        if unknown or not by:
            raise AdministrationError(f"The report has no column {unknown[0]!r}; there are {', '.join(COLUMNS)}."
                                      if unknown else "The report needs a column.")  # fmt: skip
        since = datetime.now(timezone.utc) - timedelta(days=days)
        own = {column: _FIELDS[column] for column in by}
        sums: dict[str, Any] = {
            "computations": {"$sum": 1},
            **{state: {"$sum": {"$cond": [{"$eq": ["$state", state]}, 1, 0]}}
               for state in ("done", "failed", "cancelled", "lost")},
            "cpu_s": {"$sum": {"$ifNull": ["$usage.cpu_s", 0]}},
            "wall_s": {"$sum": {"$ifNull": ["$usage.wall_s", 0]}},
            "stored_bytes": {"$sum": {"$ifNull": ["$stored_bytes", 0]}},
        }  # fmt: skip
        again = {name: {"$sum": f"${name}"} for name in sums}
        stages: list[dict[str, Any]] = [
            {"$match": {"submitted": {"$gte": since}}},
            # First for each client, so that the clients can be counted without a list of them.
            {"$group": {"_id": {**own, "client": "$client"}, **sums}},
            {"$group": {"_id": {column: f"$_id.{column}" for column in by}, **again, "clients": {"$sum": 1}}},
            {"$sort": {f"_id.{column}": 1 for column in by}},
            {"$limit": ROWS_MAX},
        ]
        computations = self._database.collection("computations")  # a database that is away is told before the long time
        with pymongo.timeout(SCAN_S):
            found = list(computations.aggregate(stages, allowDiskUse=True))
        rows = [{**{column: row["_id"].get(column) for column in by}, **{name: row[name] for name in FIGURES}}
                for row in found]  # fmt: skip
        return self._with_conflicts(rows, by, since) if set(by) <= OF_CONFLICTS else rows

    def _with_conflicts(self, rows: list[dict[str, Any]], by: Sequence[str], since: datetime) -> list[dict[str, Any]]:
        stages: list[dict[str, Any]] = [
            {"$match": {"minute": {"$gte": since}}},
            {"$group": {"_id": {column: f"${column}" for column in by}, "count": {"$sum": "$count"}}},
        ]
        found = self._database.collection("conflicts").aggregate(stages)
        counts = {tuple(row["_id"][column] for column in by): row["count"] for row in found}
        return [{**row, CONFLICTS: counts.get(tuple(row[column] for column in by), 0)} for row in rows]
