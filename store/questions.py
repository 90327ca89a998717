"""Questions about code, from the web to a device and back. They live for a minute."""

from __future__ import annotations

import uuid
from collections.abc import Sequence

from store.database import Database
from store.errors import available
from store.hints import Hints
from store.records import Question, Reply


class Questions:
    """A small collection with a time to live."""

    def __init__(self, database: Database, hints: Hints) -> None:
        self._database, self._hints = database, hints

    @available()
    def put(
        self, session: str | None, language: str, kind: str, code: str, cursor_pos: int, detail_level: int = 0
    ) -> str:
        """Ask; return the question's id, under which the answer is announced."""
        question = str(uuid.uuid4())
        document = {
            "session": session, "language": language, "kind": kind, "code": code,
            "cursor_pos": cursor_pos, "detail_level": detail_level, "device": None, "reply": None,
        }  # fmt: skip
        change = {"$setOnInsert": document, "$currentDate": {"asked": True}}
        self._database.collection("questions").update_one({"_id": question}, change, upsert=True)
        self._hints.announce("question", question)
        return question

    @available()
    def claim(self, device: str, sessions: Sequence[str]) -> Question | None:
        """Take the oldest question for one of these sessions or for a fresh namespace."""
        document = self._database.collection("questions").find_one_and_update(
            {"device": None, "session": {"$in": [None, *sessions]}}, {"$set": {"device": device}}, sort=[("asked", 1)]
        )
        if document is None:
            return None
        fields = ("session", "language", "kind", "code", "cursor_pos", "detail_level")
        return Question(document["_id"], *(document[field] for field in fields))

    @available()
    def answer(self, question: Question, status: str, content: bytes) -> None:
        """Answer a question that was claimed. ``content``: JSON."""
        change = {"$set": {"reply": {"status": status, "content": content}}}
        self._database.collection("questions").update_one({"_id": question.id}, change)
        self._hints.announce("question", question.id)

    @available()
    def answer_of(self, question: str) -> Reply | None:
        """Return what came of a question so far."""
        document = self._database.collection("questions").find_one({"_id": question}, {"reply": 1})
        reply = document and document["reply"]
        return Reply(reply["status"], bytes(reply["content"])) if reply else None
