"""Names clients by a hash that changes every day, and counts how much each has stored.

The hash is keyed with a salt of the day, which is deleted a day after it: then nobody can tell whose hash it was.
"""

from __future__ import annotations

import hashlib
import secrets
from collections.abc import Mapping
from datetime import datetime, timedelta, timezone

from pymongo import DESCENDING, ReturnDocument, UpdateOne
from pymongo.errors import DuplicateKeyError, PyMongoError

from store.database import Database
from store.errors import ClientFullError, guarded

SALT_BYTES = 32
HASH_BYTES = 16
MIB = 1 << 20
LARGEST_MAX = 1000  # clients that are looked at in one round


class Clients:
    """The clients of a day, and what each of them has stored."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._salt: tuple[str, bytes] = ("", b"")
        self._earlier: tuple[str, bytes | None] = ("", None)  # yesterday's, with the day that it was found on

    @guarded
    def identity(self, network: str) -> str:
        """Return today's name of the client with this address or network. Raises StoreUnavailableError."""
        day = datetime.now(timezone.utc).date().isoformat()
        if self._salt[0] != day:
            self._salt = (day, self._salt_of(day))
        return _name(network, self._salt[1])

    @guarded
    def identities(self, network: str) -> tuple[str, ...]:
        """Return today's name of a client and, where it had one, yesterday's. Raises StoreUnavailableError."""
        today = self.identity(network)
        if self._earlier[0] != self._salt[0]:
            before = (datetime.fromisoformat(self._salt[0]) - timedelta(days=1)).date().isoformat()
            found = self._database.collection("salts").find_one({"_id": before})
            self._earlier = (self._salt[0], bytes(found["salt"]) if found else None)
        salt = self._earlier[1]
        return (today,) if salt is None else (today, _name(network, salt))

    def sign(self, text: str) -> str:
        """Return a signature of a text that all processes give it today, and nobody else can.

        Raises StoreUnavailableError.
        """
        return self.identity(f"\n{text}")  # no address begins so

    def names_of(self, network: str) -> list[str]:
        """Return all names that the client with this address or network has while their salts are kept.

        Raises PyMongoError.
        """
        salts = self._database.collection("salts").find()
        return [_name(network, bytes(found["salt"])) for found in salts]

    def charge(self, client: str, size_bytes: int) -> None:
        """Count what a client is about to store. Raises ClientFullError (nothing is counted), PyMongoError."""
        most = self._database.settings.client_stored_bytes_max
        if not self._add("clients", client, size_bytes, most):
            raise ClientFullError(client_full(most))

    @guarded
    def check(self, client: str, size_bytes: int) -> None:
        """Refuse what a client has no room for, before it is there. Raises ClientFullError, StoreUnavailableError."""
        most = self._database.settings.client_stored_bytes_max
        found = self._database.early("clients").find_one({"_id": client}, {"bytes": 1}) or {"bytes": 0}
        if found["bytes"] + size_bytes > most:
            raise ClientFullError(client_full(most))

    def charge_permalink(self, client: str, size_bytes: int) -> None:
        """Count what a client's new permalink takes. Raises ClientFullError (nothing is counted), PyMongoError."""
        most = self._database.settings.client_permalinks_day_bytes_max
        if not self._add("permalink_clients", client, size_bytes, most):
            raise ClientFullError(
                f"From your address permalinks of {most / MIB:g} MiB have been made today, which is as much as a day "
                "allows; try again tomorrow."
            )

    @guarded
    def count(self, changes: Mapping[str, int]) -> None:
        """Add what each client has stored, or (below 0) what of it was deleted. Raises StoreUnavailableError."""
        updates = [
            UpdateOne(
                {"_id": client},
                [{"$set": {
                    "bytes": {"$max": [0, {"$add": [{"$ifNull": ["$bytes", 0]}, change]}]},
                    "since": {"$ifNull": ["$since", "$$NOW"]},
                }}],
                upsert=change > 0,
            )
            for client, change in changes.items()
        ]  # fmt: skip
        if updates:
            self._database.early("clients").bulk_write(updates, ordered=False)

    def largest(self, least_bytes: int) -> dict[str, int]:
        """Return the clients that have more than this, and how much, the largest first. Raises PyMongoError."""
        found = self._database.collection("clients").find({"bytes": {"$gt": least_bytes}}, {"bytes": 1})
        few = found.sort("bytes", DESCENDING).limit(LARGEST_MAX)
        return {client["_id"]: int(client["bytes"]) for client in few}

    def _add(self, kind: str, id: str, size_bytes: int, most: int) -> bool:
        if size_bytes > most:
            return False
        fits = {"_id": id, "bytes": {"$lte": most - size_bytes}}
        update = {"$inc": {"bytes": size_bytes}, "$setOnInsert": {"since": datetime.now(timezone.utc)}}
        try:
            self._database.early(kind).update_one(fits, update, upsert=True)
        except DuplicateKeyError:
            return False  # the client is there already, and this does not fit
        return True

    def _salt_of(self, day: str) -> bytes:
        made = {"$setOnInsert": {"salt": secrets.token_bytes(SALT_BYTES), "made": datetime.now(timezone.utc)}}
        salts = self._database.durable("salts")
        for _ in range(2):
            try:
                found = salts.find_one_and_update(
                    {"_id": day}, made, upsert=True, return_document=ReturnDocument.AFTER
                )
            except DuplicateKeyError:
                continue  # another process made it at the same time
            if found is not None:
                return bytes(found["salt"])
        raise PyMongoError("the salt of the day cannot be made")


def _name(network: str, salt: bytes) -> str:
    return hashlib.blake2b(network.encode(), key=salt, digest_size=HASH_BYTES).hexdigest()


def client_full(most_bytes: int) -> str:
    """Return the sentence for a client that has stored as much as one client may."""
    return (
        f"What was run from your address today takes the {most_bytes / MIB:g} MiB that one address may have here; "
        "results that have ended make room in a while."
    )
