"""Keeps the kernels of Jupyter's API: each is a name for one session after another.

A kernel begins without a session, so that it costs nothing until it runs something; when its session has ended, the
next thing that it runs begins another one. What its clients have read of the session's messages is kept here, too, so
that one that comes back goes on where it was.
"""

from __future__ import annotations

import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from pymongo import DESCENDING, ReturnDocument

from store.database import Database, Documents, literals
from store.errors import OverShareError, guarded
from store.hints import Hints
from store.session_turns import SessionTurns
from store.space import Space

KERNELS_OF_CLIENT_MAX = 1000  # that one client's pages began and did not end, of a day
READERS_MAX = 32  # clients whose notebook in the messages one kernel remembers
TOO_MANY = "From your address too many kernels were begun; shut some down, or try again later."
AGAIN_S = 60.0


@dataclass(frozen=True)
class Position:
    """What a client has read: all turns before ``turn``, and of that one the messages up to ``after``."""

    turn: int = 0
    after: int = -1


@dataclass(frozen=True)
class Kernel:
    """A kernel as it was when it was read.

    ``session``: in which it runs now, None before it has run anything. ``generation`` counts its sessions.
    ``notebook``: the id of what Jupyter calls a session, a notebook or console with its ``path``, ``title`` and
    ``kind``, which the kernel belongs to; None where it belongs to none. ``read``: where its clients are, by the name
    that each gives itself. ``idle_s``: how long its session may be idle, None: as long as any.
    """

    id: str
    language: str
    name: str
    session: str | None
    generation: int
    notebook: str | None
    path: str
    title: str
    kind: str
    used: datetime
    read: dict[str, Any] = field(default_factory=dict)
    idle_s: float | None = None

    def position_of(self, reader: str) -> Position | None:
        """Return where this client was in the kernel's session, None where it has not been."""
        found = self.read.get(reader)
        if found is None or found["generation"] != self.generation:
            return None
        return Position(found["turn"], found["after"])

    def unread_of(self, reader: str) -> list[bytes]:
        """Return the messages without a position that this client has not read."""
        found = self.read.get(reader, {})
        return [bytes(message) for message in found.get("unread", [])]

    @classmethod
    def of(cls, document: Mapping[str, Any]) -> Kernel:
        """Return the kernel that this document describes."""
        # Kernels of before know no ``idle_s``.
        names = [name for name in cls.__dataclass_fields__ if name in document]
        return cls(id=document["_id"], **{name: document[name] for name in names})


class Kernels(SessionTurns):
    """The kernels, and the turns of their sessions."""

    def __init__(self, database: Database, hints: Hints, space: Space) -> None:
        super().__init__(database)
        self._hints, self._space = hints, space

    @property
    def _kernels(self) -> Documents:
        return self._database.collection("kernels")

    @guarded
    def create(
        self, language: str, name: str, client: str | None, owner: str | None, notebook: str | None = None,
        path: str = "", title: str = "", kind: str = "", idle_s: float | None = None,
    ) -> Kernel:  # fmt: skip
        """Store a new kernel; ``owner``: who may list it, None for nobody.

        Raises OverShareError, NoSpaceError, StoreUnavailableError.
        """
        self._space.check()
        own = {"client": client}
        if client and self._kernels.count_documents(own, limit=KERNELS_OF_CLIENT_MAX) == KERNELS_OF_CLIENT_MAX:
            raise OverShareError("kernels", TOO_MANY, AGAIN_S)
        given: dict[str, Any] = {
            "language": language, "name": name, "client": client, "owner": owner, "notebook": notebook, "path": path,
            "title": title, "kind": kind, "session": None, "generation": 0, "read": {}, "idle_s": idle_s,
        }  # fmt: skip
        update = [{"$set": {**literals(given), "used": "$$NOW"}}]
        stored = self._database.durable("kernels").find_one_and_update(
            {"_id": str(uuid.uuid4())}, update, upsert=True, return_document=ReturnDocument.AFTER
        )
        assert stored is not None  # an upsert returns what it stored
        return Kernel.of(stored)

    @guarded
    def get(self, id: str) -> Kernel | None:
        """Return the kernel, None when there is none. Raises StoreUnavailableError."""
        found = self._kernels.find_one({"_id": id})
        return None if found is None else Kernel.of(found)

    @guarded
    def at(self, notebook: str) -> Kernel | None:
        """Return the kernel of a session of Jupyter's, None when there is none. Raises StoreUnavailableError."""
        found = self._kernels.find_one({"notebook": notebook})
        return None if found is None else Kernel.of(found)

    @guarded
    def of_owner(self, owner: str, most: int) -> list[Kernel]:
        """Return the kernels of one owner, the newest first, without what is read of them.

        Raises StoreUnavailableError.
        """
        found = self._kernels.find({"owner": owner}, {"read": 0}).sort("used", DESCENDING).limit(most)
        return [Kernel.of(document) for document in found]

    @guarded
    def change(self, id: str, **fields: str | None) -> Kernel | None:
        """Change what a kernel is called and where it belongs. Raises StoreUnavailableError."""
        found = self._kernels.find_one_and_update(
            {"_id": id}, {"$set": fields}, return_document=ReturnDocument.AFTER
        )
        return None if found is None else Kernel.of(found)

    @guarded
    def bind(self, id: str, generation: int, session: str) -> Kernel | None:
        """Give a kernel without one its session; return the kernel, None when it has another one or has ended.

        Raises StoreUnavailableError.
        """
        free = {"_id": id, "session": None, "generation": generation}
        bound = self._database.durable("kernels").find_one_and_update(
            free, [{"$set": {**literals({"session": session}), "used": "$$NOW"}}], return_document=ReturnDocument.AFTER
        )
        return None if bound is None else Kernel.of(bound)

    @guarded
    def unbind(self, id: str, generation: int) -> Kernel | None:
        """Take a kernel's session away, if it is that of this generation; return the kernel as it is then.

        Raises StoreUnavailableError.
        """
        self._kernels.update_one(
            {"_id": id, "generation": generation},
            {"$set": {"session": None, "read": {}}, "$inc": {"generation": 1}, "$currentDate": {"used": True}},
        )
        found = self._kernels.find_one({"_id": id})
        return None if found is None else Kernel.of(found)

    @guarded
    def delete(self, id: str) -> None:
        """Forget a kernel; its session is not ended by that. Raises StoreUnavailableError."""
        self._kernels.delete_one({"_id": id})

    @guarded
    def keep_reading(self, kernel: Kernel, reader: str, position: Position, unread: Sequence[bytes]) -> None:
        """Remember what a client has read, and messages without a position that it has not.

        Raises StoreUnavailableError.
        """
        entry: dict[str, Any] = {"generation": kernel.generation, "turn": position.turn, "after": position.after}
        if unread:
            entry["unread"] = list(unread)
        crowded = reader not in kernel.read and len(kernel.read) >= READERS_MAX
        fields: dict[str, Any] = {"read": {reader: entry}} if crowded else {f"read.{reader}": entry}
        self._kernels.update_one(
            {"_id": kernel.id, "generation": kernel.generation}, {"$set": fields, "$currentDate": {"used": True}}
        )
