"""Keeps code under short ids; an id is a hash of the code, so that the same code has one permalink.

Number and bytes of all permalinks are bounded: those that nobody has used for longest make room for a new one.
"""

from __future__ import annotations

import hashlib
from base64 import urlsafe_b64encode
from contextlib import suppress
from datetime import datetime, timedelta, timezone
from typing import Any

from pymongo import ASCENDING
from pymongo.errors import DuplicateKeyError

from store.clients import Clients
from store.database import Database
from store.errors import RemovedError, guarded
from store.models import Permalink
from store.space import Space

NO_INTERACTS = "[]"
ID_BYTES = 12  # 96 bits, 16 characters: nobody guesses it who does not know the code
DOCUMENT_BYTES = 256  # what a permalink takes beside its texts, with its entries in the indexes
USED_EACH = timedelta(days=1)  # the note of the last use is as exact as this
AT_ONCE = 500  # permalinks that are deleted in one round


class Permalinks:
    """The permalinks, kept until there is no room for them."""

    def __init__(self, database: Database, space: Space, clients: Clients) -> None:
        self._database, self._space, self._clients = database, space, clients

    @guarded
    def create(
        self, code: str, language: str, interacts: str = NO_INTERACTS, client: str | None = None, setup: str = ""
    ) -> str:
        """Keep the code and return its id; when this returns, the code outlives a crash.

        ``client``: for whom it is counted. Raises NoSpaceError, ClientFullError, RemovedError, StoreUnavailableError.
        """
        kept = {"code": code, "language": language}
        if interacts != NO_INTERACTS:
            kept["interacts"] = interacts
        if setup:
            kept["setup"] = setup
        # Older ids are hashes of the two or three texts that there were.
        rest = [interacts, setup] if setup else [interacts] if "interacts" in kept else []
        text = "\0".join([language, code, *rest])
        id = urlsafe_b64encode(hashlib.sha256(text.encode()).digest()[:ID_BYTES]).decode()
        if self._use(id) is not None:
            return id
        self._space.check()
        size_bytes = DOCUMENT_BYTES + sum(len(value.encode()) for value in kept.values())
        if client is not None:
            self._clients.charge_permalink(client, size_bytes)
        self._make_room(size_bytes)
        with suppress(DuplicateKeyError):  # another process made it at the same time
            used = {"bytes": size_bytes, "used": datetime.now(timezone.utc), "client": client}
            self._database.durable("permalinks").insert_one({"_id": id, **kept, **used})
        return id

    @guarded
    def get(self, id: str) -> Permalink | None:
        """Return the code with this id, None when there is none. Raises RemovedError, StoreUnavailableError."""
        found = self._use(id)
        if found is None:
            return None
        interacts, setup = found.get("interacts", NO_INTERACTS), found.get("setup", "")
        return Permalink(found["code"], found["language"], interacts, setup)

    def _use(self, id: str) -> dict[str, Any] | None:
        """Return the document with this id, and note the day of its use. Raises RemovedError."""
        permalinks = self._database.collection("permalinks")
        found = permalinks.find_one({"_id": id})
        if found is not None and "removed" in found:
            raise RemovedError
        # A permalink of an older server has no time of use.
        now = datetime.now(timezone.utc)
        if found is not None and ("used" not in found or now - found["used"] > USED_EACH):
            self._database.early("permalinks").update_one({"_id": id}, {"$currentDate": {"used": True}})
        return found

    def _make_room(self, size_bytes: int) -> None:
        """Delete the permalinks that were used longest ago until one of this size fits."""
        settings, permalinks = self._database.settings, self._database.collection("permalinks")
        count, total_bytes = self._space.permalinks()
        too_many = count + 1 - settings.permalinks_max
        too_large = total_bytes + size_bytes - settings.permalinks_bytes_max
        while too_many > 0 or too_large > 0:
            oldest = permalinks.find({}, {"bytes": {"$bsonSize": "$$ROOT"}}).sort("used", ASCENDING).limit(AT_ONCE)
            ids = []
            for permalink in oldest:
                if too_many <= 0 and too_large <= 0:
                    break
                ids.append(permalink["_id"])
                too_many, too_large = too_many - 1, too_large - permalink["bytes"]
            if not ids:
                return
            permalinks.delete_many({"_id": {"$in": ids}})
