"""Hands the kept sessions of a device that has gone on to the next one, with all that it must know of them.

A session belongs to one device at a time: one update changes that, and each write of the device before it holds only as
long as the session is its own. So the two cannot both have it, whatever the first still does.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from store.database import Database
from store.errors import guarded
from store.forced_end import NEEDED, ForcedEnds
from store.models import KeptSession, Location
from store.sessions import Sessions

_ALIVE = {"$in": ["idle", "busy"]}


class Inheritances:
    """The devices' door to kept sessions of devices that have gone."""

    def __init__(self, database: Database, sessions: Sessions, forced_ends: ForcedEnds) -> None:
        self._database, self._sessions, self._forced_ends = database, sessions, forced_ends

    @guarded
    def find(self, account: str) -> list[KeptSession]:
        """Return the kept sessions that are held in an account, by whatever device, the one used last first.

        Their supervisors know whether those devices have gone. Raises StoreUnavailableError.
        """
        held: list[dict[str, Any]] = [
            {"$match": {"location.account": account, "state": _ALIVE, "end_requested": {"$ne": True}}},
            {"$sort": {"used": -1}},
            {"$set": {"age_ms": {"$subtract": ["$$NOW", "$created"]}, "idle_ms": {"$subtract": ["$$NOW", "$used"]}}},
        ]
        return [
            KeptSession(
                one["_id"], one["language"], Location(**one["location"]), one["age_ms"] / 1000, one["idle_ms"] / 1000
            )
            for one in self._database.collection("sessions").aggregate(held)
        ]

    @guarded
    def take(self, device: str, kept: Sequence[KeptSession]) -> set[str]:
        """Give kept sessions to a device; return the ids of those that it has from now on.

        What ran in one of them ends as ``lost``, once: how far it came nobody knows, so it does not run again. May be
        called again after StoreUnavailableError, which it raises.
        """
        ids, keys = [one.id for one in kept], sorted({one.location.key for one in kept})
        sessions, computations = self._database.durable("sessions"), self._database.collection("computations")
        mine = {"_id": {"$in": ids}, "location.key": {"$in": keys}, "state": _ALIVE}
        sessions.update_many(mine, {"$set": {"device": device}})
        for document in list(computations.find({"session": {"$in": ids}, "state": "running"}, NEEDED)):
            if document["turn"] > 0:
                self._forced_ends.end(document, "lose", "lost")
        for id in ids:
            self._sessions.unlock(id, device)
        return {one["_id"] for one in sessions.find({**mine, "device": device}, {"_id": 1})}
