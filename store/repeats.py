"""Recognizes a submission that is sent again, by its idempotency key: the key belongs to the computation itself.

``once`` of a computation is ``{name, digest}``: the key's name (a hash of the key and of who may use it) and the digest
of the body that came with it. A unique index lets a name have one computation, so that a crash leaves none or a whole
one. What is deleted before its key has run out leaves its name behind, in ``deleted``.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta, timezone
from typing import Any

from pymongo import DESCENDING

from store.database import Database
from store.errors import OtherBodyError, guarded
from store.indexes import ONCE_KEPT_S
from store.models import UNREAD, Computation, Once
from store.together import Together

HASH_BYTES = 16
TOGETHER_MAX = 100  # keys that are looked for with one command
# The fields of a computation that are left of it until its key has run out.
LEFT = {"once": 1, "submitted": 1, "client": 1, "session": 1, "language": 1, "state": 1, "turn": 1}
LEFT_MAX = 20_000  # of one client and day that has too much stored: some 9 MB


@dataclass(frozen=True)
class First:
    """The computation that a key began; of one that is deleted only what ``LEFT`` names is known."""

    computation: Computation
    digest: bytes
    is_deleted: bool

    def check(self, digest: bytes) -> None:
        """Refuse another body under the same key. Raises OtherBodyError."""
        if digest != self.digest:
            raise OtherBodyError


class Repeats:
    """The keys of the last 24 hours, and the computations that they began."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._together = Together(self._find_all, TOGETHER_MAX)

    @guarded
    def find(self, once: Once) -> First | None:
        """Return what this key began, None when it is new. It outlives a crash then. Raises StoreUnavailableError."""
        return self._together.ask(once)

    def _find_all(self, onces: Sequence[Once]) -> list[First | None]:
        named = {"once.name": {"$in": [name for once in onces for name in once.names]}}
        both: list[dict[str, Any]] = [
            {"$match": named},
            {"$project": UNREAD},
            {"$unionWith": {"coll": "deleted", "pipeline": [{"$match": named}, {"$set": {"deleted": True}}]}},
        ]
        computations = self._database.collection("computations")
        since = datetime.now(timezone.utc) - timedelta(seconds=ONCE_KEPT_S)
        firsts: dict[str, First] = {}
        for found in computations.aggregate(both):
            if found["submitted"] > since:
                first = First(Computation.of(found), bytes(found["once"]["digest"]), found.get("deleted", False))
                firsts.setdefault(found["once"]["name"], first)
            else:  # the name is free again
                computations.update_one({"_id": found["_id"]}, {"$unset": {"once": ""}})
        self._wait_for_disk([first.computation.id for first in firsts.values() if not first.is_deleted])
        return [next((firsts[name] for name in once.names if name in firsts), None) for once in onces]

    def _wait_for_disk(self, ids: Sequence[str]) -> None:
        """Wait until computations are on the disk: their own requests may have ended without knowing, or wait still."""
        if ids:
            # It changes nothing; MongoDB waits for all that was written before.
            self._database.durable("computations").update_many({"_id": {"$in": list(ids)}}, {"$unset": {"nothing": ""}})


def name_of(whose: str, untrusted_key: str) -> str:
    """Return the name of a key; ``whose``: nobody else can use it, whatever key they think of."""
    return hashlib.blake2b(f"{whose}\n{untrusted_key}".encode(), digest_size=HASH_BYTES).hexdigest()


def left_of(batch: Iterable[Mapping[str, Any]], now: datetime) -> Sequence[dict[str, Any]]:
    """Return what stays of computations that are deleted: what a repeat of each is answered with."""
    since = now - timedelta(seconds=ONCE_KEPT_S)
    kept = (found for found in batch if "once" in found and found["submitted"] > since)
    return [{name: found[name] for name in ("_id", *LEFT) if name in found} for found in kept]


def bound_left(database: Database, client: str) -> None:
    """Forget what is left of a client's oldest deleted computations, beyond ``LEFT_MAX``. Raises PyMongoError."""
    left = database.collection("deleted")
    newest = left.find({"client": client}, {"submitted": 1}).sort("submitted", DESCENDING)
    for first_beyond in newest.skip(LEFT_MAX).limit(1):
        left.delete_many({"client": client, "submitted": {"$lte": first_beyond["submitted"]}})
