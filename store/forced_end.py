"""Ends that no device writes: the computation's last move and what makes its conversation whole, in one update.

What is said here lies in the computation itself, not in a batch: there is no moment in which the one is stored without
the other, and nothing that a device of an earlier claim still writes can take its place.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import msgspec

from contract import Reason
from jupyter import MessageMaker, closing
from store.database import Database
from store.messages import Messages, numbered
from store.states import Move, entering, leaving

# What is needed of a computation to end it; of a comm message no more than its type, for it may be long.
NEEDED = {
    "session": 1, "turn": 1, "keep": 1, "language": 1, "attempt": 1, "sequence": 1, "bounds": 1, "token": 1,
    "wishes": 1, "message.msg_type": 1,
}  # fmt: skip


# What is read of a message.
class _Header(msgspec.Struct):
    msg_type: str


class _Content(msgspec.Struct):
    execution_state: str = ""
    execution_count: int | None = None


class _Said(msgspec.Struct):
    header: _Header
    content: _Content


_said = msgspec.json.Decoder(_Said)


def end(
    database: Database,
    document: Mapping[str, Any],
    move: Move,
    reason: Reason,
    condition: Mapping[str, Any] | None = None,
) -> bool:
    """End a computation as it was when it was read; False when it has moved on meanwhile. Raises PyMongoError."""
    attempts = len(document["bounds"])
    said = list(numbered(_unsaid(database, document, reason), document["sequence"] + 1, max(1, attempts)))
    # Another claim, or more messages of this one, change one of these.
    unchanged = {"_id": document["_id"], **{name: document[name] for name in ("token", "attempt", "sequence")}}
    update = {
        "$set": {**entering(move, reason), "closing": said, "sequence": document["sequence"] + len(said)},
        "$currentDate": {"finished": True},
        "$inc": {"stored_bytes": sum(map(len, said))},
    }
    computations = database.durable("computations")
    return computations.update_one({**(condition or {}), **unchanged, **leaving(move)}, update).matched_count == 1


def _unsaid(database: Database, document: Mapping[str, Any], reason: Reason) -> Iterator[bytes]:
    """Yield the messages that the conversation lacks."""
    first, last = Messages(database).edges(document)
    latest = _said.decode(last) if last is not None else None
    if latest is not None and latest.content.execution_state == "idle":
        return
    comm = document.get("message")
    counts = (_said.decode(text).content.execution_count for text in first)
    words = closing(
        reason,
        database.settings.of_language(document["language"]),
        began=latest is not None,
        replied=latest is not None and latest.header.msg_type == "execute_reply",  # nothing but idle may follow it
        execution_count=None if comm else next((count for count in counts if count is not None), 0),
    )
    # One attempt more than there were: its ids are nobody else's.
    maker = MessageMaker(document["_id"], document["session"], len(document["bounds"]) + 1, comm)
    for msg_type, content in words:
        yield maker.text(msg_type, content)
