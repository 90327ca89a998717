"""Keeps the checks that authors publish: code that judges answers, known to pages by its id alone."""

from __future__ import annotations

import hashlib
import uuid
from contextlib import suppress
from datetime import datetime, timezone

from pymongo import ASCENDING
from pymongo.errors import DuplicateKeyError

from store.database import Database
from store.errors import ChecksFullError, guarded
from store.models import Check, Document
from store.space import Space


class Checks:
    """The published checks, kept until somebody deletes them."""

    def __init__(self, database: Database, space: Space) -> None:
        self._database, self._space = database, space

    @guarded
    def publish(self, language: str, source: str) -> Check:
        """Keep a check and return it; the same text has the same id, however often it is published.

        When this returns, the check outlives a crash. Raises ChecksFullError, NoSpaceError, StoreUnavailableError.
        """
        # The id is random: who has a page cannot find out by guessing what its check says.
        digest = hashlib.sha256(f"{language}\0{source}".encode()).digest()
        checks, most = self._database.durable("checks"), self._database.settings.checks_max
        found = checks.find_one({"digest": digest})
        if found is None:
            self._space.check()
            if checks.estimated_document_count() >= most:
                raise ChecksFullError(f"{most} checks are published already; its operator can delete some.")
            new = {"_id": str(uuid.uuid4()), "language": language, "source": source,
                   "published": datetime.now(timezone.utc)}  # fmt: skip
            with suppress(DuplicateKeyError):  # another process published it at the same time
                checks.insert_one({**new, "digest": digest})
            found = checks.find_one({"digest": digest}) or new
        return _check(found)

    @guarded
    def get(self, id: str) -> Check | None:
        """Return the check with this id, None when there is none. Raises StoreUnavailableError."""
        found = self._database.collection("checks").find_one({"_id": id})
        return None if found is None else _check(found)

    @guarded
    def all(self) -> list[Check]:
        """Return all checks without their sources, the oldest first. Raises StoreUnavailableError."""
        found = self._database.collection("checks").find({}, {"source": 0}).sort("published", ASCENDING)
        return [_check({"source": "", **check}) for check in found]

    @guarded
    def delete(self, id: str) -> bool:
        """Delete a check; return whether there was one. Raises StoreUnavailableError."""
        return self._database.durable("checks").delete_one({"_id": id}).deleted_count > 0


def _check(document: Document) -> Check:
    return Check(document["_id"], document["language"], document["source"], document["published"])
