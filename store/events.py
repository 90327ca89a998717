"""Tells what happens to computations, in order, to programs that listen: from MongoDB's change stream.

Nobody waits for a listener, and where nobody listens, nothing is written, sent or asked. An event has a mark, where its
listener can go on later: as long as MongoDB's oplog reaches back all is told again, of what lies before that the ends
are, which the computations themselves tell.
"""

from __future__ import annotations

import re
from collections import OrderedDict
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta, timezone
from typing import Any, Literal

import msgspec
from pymongo import ASCENDING, DESCENDING
from pymongo.change_stream import CollectionChangeStream
from pymongo.client_session import ClientSession
from pymongo.errors import OperationFailure

from store.database import Database
from store.errors import StoreError, mongo_errors
from store.states import OVER

EventKind = Literal["submitted", "started", "message", "finished"]
EVENT_KINDS: tuple[EventKind, ...] = ("submitted", "started", "message", "finished")
MARK = r"[0-9]{1,12}\.[0-9A-Fa-f]{2,2000}"  # the second of a change, and MongoDB's own mark of it
AWAIT_MS = 1000  # so often one hears that nothing happened
KNOWN_MAX = 10_000  # computations whose fields are remembered, so that MongoDB is not asked for each event
CLOCKS_DIFFER_S = 60  # an end that is so much older than a mark may have been stored after it
# MongoDB's codes of errors.
_HISTORY_LOST = (280, 286)
_NO_MARK = (2, 9, 14, 15, 260)
_NO_KEY_STRING = range(40_000, 100_000)
_TOLD = (
    "session", "turn", "language", "keep", "state", "reason", "attempt", "sequence", "submitted", "started",
    "finished", "usage", "device", "client", "origin", "key",
)  # fmt: skip


class UnknownMarkError(StoreError):
    """There is no such mark; the message is a sentence."""


@dataclass(frozen=True)
class Event:
    """Something that happened to a computation; its ``fields`` are as they were then.

    ``mark``: where the events behind it begin; None where another one of the same moment follows. ``messages``: JSON
    texts, of an event of the kind ``message``. ``key``: the name of the key with which it was submitted.
    """

    kind: EventKind
    computation: str
    at: datetime
    mark: str | None
    fields: Mapping[str, Any] = field(repr=False)
    messages: tuple[bytes, ...] = ()

    @property
    def key(self) -> str | None:
        """The name of the key with which the computation was submitted."""
        key: str | None = self.fields.get("key")
        return key

    def text(self) -> bytes:
        """Return the event as JSON in one line."""
        own = {"event": self.kind, "at": self.at, "computation": self.computation}
        told = {name: self.fields.get(name) for name in _TOLD}
        more = {"messages": [msgspec.Raw(text) for text in self.messages]} if self.kind == "message" else {}
        return msgspec.json.encode({**own, **told, **more})


@dataclass(frozen=True)
class Silence:
    """Nothing happened for a while; events behind it begin at the ``mark``, if there is one yet."""

    mark: str | None


class Events:
    """The door to events."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def follow(
        self, mark: str | None = None, computation: str | None = None, kinds: Collection[str] = EVENT_KINDS
    ) -> Iterator[Event | Silence]:
        """Yield what happens from now on, or behind a mark; of one computation, or of all.

        Ends only with an error: StoreUnavailableError, after which one goes on at the last mark; UnknownMarkError.
        """
        with mongo_errors():
            for told in self._follow(mark, computation, wants_messages="message" in kinds):
                if isinstance(told, Silence) or told.kind in kinds:
                    yield told

    def _follow(
        self, mark: str | None, computation: str | None, *, wants_messages: bool
    ) -> Iterator[Event | Silence]:
        if mark is not None and not re.fullmatch(MARK, mark):
            raise UnknownMarkError("This is no mark of an event.")
        told = _Told(self._database, wants_messages=wants_messages)
        with self._database.session() as session:
            yield from self._read(session, told, mark, computation)

    def _read(
        self, session: ClientSession, told: _Told, mark: str | None, computation: str | None
    ) -> Iterator[Event | Silence]:
        stream, change, since = self._begin(session, mark, computation)
        with stream:
            if since is not None:
                yield from self._ends_since(since, computation)
            while True:
                if change is None:
                    yield Silence(_mark_of(stream, datetime.now(timezone.utc)))
                else:
                    yield from told.events(change, _mark_of(stream, change["wallTime"]))
                change = stream.try_next()

    def _begin(
        self, session: ClientSession, mark: str | None, computation: str | None
    ) -> tuple[CollectionChangeStream[dict[str, Any]], Any, int | None]:
        """Return a stream behind a mark, its first change, and the second of a mark that the oplog does not reach."""
        try:
            stream = self._open(session, mark, computation)
            return stream, stream.try_next(), None
        except OperationFailure as error:
            if mark is not None and error.code in _HISTORY_LOST:
                stream = self._open(session, None, computation)
                return stream, stream.try_next(), int(mark.partition(".")[0])
            if mark is not None and (error.code in _NO_MARK or error.code in _NO_KEY_STRING):
                raise UnknownMarkError("This is no mark of an event.") from error
            raise

    def _open(
        self, session: ClientSession, mark: str | None, computation: str | None
    ) -> CollectionChangeStream[dict[str, Any]]:
        changed = [{f"updateDescription.updatedFields.{name}": {"$exists": True}} for name in ("state", "sequence")]
        acts: dict[str, Any] = {"$or": [{"operationType": "insert"}, {"operationType": "update", "$or": changed}]}
        if computation is not None:
            acts["documentKey._id"] = computation
        of_new = {f"fullDocument.{name}": 1 for name in _TOLD}
        kept = {**of_new, "operationType": 1, "documentKey": 1, "wallTime": 1, "updateDescription.updatedFields": 1}
        after = {"_data": mark.partition(".")[2]} if mark else None
        return self._database.collection("computations").watch(
            [{"$match": acts}, {"$project": kept}], resume_after=after, max_await_time_ms=AWAIT_MS, session=session
        )

    def _ends_since(self, second: int, computation: str | None) -> Iterator[Event]:
        """Yield the ends since a moment that the oplog does not reach any more; they have no mark."""
        since = datetime.fromtimestamp(second, timezone.utc) - timedelta(seconds=CLOCKS_DIFFER_S)
        which: dict[str, Any] = {"finished": {"$gte": since}}
        if computation is not None:
            which["_id"] = computation
        for found in self._database.collection("computations").find(which, list(_TOLD)).sort("finished", ASCENDING):
            yield Event("finished", found["_id"], found["finished"], None, found)


class _Told:
    """What changes have told of computations so far."""

    def __init__(self, database: Database, *, wants_messages: bool) -> None:
        self._database, self._wants_messages = database, wants_messages
        self._known: OrderedDict[str, dict[str, Any]] = OrderedDict()

    def events(self, change: Mapping[str, Any], mark: str | None) -> Iterator[Event]:
        """Yield the events of one change. Raises PyMongoError."""
        id, at = change["documentKey"]["_id"], change["wallTime"]
        if change["operationType"] == "insert":
            fields = self._remember(id, change["fullDocument"])
            yield Event("submitted", id, at, mark, fields)
            return
        new = change["updateDescription"]["updatedFields"]
        found = self._known.get(id) or self._database.collection("computations").find_one({"_id": id}, list(_TOLD))
        if found is None:
            return  # it was deleted meanwhile
        fields = self._remember(id, {**found, **{name: value for name, value in new.items() if name in _TOLD}})
        is_over = new.get("state") in OVER
        messages = self._messages(id, fields, new) if "sequence" in new and self._wants_messages else ()
        if messages:
            yield Event("message", id, at, None if is_over else mark, fields, messages)
        if new.get("state") == "running":
            yield Event("started", id, at, mark, fields)
        if is_over:
            self._known.pop(id, None)
            yield Event("finished", id, at, mark, fields)

    def _remember(self, id: str, fields: Mapping[str, Any]) -> dict[str, Any]:
        self._known[id] = dict(fields)
        self._known.move_to_end(id)
        if len(self._known) > KNOWN_MAX:
            self._known.popitem(last=False)
        return self._known[id]

    def _messages(self, id: str, fields: Mapping[str, Any], new: Mapping[str, Any]) -> tuple[bytes, ...]:
        """Return the messages that a change made valid: those inside the computation, else its newest batch."""
        last = new["sequence"]
        if "closing" in new:
            return tuple(new["closing"])
        # One append is one batch: it is no longer than that (device/persistence.py).
        batch = {"computation": id, "first": {"$lte": last}, "last": last}
        found = list(self._database.collection("messages").find(batch).sort([("first", DESCENDING)]).limit(2))
        own = [one for one in found if one["attempt"] == fields["attempt"]] or found
        return tuple(own[0]["messages"]) if own else ()


def _mark_of(stream: CollectionChangeStream[dict[str, Any]], at: datetime) -> str | None:
    token = stream.resume_token
    return f"{int(at.timestamp())}.{token['_data']}" if token else None
