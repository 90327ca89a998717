"""Stores and reads the messages of computations, in batches of JSON texts.

A batch is written first and becomes valid later: when its computation's ``sequence`` has moved past it, and only if it
was written by the attempt that owned these sequences. So nobody ever sees what a lost claim left behind. The last
messages are behind the batches in the computation itself (``closing``), if they are short or no device wrote them; most
computations have no other messages.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

from pymongo import ASCENDING, DESCENDING
from pymongo.errors import DuplicateKeyError

from store.database import Database
from store.errors import guarded
from store.models import UNREAD, Claim, Computation
from store.together import Together

BATCH_BYTES_MAX = 12 << 20  # a document of MongoDB has at most 16 MiB
BATCH_MESSAGES_MAX = 5000
INSIDE_BYTES_MAX = 16 << 10  # of the last messages, if they go into their computation
TOGETHER_MAX = 100  # computations read with one command
FIRST_MESSAGES = 4  # of an attempt; the one with the execution count is among them, after busy and clear_output


class Messages:
    """The reader of messages."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._together = Together(self._find_computations, TOGETHER_MAX)

    @guarded
    def after(self, id: str, sequence: int, bytes_max: int | None = None) -> tuple[list[bytes], Computation] | None:
        """Return the messages after this sequence, in order, and the computation as it was when they were read.

        Returns None when there is no such computation. ``bytes_max``: no further batch is read when the messages have
        so many bytes; the computation's ``sequence`` tells whether there are more. Raises StoreUnavailableError.
        """
        document = self._together.ask(id)
        if document is None:
            return None
        texts: list[bytes] = []
        size_bytes = 0
        for batch in self._batches(document, sequence):
            new = batch["messages"][max(0, sequence + 1 - batch["first"]) :]
            texts += new
            size_bytes += sum(map(len, new))
            if bytes_max is not None and size_bytes >= bytes_max:
                break
        in_batches = _in_batches(document)
        if sequence + len(texts) >= in_batches:
            texts += document.get("closing", [])[max(0, sequence - in_batches) :]
        return texts, Computation.of(document)

    def edges(self, document: Mapping[str, Any]) -> tuple[list[bytes], bytes | None]:
        """Return the first messages of the last attempt that said anything, and the last one. Raises PyMongoError."""
        in_batches = _in_batches(document)
        if in_batches < 0:
            return [], None
        begin = max(bound for bound in document["bounds"] if bound <= in_batches)
        own = self._find(document, {"$gte": begin, "$lt": begin + FIRST_MESSAGES}, ASCENDING)
        last = next(self._find(document, {"$lte": in_batches}, DESCENDING))
        return [text for batch in own for text in batch["messages"][:FIRST_MESSAGES]], last["messages"][-1]

    def _find_computations(self, ids: Sequence[str]) -> list[dict[str, Any] | None]:
        computations = self._database.collection("computations")
        if len(ids) == 1:
            return [computations.find_one({"_id": ids[0]}, UNREAD)]
        found = {document["_id"]: document for document in computations.find({"_id": {"$in": list(ids)}}, UNREAD)}
        return [found.get(id) for id in ids]

    def _batches(self, computation: Mapping[str, Any], after: int) -> Iterator[dict[str, Any]]:
        last = _in_batches(computation)
        if last <= after:
            return
        due = after + 1
        for batch in self._find(computation, {"$gte": due, "$lte": last}, ASCENDING):
            if batch["first"] > due == after + 1:
                # The client stopped inside a batch.
                yield from self._around(computation, due)
            due = -1
            yield batch
        if due >= 0:
            yield from self._around(computation, due)

    def _around(self, computation: Mapping[str, Any], sequence: int) -> Iterator[dict[str, Any]]:
        batch = next(self._find(computation, {"$lt": sequence}, DESCENDING), None)
        if batch is not None:
            yield batch

    def _find(self, computation: Mapping[str, Any], first: Mapping[str, int], order: int) -> Iterator[dict[str, Any]]:
        """Yield the valid batches whose first sequence is in this range."""
        bounds = computation["bounds"]
        found = self._database.collection("messages").find({"computation": computation["_id"], "first": first})
        for batch in found.sort([("first", order), ("attempt", order)]):
            attempt = batch["attempt"]
            end = bounds[attempt] if attempt < len(bounds) else _in_batches(computation) + 1
            if bounds[attempt - 1] <= batch["first"] < end:
                yield batch


def fitting_inside(claim: Claim, messages: Sequence[bytes]) -> list[bytes] | None:
    """Return the last messages as their computation is to hold them; None when they are too long. Raises ValueError."""
    if sum(map(len, messages)) > INSIDE_BYTES_MAX:
        return None
    return [text for batch in _split(claim, messages) for text in batch["messages"]]


def write(database: Database, claim: Claim, messages: Sequence[bytes]) -> list[dict[str, Any]]:
    """Store batches after the claim's sequence and return them; they are not valid yet.

    Raises PyMongoError, ValueError.
    """
    batches = _split(claim, messages)
    collection = database.early("messages")
    for batch in batches:
        try:
            collection.insert_one(batch)
        except DuplicateKeyError:
            # It was left by a write of ours that did not become valid, and whose outcome we never learned.
            batch.pop("_id", None)
            key = {name: batch[name] for name in ("computation", "first", "attempt")}
            collection.replace_one(key, batch)
    return batches


def discard(database: Database, batches: Sequence[dict[str, Any]]) -> None:
    """Delete batches that did not become valid. Raises PyMongoError."""
    for batch in batches:
        key = {name: batch[name] for name in ("computation", "first", "attempt")}
        database.collection("messages").delete_one(key)


def numbered(texts: Iterable[bytes], first: int, attempt: int) -> Iterator[bytes]:
    """Yield messages with their sequence and attempt, spliced in without parsing: we wrote these JSON objects."""
    for sequence, text in enumerate(texts, first):
        yield b'{"sequence":%d,"attempt":%d,' % (sequence, attempt) + text[1:]


def is_input_request(message: bytes) -> bool:
    """Return whether the code asks for input with this message."""
    # The word may be in what the code prints: only then the message is parsed.
    return b'"input_request"' in message and json.loads(message)["header"]["msg_type"] == "input_request"


def _in_batches(computation: Mapping[str, Any]) -> int:
    """Return the sequence of the last message that is in a batch."""
    return int(computation["sequence"]) - len(computation.get("closing", ()))


def _split(claim: Claim, messages: Sequence[bytes]) -> list[dict[str, Any]]:
    # Greedy, so that the same messages with more behind them are cut in the same places.
    batches: list[dict[str, Any]] = []
    size_bytes = 0
    for sequence, message in enumerate(messages, claim.sequence + 1):
        if message[:1] != b"{" or len(message) > BATCH_BYTES_MAX:
            raise ValueError(f"a message is a JSON object of at most {BATCH_BYTES_MAX} bytes")
        (text,) = numbered([message], sequence, claim.attempt)
        full = batches and (
            size_bytes + len(text) > BATCH_BYTES_MAX or len(batches[-1]["messages"]) == BATCH_MESSAGES_MAX
        )
        if not batches or full:
            batches.append({"computation": claim.id, "attempt": claim.attempt, "first": sequence, "messages": []})
            size_bytes = 0
        batches[-1]["messages"].append(text)
        batches[-1]["last"] = sequence
        size_bytes += len(text)
    return batches
