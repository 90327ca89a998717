"""Reads the turns of a session, as a kernel of Jupyter's API follows them."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import closing
from dataclasses import dataclass
from typing import Any

from pymongo import ASCENDING, DESCENDING

from store.database import Database
from store.errors import guarded
from store.states import OVER

CODES_CHARS_MAX, CODES_AT_ONCE = 1 << 20, 20  # of what a session has run, as its clients ask for it


@dataclass(frozen=True)
class Turn:
    """A turn of a kernel's session. ``asked``: what its client said of it (``web/doors/kernels_asked.py``)."""

    id: str
    turn: int
    is_over: bool
    asking: bool
    sequence: int
    asked: bytes | None


class SessionTurns:
    """The turns of sessions, for who reads them one after the other."""

    def __init__(self, database: Database) -> None:
        self._database = database

    @guarded
    def turns(self, session: str, first: int, most: int) -> list[Turn]:
        """Return the turns of a session from this one on, in order, so many at most. Raises StoreUnavailableError."""
        fields = {"turn": 1, "state": 1, "asking": 1, "sequence": 1, "asked": 1}
        found = self._database.collection("computations").find(
            {"session": session, "turn": {"$gte": first}}, fields
        ).sort("turn", ASCENDING).limit(most)  # fmt: skip
        return [_turn(document) for document in found]

    @guarded
    def last_turns(self, session: str, most: int) -> list[Turn]:
        """Return the last turns of a session, the last one first. Raises StoreUnavailableError."""
        fields = {"turn": 1, "state": 1, "asking": 1, "sequence": 1, "asked": 1}
        found = self._database.collection("computations").find({"session": session}, fields)
        return [_turn(document) for document in found.sort("turn", DESCENDING).limit(most)]

    @guarded
    def codes(self, session: str, most: int) -> list[tuple[int, str]]:
        """Return turn and code of what a session has run last, the oldest first, of CODES_CHARS_MAX at most.

        Raises StoreUnavailableError.
        """
        ran = {"session": session, "message": None}
        found = self._database.collection("computations").find(ran, {"turn": 1, "code": 1})
        last: list[tuple[int, str]] = []
        chars = 0
        with closing(found.sort("turn", DESCENDING).limit(most).batch_size(CODES_AT_ONCE)) as documents:
            for document in documents:
                chars += len(document["code"])
                if chars > CODES_CHARS_MAX:
                    break
                last.append((document["turn"], document["code"]))
        return last[::-1]

    @guarded
    def has_ended(self, session: str) -> bool:
        """Return whether a session has no kernel any more. Raises StoreUnavailableError."""
        gone = {"_id": session, "$or": [{"state": "gone"}, {"end_requested": True}]}
        return self._database.collection("sessions").find_one(gone, {"_id": 1}) is not None


def _turn(document: Mapping[str, Any]) -> Turn:
    asked = document.get("asked")
    return Turn(
        document["_id"], document["turn"], document["state"] in OVER, bool(document.get("asking")),
        document["sequence"], None if asked is None else bytes(asked),
    )  # fmt: skip
