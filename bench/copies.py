"""Copies of a computation that a server has run, with all that belongs to it, under ids and times of their own."""

from __future__ import annotations

import random
import uuid
from copy import deepcopy
from datetime import timedelta
from typing import Any

from bson import ObjectId
from pymongo import WriteConcern
from pymongo.database import Database

TIMES = ("submitted", "queued", "started", "locked", "finished", "lease_until")


class Copies:
    """Copies of one computation; ``share``: how many of them come together, ``messages``: of each."""

    def __init__(self, database: Database[dict[str, Any]], id: str, share: int) -> None:
        self._database, self.share = database, share
        found = database["computations"].find_one({"_id": id})
        assert found is not None
        self._computation = found
        self._batches = list(database["messages"].find({"computation": id}))
        self._files = list(database["files.files"].find({"metadata.computation": id}))
        self._pieces = list(database["files.chunks"].find({"files_id": {"$in": [file["_id"] for file in self._files]}}))
        self.messages = int(found["sequence"]) + 1

    def store(self, count: int, age_s: float) -> None:
        """Store so many copies, which ended at any time within the last seconds."""
        rows: dict[str, list[dict[str, Any]]] = {
            "computations": [], "messages": [], "files.files": [], "files.chunks": []
        }
        for _ in range(count):
            self._copy(rows, timedelta(seconds=random.uniform(60, age_s)))
        for name, documents in rows.items():
            if documents:
                collection = self._database.get_collection(name, write_concern=WriteConcern(1))
                collection.insert_many(documents, ordered=False)

    def _copy(self, rows: dict[str, list[dict[str, Any]]], age: timedelta) -> None:
        id = str(uuid.uuid4())
        computation = {**self._computation, "_id": id, "session": str(uuid.uuid4()), "order": ObjectId()}
        computation |= {name: computation[name] - age for name in TIMES if computation.get(name)}
        if lane := computation.get("lane"):
            computation["lane"] = f"{lane.partition(':')[0]}:{id}"
        computation.pop("once", None)
        rows["computations"].append(computation)
        rows["messages"] += [{**batch, "_id": ObjectId(), "computation": id} for batch in self._batches]
        for file in self._files:
            new, own = ObjectId(), deepcopy(file)
            own["metadata"] |= {"computation": id, "session": computation["session"]}
            rows["files.files"].append({**own, "_id": new, "uploadDate": own["uploadDate"] - age})
            pieces = (piece for piece in self._pieces if piece["files_id"] == file["_id"])
            rows["files.chunks"] += [{**piece, "_id": ObjectId(), "files_id": new} for piece in pieces]


def messages_in(answer: dict[str, Any]) -> int:
    """Return how many messages a page of them has."""
    return len(answer["messages"])
