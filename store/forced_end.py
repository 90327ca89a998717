"""Ends the computations whose end no device stores: cancelled in the queue, their device dead, their session gone.

One update stores the end and the messages that make the conversation whole. These lie in the computation itself, not in
a batch: at no moment is one stored without the other, and no late write by the device of an earlier claim can replace
them.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import msgspec
from pymongo import ASCENDING

from contract import Reason
from jupyter import MessageMaker
from jupyter import closing as closing_messages
from store.database import Database
from store.figures import OURS
from store.hints import Hints
from store.lanes import Lanes
from store.messages import Messages, numbered
from store.states import MOVES, Move, entering, leaving

# The fields of a computation that its end needs; of a comm message only the type, for the rest may be long.
NEEDED = {
    "session": 1, "turn": 1, "keep": 1, "language": 1, "attempt": 1, "sequence": 1, "bounds": 1, "token": 1,
    "wishes": 1, "message.msg_type": 1, "lane": 1, "handed_back": 1, "company": 1,
}  # fmt: skip


class _Header(msgspec.Struct):
    """The part of a message's header that is read here."""

    msg_type: str


class _Content(msgspec.Struct):
    """The part of a message's content that is read here."""

    execution_state: str = ""
    execution_count: int | None = None


class _Message(msgspec.Struct):
    """A stored message."""

    header: _Header
    content: _Content


_decoder = msgspec.json.Decoder(_Message)


class ForcedEnds:
    """The writer of ends that no device stores."""

    def __init__(self, database: Database, hints: Hints, lanes: Lanes) -> None:
        self._database, self._hints, self._lanes = database, hints, lanes

    def end(
        self, document: Mapping[str, Any], move: Move, reason: Reason, condition: Mapping[str, Any] | None = None
    ) -> bool:
        """End a computation as it was when it was read; return False when it has moved on meanwhile.

        ``document``: what NEEDED reads of it. Raises PyMongoError.
        """
        attempts = len(document["bounds"])
        closing = list(numbered(self._missing(document, reason), document["sequence"] + 1, max(1, attempts)))
        # Another claim, or more messages of this one, would have changed one of these.
        unchanged = {"_id": document["_id"], **{name: document[name] for name in ("token", "attempt", "sequence")}}
        update = {
            "$set": {**entering(move, reason), "closing": closing, "sequence": document["sequence"] + len(closing)},
            "$currentDate": {"finished": True},
            "$inc": {"stored_bytes": sum(map(len, closing))},
        }
        computations = self._database.durable("computations")
        if not computations.update_one({**(condition or {}), **unchanged, **leaving(move)}, update).matched_count:
            return False
        if move in ("withdraw", "abandon"):
            self._lanes.move_up(document.get("lane"))
        OURS.count_end(document["language"], MOVES[move][1], reason)
        self._hints.announce("news", document["_id"])
        return True

    def end_queued_turns(self, session: str, move: Move, reason: Reason) -> None:
        """End every turn of the session that still waits. Raises PyMongoError."""
        computations = self._database.collection("computations")
        # One by one: a turn that is submitted meanwhile is found too.
        while True:
            waiting = {"session": session, **leaving(move)}
            document = computations.find_one(waiting, NEEDED, sort=[("submitted", ASCENDING)])
            if document is None:
                return
            self.end(document, move, reason)

    def _missing(self, document: Mapping[str, Any], reason: Reason) -> Iterator[bytes]:
        """Yield the messages that the conversation lacks to be whole."""
        first, last = Messages(self._database).edges(document)
        latest = _decoder.decode(last) if last is not None else None
        if latest is not None and latest.content.execution_state == "idle":
            return
        comm = document.get("message")
        counts = (_decoder.decode(text).content.execution_count for text in first)
        contents = closing_messages(
            reason,
            self._database.settings.of_language(document["language"]),
            began=latest is not None,
            replied=latest is not None and latest.header.msg_type == "execute_reply",  # only idle may follow it
            execution_count=None if comm else next((count for count in counts if count is not None), 0),
        )
        # The attempt after the last one: no other message has its ids.
        maker = MessageMaker(document["_id"], document["session"], len(document["bounds"]) + 1, comm)
        for msg_type, content in contents:
            yield maker.text(msg_type, content)
