"""Finds sessions that no device holds any more, and turns that wait for such ones."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta

from store.database import Database, Documents
from store.even_time import Moment
from store.sessions import Sessions
from store.states import OVER


class Orphans:
    """The finder of sessions that are to end because nobody has them."""

    def __init__(self, database: Database, sessions: Sessions) -> None:
        self._database, self._sessions = database, sessions

    @property
    def _held(self) -> Documents:
        return self._database.collection("sessions")

    def find(self, moment: Moment, reported: Mapping[str, datetime]) -> list[str]:
        """Return the sessions whose device has not reported for ``lease_s``, and that no other device inherits now.

        For those that one may inherit that is ``session_grace_s`` more. ``reported``: when each device did last. Raises
        PyMongoError.
        """
        grace = moment.lease + timedelta(seconds=self._database.settings.session_grace_s)
        located = {"location": {"$exists": True}, "device": {"$nin": _heard(moment, reported, grace)}}
        others = {"location": {"$exists": False}, "device": {"$nin": _heard(moment, reported, moment.lease)}}
        unused = moment.past("used", moment.lease)
        left = {"state": {"$in": ["idle", "busy"]}, "$and": [{"$or": [located, others]}, unused]}
        held = self._held.find(left, {"_id": 1})
        # A computation that runs has a lease of its own, and a first turn that waits will bind the session anew.
        return [found["_id"] for found in held if not self._sessions.computes(found["_id"])]

    def stranded(self) -> list[str]:
        """Return the sessions that have ended, but whose queued turns nobody has ended. Raises PyMongoError."""
        computations = self._database.collection("computations")
        queued = computations.find({"state": "queued", "turn": {"$gt": 0}}, {"session": 1}).hint("next_turns")
        waiting = sorted({found["session"] for found in queued})
        if not waiting:
            return []
        held = {found["_id"]: found["state"] for found in
                self._held.find({"_id": {"$in": waiting}}, {"state": 1})}  # fmt: skip
        first = {"session": {"$in": waiting}, "turn": 0, "state": {"$in": sorted(OVER)}}
        begun = {found["session"] for found in computations.find(first, {"session": 1})}
        return [id for id in waiting if held.get(id) == "gone" or (id not in held and id in begun)]


def _heard(moment: Moment, reported: Mapping[str, datetime], age: timedelta) -> list[str]:
    """Return the devices that have reported within this time."""
    return [device for device, at in reported.items() if not moment.is_past(at, age)]
