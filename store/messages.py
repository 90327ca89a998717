"""Messages, in batches as they were appended. Each is the JSON text that clients get; nothing here parses it.

A reader believes a batch when the computation's committed ``sequence`` reaches it and the attempt that wrote it owned that
part of the sequence (``bounds``): what a device wrote after it lost its claim is never seen.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from bson import ObjectId
from pymongo.errors import BulkWriteError

from store.database import Database
from store.errors import available
from store.records import Claim, Computation

BATCH_BYTES_MAX = 12 << 20  # a BSON document holds 16 MiB
PAGE_BYTES = 4 << 20
# All but what may be long and what messages do not need.
LIGHT = {"code": 0, "message": 0, "uploads": 0, "answers": 0}


class Messages:
    """Reads what was committed; writes on behalf of a claim."""

    def __init__(self, database: Database) -> None:
        self._database = database

    @available()
    def after(self, computation_id: str, sequence: int) -> tuple[list[bytes], Computation] | None:
        """Return messages after a sequence number, and the computation as it was when they were read; None if unknown.

        A page ends after about ``PAGE_BYTES``; then the computation's ``sequence`` is beyond the last message.
        """
        document = self._database.collection("computations").find_one({"_id": computation_id}, LIGHT)
        if document is None:
            return None
        computation = Computation.of(document)
        if computation.sequence <= sequence:
            return [], computation
        texts: list[bytes] = []
        size_bytes = 0
        for batch in self._believed(computation, sequence):
            for number, text in enumerate(batch["messages"], batch["first"]):
                if sequence < number <= computation.sequence:
                    texts.append(bytes(text))
                    size_bytes += len(text)
            if size_bytes > PAGE_BYTES:
                break
        return texts, computation

    def _believed(self, computation: Computation, sequence: int) -> Iterator[dict[str, Any]]:
        found = self._database.collection("messages").find(
            {"computation": computation.id, "last": {"$gt": sequence}, "first": {"$lte": computation.sequence}}
        )
        bounds = (*computation.bounds, float("inf"))
        for batch in found.sort("first", 1):
            attempt = batch["attempt"]
            if attempt < len(bounds) and bounds[attempt - 1] <= batch["first"] < bounds[attempt]:
                yield batch

    def write(self, claim: Claim, first: int, texts: Sequence[bytes]) -> list[ObjectId]:
        """Write batches that nobody believes yet; return their ids. Raises what the driver raises."""
        attempt = claim.computation.attempt
        numbered = [_numbered(text, number, attempt) for number, text in enumerate(texts, first)]
        batches: list[dict[str, Any]] = []
        size_bytes = BATCH_BYTES_MAX
        for number, text in enumerate(numbered, first):
            if size_bytes + len(text) > BATCH_BYTES_MAX:
                batches.append({"computation": claim.id, "attempt": attempt, "first": number, "messages": []})
                size_bytes = 0
            batches[-1]["messages"].append(text)
            batches[-1]["last"] = number
            size_bytes += len(text)
        collection = self._database.collection("messages")
        try:
            return list(collection.insert_many(batches).inserted_ids)
        except BulkWriteError:
            # Our own batches of an append whose answer was lost: nobody has come to believe them.
            collection.delete_many({"computation": claim.id, "attempt": attempt, "first": {"$gte": first}})
            for batch in batches:
                batch.pop("_id", None)
            return list(collection.insert_many(batches).inserted_ids)

    def forget(self, ids: Sequence[ObjectId]) -> None:
        """Delete batches that were written in vain."""
        self._database.collection("messages").delete_many({"_id": {"$in": list(ids)}})


def _numbered(text: bytes, sequence: int, attempt: int) -> bytes:
    return b'{"sequence":%d,"attempt":%d,%s' % (sequence, attempt, text[1:])
