"""Keeps a trail of what the operator did: who, when, what, why, and what came of it."""

from __future__ import annotations

import getpass
import os
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime, timezone
from typing import Any

from bson import ObjectId
from pymongo import DESCENDING

from store.database import Database
from store.errors import StoreError, guarded, mongo_errors

UNKNOWN = "unknown: the command did not come to its end"


@dataclass(frozen=True)
class Deed:
    """One deed of the operator. ``who``: the Unix account, and the host on which it was done."""

    at: datetime
    who: str
    action: str
    subject: str
    reason: str
    outcome: str


class Audit:
    """The deeds of the operator, the newest first; they are kept for ``store.indexes.AUDIT_KEPT_S``."""

    def __init__(self, database: Database) -> None:
        self._database = database

    @contextmanager
    def deed(self, action: str, subject: str, reason: str) -> Iterator[list[str]]:
        """Note a deed before it is done in the block, and what the block said of its outcome after it.

        Raises StoreUnavailableError: then nothing may be done, for nobody would know of it.
        """
        who = f"{os.environ.get('SUDO_USER') or _account()}@{socket.gethostname()}"
        id, said = ObjectId(), list[str]()
        deed: dict[str, Any] = {"_id": id, "at": datetime.now(timezone.utc), "who": who, "action": action,
                                "subject": subject, "reason": reason, "outcome": UNKNOWN}  # fmt: skip
        with mongo_errors():
            self._database.durable("audit").insert_one(deed)
        try:
            yield said
        except StoreError as error:
            self._note(id, f"failed: {error}")
            raise
        self._note(id, "; ".join(said) or "done")

    @guarded
    def list(self, count: int) -> list[Deed]:
        """Return the last deeds, at most so many. Raises StoreUnavailableError."""
        found = self._database.collection("audit").find({}, {"_id": 0}).sort("_id", DESCENDING).limit(count)
        return [Deed(**deed) for deed in found]

    def _note(self, id: ObjectId, outcome: str) -> None:
        with mongo_errors():
            self._database.durable("audit").update_one({"_id": id}, {"$set": {"outcome": outcome}})


def _account() -> str:
    try:
        return getpass.getuser()
    except (KeyError, OSError):  # of an account without a name
        return str(os.getuid())
