"""Permalinks: code under a short id, which is made of the code, so that the same code has one permalink."""

from __future__ import annotations

import hashlib
from base64 import urlsafe_b64encode
from contextlib import suppress

from pymongo.errors import DuplicateKeyError

from store.database import Database
from store.errors import guarded
from store.records import Permalink

NO_INTERACTS = "[]"
ID_BYTES = 12  # 96 bits: 16 characters that nobody guesses who does not know the code


class Permalinks:
    """Keep code for good."""

    def __init__(self, database: Database) -> None:
        self._database = database

    @guarded
    def create(self, code: str, language: str, interacts: str = NO_INTERACTS) -> str:
        """Keep the code and return its id; when this returns, it outlives a crash. Raises StoreUnavailable."""
        kept = {"code": code, "language": language}
        if interacts != NO_INTERACTS:
            kept["interacts"] = interacts
        text = "\0".join([language, code, *([interacts] if "interacts" in kept else [])])
        id = urlsafe_b64encode(hashlib.sha256(text.encode()).digest()[:ID_BYTES]).decode()
        with suppress(DuplicateKeyError):
            self._database.durable("permalinks").insert_one({"_id": id, **kept})
        return id

    @guarded
    def get(self, id: str) -> Permalink | None:
        """Return the code with this id, None when there is none. Raises StoreUnavailable."""
        found = self._database.collection("permalinks").find_one({"_id": id})
        return (
            None if found is None else Permalink(found["code"], found["language"], found.get("interacts", NO_INTERACTS))
        )
