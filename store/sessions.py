"""Sessions: which computations share a kernel, in which order, and until when. A kept session has a document of its own.

A session that is not kept is its one computation, and is told from that.
"""

from __future__ import annotations

import uuid
from collections.abc import Mapping, Sequence
from typing import Any

from pymongo import ReturnDocument

from store.database import DURABLE, Database
from store.errors import SessionGone, UnknownSession, available
from store.hints import Hints
from store.records import Computation, Session, Submission
from store.states import OVER, Reason

ALIVE = {"state": {"$in": ["starting", "idle", "busy"]}}


class Sessions:
    """Turns, bindings to devices, and ends."""

    def __init__(self, database: Database, settings: Any, hints: Hints) -> None:
        self._database, self._settings, self._hints = database, settings, hints

    def take_turn(self, submission: Submission) -> tuple[str, int]:
        """Return the session and the turn in it of a new computation. Raises UnknownSession, SessionGone."""
        sessions = self._database.collection("sessions", DURABLE)
        if submission.session is None:
            session = str(uuid.uuid4())
            if submission.keep:
                document = {"_id": session, "language": submission.language, "state": "starting", "next_turn": 1}
                sessions.insert_one({**document, "device": None, "end_asked": False})
            return session, 0
        taken = sessions.find_one_and_update({"_id": submission.session, **ALIVE}, {"$inc": {"next_turn": 1}})
        if taken is None:
            if self.get(submission.session) is None:
                raise UnknownSession(submission.session)
            raise SessionGone(submission.session)
        return submission.session, taken["next_turn"]

    @available()
    def get(self, session_id: str) -> Session | None:
        """Return a session as it is now; None when there never was one."""
        fields = {"language": 1, "state": 1, "reason": 1}
        ran = list(
            self._database.collection("computations").find({"session": session_id}, fields).sort("turn", 1)
        )
        document = self._database.collection("sessions").find_one({"_id": session_id})
        if document is None:
            if not ran:
                return None
            states = {"queued": "starting", "running": "busy"}
            document = {
                "language": ran[0]["language"],
                "state": states.get(ran[0]["state"], "gone"),
                "reason": "session_gone" if ran[0]["state"] in OVER else None,
            }
        return Session(
            id=session_id,
            language=document["language"],
            state=document["state"],
            reason=document.get("reason"),
            expires=document.get("expires"),
            computations=tuple(computation["_id"] for computation in ran),
            end_asked=document.get("end_asked", False),
        )

    @available()
    def request_end(self, session_id: str) -> None:
        """Ask for the end of a session, whoever holds it."""
        sessions = self._database.collection("sessions", DURABLE)
        sessions.update_one({"_id": session_id, **ALIVE}, {"$set": {"end_asked": True}})
        # What it computes now is killed; a session that no device holds yet has only computations that wait.
        for document in self._database.collection("computations").find(
            {"session": session_id, "state": {"$in": ["queued", "running"]}}, {"_id": 1}
        ):
            self._database.collection("computations", DURABLE).update_one({"_id": document["_id"]}, {"$set": {"cancel": True}})
        self._hints.announce("wish", session_id)

    # --- devices ------------------------------------------------------------------------------------------------
    def bind(self, computation: Computation, device: str) -> None:
        """Note that a device runs a turn of a session."""
        if computation.keep or computation.turn:
            self._change(computation.session, {"state": "busy", "device": {"$literal": device}, "lease_until": self._lease()})

    def unbind(self, session_id: str) -> None:
        """Note that no device holds a session; its first turn is tried again."""
        self._change(session_id, {"state": "starting", "device": None})

    def turn_over(self, computation: Computation) -> None:
        """Note that a turn has ended: the session is idle, or gone after a turn that does not keep it."""
        if computation.keep:
            idle_ms = int(self._settings.session_idle_s * 1000)
            self._change(computation.session, {"state": "idle", "expires": {"$add": ["$$NOW", idle_ms]}})

    @available()
    def renew(self, sessions: Sequence[str]) -> list[str]:
        """Renew the leases of sessions that a device holds; return those whose end was asked for."""
        if not sessions:
            return []
        held = {"_id": {"$in": list(sessions)}}
        collection = self._database.collection("sessions")
        collection.update_many({**held, **ALIVE}, [{"$set": {"lease_until": self._lease()}}])
        return [document["_id"] for document in collection.find({**held, "end_asked": True}, {"_id": 1})]

    @available()
    def end(self, session_id: str, reason: Reason) -> None:
        """Note that a session is gone."""
        self._change(session_id, {"state": "gone", "reason": reason, "ended": "$$NOW"})

    @available()
    def overdue(self) -> list[str]:
        """Return the sessions whose device has not renewed them in time."""
        late = {**ALIVE, "$expr": {"$and": [{"$ne": ["$device", None]}, {"$lt": ["$lease_until", "$$NOW"]}]}}
        return [document["_id"] for document in self._database.collection("sessions").find(late, {"_id": 1})]

    def _change(self, session_id: str, fields: Mapping[str, Any]) -> Mapping[str, Any] | None:
        return self._database.collection("sessions").find_one_and_update(
            {"_id": session_id, **ALIVE}, [{"$set": dict(fields)}], return_document=ReturnDocument.AFTER
        )

    def _lease(self) -> dict[str, Any]:
        return {"$add": ["$$NOW", int(self._settings.lease_s * 1000)]}
