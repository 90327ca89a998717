"""Passes introspections from the web to a device and the replies back; both are forgotten soon after."""

from __future__ import annotations

import uuid
from collections.abc import Sequence

from pymongo import ASCENDING

from store.database import Database
from store.errors import guarded
from store.hints import Hints
from store.models import Introspection, IntrospectionReply
from store.sessions import NAMED_MAX
from store.space import Space


class Introspections:
    """The introspections: put by the web, claimed and replied to by devices.

    They are stored in the collection ``questions``.
    """

    def __init__(self, database: Database, hints: Hints, space: Space) -> None:
        self._database, self._space = database, space
        self._hints = hints

    @guarded
    def put(
        self, session: str | None, language: str, kind: str, code: str, cursor_pos: int, detail_level: int = 0
    ) -> str:
        """Store an introspection and return its id; ``session`` None means a fresh namespace.

        Raises NoSpaceError, StoreUnavailableError.
        """
        self._space.check()
        id = str(uuid.uuid4())
        self._database.collection("questions").update_one(
            {"_id": id},
            {
                "$set": {
                    "session": session, "language": language, "kind": kind, "code": code, "cursor_pos": cursor_pos,
                    "detail_level": detail_level, "state": "asked", "answer": None,
                },
                "$currentDate": {"asked": True},
            },
            upsert=True,
        )  # fmt: skip
        self._hints.announce("question", id)
        return id

    @guarded
    def claim(
        self, device: str, sessions: Sequence[str], languages: Sequence[str] | None = None
    ) -> Introspection | None:
        """Return the oldest introspection that this device may serve, now the device's; None when there is none.

        ``sessions``: those that the device holds. ``languages``: those in which it serves a fresh namespace; None means
        all. Raises StoreUnavailableError.
        """
        questions = self._database.collection("questions")
        fresh = {"session": None} if languages is None else {"session": None, "language": {"$in": list(languages)}}
        if len(sessions) > NAMED_MAX:
            asked = questions.find({"state": "asked"}, {"session": 1}).sort("asked", ASCENDING).hint("open")
            about = {question["session"] for question in asked}
            sessions = [session for session in sessions if session in about]
        found = questions.find_one_and_update(
            {"state": "asked", "$or": [{"session": {"$in": list(sessions)}}, fresh]},
            {"$set": {"state": "taken", "device": device}},
            sort=[("asked", ASCENDING)],
        )
        if found is None:
            return None
        names = [name for name in Introspection.__dataclass_fields__ if name != "id"]
        return Introspection(id=found["_id"], **{name: found[name] for name in names})

    @guarded
    def reply(self, introspection: Introspection, status: str, content: bytes = b"{}") -> None:
        """Store the reply: ``status`` is ok, busy, gone or error, ``content`` the reply's JSON text.

        Raises StoreUnavailableError.
        """
        self._database.collection("questions").update_one(
            {"_id": introspection.id, "state": "taken"},
            {"$set": {"state": "answered", "answer": {"status": status, "content": content}}},
        )
        self._hints.announce("answer", introspection.id)

    @guarded
    def reply_to(self, id: str) -> IntrospectionReply | None:
        """Return the reply, None when there is none yet. Raises StoreUnavailableError."""
        found = self._database.collection("questions").find_one({"_id": id}, {"answer": 1})
        return None if found is None or found["answer"] is None else IntrospectionReply(**found["answer"])
