"""What has been kept for long enough is deleted, bit by bit, by whichever device comes by."""

from __future__ import annotations

from typing import Any

from store.database import Database
from store.errors import available
from store.files import Files

SWEEP_MAX = 500  # computations in one sweep, so that it never holds anybody up


class Retention:
    """Deletes ended computations with all that belongs to them."""

    def __init__(self, database: Database, settings: Any, files: Files) -> None:
        self._database, self._settings, self._files = database, settings, files

    @available()
    def sweep(self) -> int:
        """Delete what ended longer than ``retention_s`` ago; return how many computations that were."""
        kept_ms = int(self._settings.retention_s * 1000)
        computations = self._database.collection("computations")
        old = {"finished": {"$type": "date"}, "$expr": {"$lt": ["$finished", {"$subtract": ["$$NOW", kept_ms]}]}}
        ids = [document["_id"] for document in computations.find(old, {"_id": 1}).sort("finished", 1).limit(SWEEP_MAX)]
        if ids:
            self._files.delete(ids)
            self._database.collection("messages").delete_many({"computation": {"$in": ids}})
            computations.delete_many({"_id": {"$in": ids}})
        ended = {"ended": {"$type": "date"}, "$expr": {"$lt": ["$ended", {"$subtract": ["$$NOW", kept_ms]}]}}
        self._database.collection("sessions").delete_many(ended)
        return len(ids)
