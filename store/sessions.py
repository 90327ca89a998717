"""Knows which device holds which session's kernel, and until when.

Only a session that outlives a computation has a document of its own, from the moment when a device binds it until its
retention ends. All else follows from its computations: a session is starting before the first one runs, and one that is
not kept lives as long as its only computation.
"""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress
from dataclasses import asdict
from typing import Any

from pymongo import ASCENDING
from pymongo.errors import DuplicateKeyError

from contract import Reason
from store.database import Database, literals
from store.errors import guarded
from store.forced_end import ForcedEnds
from store.hints import Hints
from store.models import Claim, Location, Session

# A query does not name more sessions than these: then it looks at all that waits for any session, which is little.
NAMED_MAX = 16
_LISTED = {"turn": 1, "language": 1, "state": 1, "reason": 1, "submitted": 1}
_DERIVED = {"queued": "starting", "running": "busy"}


class Sessions:
    """The sessions: looked at by clients, bound and ended by devices."""

    def __init__(self, database: Database, hints: Hints, forced_ends: ForcedEnds) -> None:
        self._database = database
        self._hints, self._forced_ends = hints, forced_ends

    @guarded
    def get(self, id: str) -> Session | None:
        """Return the session, None when there is none. Raises StoreUnavailableError."""
        turns = self._turns(id)
        if not turns:
            return None
        first = turns[0]
        document = self._database.collection("sessions").find_one({"_id": id}) or {
            "state": _DERIVED.get(first["state"], "gone"),
            "reason": first["reason"],
            "created": first["submitted"],
        }
        return Session(
            id=id,
            language=first["language"],
            state=document["state"],
            reason=document["reason"],
            device=document.get("device"),
            created=document.get("created") or first["submitted"],
            expires=document.get("expires") if document["state"] == "idle" else None,
            computations=[turn["_id"] for turn in turns],
        )

    @guarded
    def touch(self, id: str) -> None:
        """Let an idle session live on as if it had just computed. Raises StoreUnavailableError."""
        self._database.collection("sessions").update_one({"_id": id, "state": "idle"}, [{"$set": self._idle()}])

    @guarded
    def request_end(self, id: str) -> None:
        """Ask for the end of a session and of what it computes; a session that has not started ends at once.

        Raises StoreUnavailableError.
        """
        held = self._database.collection("sessions").find_one_and_update(
            {"_id": id, "state": {"$ne": "gone"}}, {"$set": {"end_requested": True}}, {"_id": 1}
        )
        computations = self._database.collection("computations")
        running = computations.find_one_and_update(
            {"session": id, "state": "running"}, {"$set": {"wishes.cancel": True}}, {"_id": 1}
        )
        if running is not None:
            self._hints.announce("wish", running["_id"])
        if held is not None:
            self._hints.announce("wish", id)
        elif running is None:
            self._mark_gone(id, "cancelled")
            self._forced_ends.end_queued_turns(id, "withdraw", "cancelled")

    @guarded
    def ending(self, device: str) -> list[str]:
        """Return the sessions of this device that shall end. Raises StoreUnavailableError."""
        found = self._database.collection("sessions").find(
            {"device": device, "state": {"$in": ["idle", "busy"]}, "end_requested": True}, {"_id": 1}
        ).hint("ending")
        return [session["_id"] for session in found]

    @guarded
    def end(self, id: str, reason: Reason = "session_gone", *, of_device: str | None = None) -> None:
        """Note that the session has no kernel any more; its queued turns fail.

        ``of_device``: only if this device has it; another one may have inherited it. Raises StoreUnavailableError.
        """
        if not self._mark_gone(id, reason, of_device):
            return
        self._forced_ends.end_queued_turns(id, "abandon", "session_gone")
        self._hints.announce("news", id)

    def bind(self, claim: Claim) -> bool:
        """Bind the session of a first turn to its device; return False when it has ended. Raises PyMongoError."""
        try:
            self._database.collection("sessions").update_one(
                {"_id": claim.session, "state": {"$ne": "gone"}},
                [{"$set": {
                    **literals({"device": claim.device, "language": claim.language, "token": claim.token}),
                    "state": "busy", "reason": None, "created": "$$NOW", "used": "$$NOW", "expires": None,
                }}],
                upsert=True,
            )  # fmt: skip
        except DuplicateKeyError:
            return False
        return True

    def lock(self, id: str, device: str) -> bool:
        """Make an idle session of this device busy; return False when it is not one. Raises PyMongoError."""
        mine: dict[str, Any] = {"_id": id, "device": device, "end_requested": {"$ne": True}}
        update = [{"$set": {"state": "busy", "used": "$$NOW"}}]
        # The claim that follows waits for the disk.
        sessions = self._database.early("sessions")
        if sessions.update_one({**mine, "state": "idle"}, update).modified_count == 1:
            return True
        if self.computes(id):
            return False
        # A crash of MongoDB may have forgotten that it is idle. Who has just locked it, to claim a turn, used it now.
        age_ms = {"$abs": {"$subtract": ["$$NOW", "$used"]}}
        unused = {"$expr": {"$gte": [age_ms, _ms(self._database.settings.lease_s)]}}
        return sessions.update_one({**mine, "state": "busy", **unused}, update).modified_count == 1

    def unlock(self, id: str, device: str, location: Location | None = None) -> None:
        """Make a busy session of this device idle, and note where it is held if that is told. Raises PyMongoError."""
        busy = {"_id": id, "device": device, "state": "busy"}
        told = literals({"location": asdict(location)}) if location is not None else {}
        # That it is idle may be forgotten in a crash (``lock``); where it is held is needed after one.
        sessions = self._database.durable("sessions") if told else self._database.early("sessions")
        sessions.update_one(busy, [{"$set": {**self._idle(), **told}}])

    def unbind(self, id: str, token: str) -> None:
        """Undo the binding of a session, so that its first turn may run again elsewhere. Raises PyMongoError."""
        self._database.collection("sessions").delete_one({"_id": id, "token": token, "state": {"$ne": "gone"}})

    def computes(self, id: str) -> bool:
        """Return whether something runs in the session, or its first turn waits. Raises PyMongoError."""
        alive = {"session": id, "$or": [{"state": "running"}, {"state": "queued", "turn": 0}]}
        return self._database.collection("computations").find_one(alive, {"_id": 1}) is not None

    def _turns(self, id: str) -> Sequence[dict[str, Any]]:
        found = self._database.collection("computations").find({"session": id}, _LISTED)
        return list(found.sort([("turn", ASCENDING)]))

    def _idle(self) -> dict[str, Any]:
        idle_end = {"$add": ["$$NOW", self._limit_ms("session_idle_s")]}
        life_end = {"$add": ["$created", self._limit_ms("session_life_s")]}
        return {"state": "idle", "used": "$$NOW", "expires": {"$min": [idle_end, life_end]}}

    def _limit_ms(self, name: str) -> dict[str, Any]:
        """Return the expression of a limit in seconds, for the session's language, in milliseconds."""
        settings = self._database.settings
        branches = [
            {"case": {"$eq": ["$language", language]}, "then": _ms(getattr(settings.of_language(language), name))}
            for language in settings.languages
        ]
        return {"$switch": {"branches": branches, "default": _ms(getattr(settings, name))}}

    def _mark_gone(self, id: str, reason: Reason, of_device: str | None = None) -> bool:
        """Note that a session is gone; return False when it is not, because another device than this one has it."""
        turns = self._turns(id)
        if not turns:
            return True
        gone = {"state": "gone", "reason": reason}
        with suppress(DuplicateKeyError):  # it has ended already and keeps its first reason, or another device has it
            self._database.durable("sessions").update_one(
                {"_id": id, "state": {"$ne": "gone"}, **({"device": of_device} if of_device else {})},
                {
                    "$set": gone,
                    "$setOnInsert": {"language": turns[0]["language"], "created": turns[0]["submitted"]},
                    "$currentDate": {"ended": True},
                    "$unset": {"location": True, "end_requested": True},
                },
                upsert=True,
            )
            return True
        if of_device is None:
            return True
        others = {"_id": id, "state": {"$ne": "gone"}, "device": {"$ne": of_device}}
        return self._database.collection("sessions").find_one(others, {"_id": 1}) is None


def _ms(seconds: float) -> int:
    return int(seconds * 1000)
