"""Keeps the keys that the operator gives to authors (page keys) and to programs (API keys).

Only a hash of a key is stored; its text is shown once, when it is made. It has so many random bits that a plain hash of
it tells nothing.
"""

from __future__ import annotations

import hashlib
import re
import secrets
from datetime import datetime, timezone

from pymongo import ASCENDING
from pymongo.errors import DuplicateKeyError

from store.access import Access
from store.database import Database
from store.errors import AdministrationError, guarded
from store.rules import KEY_NAME, OPERATOR, ORIGIN, Key

TEXT = re.compile(r"(page|api)_[A-Za-z0-9_-]{22,64}")
RANDOM_BYTES = 24
KEYS_MAX = 10_000  # each web process remembers them
CPU_S_PER_HOUR_MAX = 1e9


class Keys:
    """The keys of this server."""

    def __init__(self, database: Database, access: Access) -> None:
        self._database, self._access = database, access

    @guarded
    def make(self, key: Key) -> str:
        """Store a new key and return its text, which nobody can find out later.

        Raises AdministrationError (a sentence), StoreUnavailableError.
        """
        _check(key)
        keys = self._database.durable("keys")
        if keys.count_documents({}, limit=KEYS_MAX) >= KEYS_MAX:
            raise AdministrationError(f"There are {KEYS_MAX} keys already, and no more are kept.")
        text = f"{key.kind}_{secrets.token_urlsafe(RANDOM_BYTES)}"
        try:
            keys.insert_one(
                {
                    "_id": key.name, "hash": hash_of(text), "kind": key.kind, "languages": list(key.languages),
                    "origins": list(key.origins), "cpu_s_per_hour": key.cpu_s_per_hour, "note": key.note,
                    "made": datetime.now(timezone.utc), "revoked": None,
                }
            )  # fmt: skip
        except DuplicateKeyError:
            raise AdministrationError(f"There is, or was, a key named {key.name!r}; a name is used once.") from None
        self._access.note_change()
        return text

    @guarded
    def list(self) -> list[Key]:
        """Return all keys, the revoked ones too, by name. Raises StoreUnavailableError."""
        return [Key.of(found) for found in self._database.collection("keys").find().sort("_id", ASCENDING)]

    @guarded
    def revoke(self, name: str) -> None:
        """Take a key back for good. Raises AdministrationError, StoreUnavailableError."""
        in_force = {"_id": name, "revoked": None}
        revoked = self._database.durable("keys").update_one(in_force, {"$currentDate": {"revoked": True}})
        if not revoked.matched_count:
            known = self._database.collection("keys").find_one({"_id": name}, {"_id": 1})
            raise AdministrationError(
                f"The key {name!r} was revoked before." if known else f"There is no key named {name!r}."
            )
        self._access.note_change()


def hash_of(text: str) -> str:
    """Return what is stored instead of the text of a key."""
    return hashlib.sha256(text.encode()).hexdigest()


def _check(key: Key) -> None:
    if not KEY_NAME.fullmatch(key.name) or key.name == OPERATOR:
        raise AdministrationError(
            f"{key.name!r} is no name for a key: it has at most 40 small letters, digits, '.', '_' and '-', "
            f"begins with a letter or digit, and is not {OPERATOR!r}."
        )
    for origin in key.origins:
        if not ORIGIN.fullmatch(origin):
            raise AdministrationError(f"{origin!r} is no origin: write it as https://pages.example, without a path.")
    budget = key.cpu_s_per_hour
    if budget is not None and not 0 < budget <= CPU_S_PER_HOUR_MAX:
        raise AdministrationError(
            f"A budget of {budget:g} CPU seconds an hour is none: it must be above 0, at most {CPU_S_PER_HOUR_MAX:g}."
        )
