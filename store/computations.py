"""Lets the web submit computations, look at them, stop them and send them input."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from store.clients import Clients
from store.controls import Controls
from store.database import Database, Documents
from store.errors import ComputationOverError, NotAskingError, StoreUnavailableError, guarded
from store.files import Files, size_of
from store.forced_end import NEEDED, ForcedEnds
from store.hints import Hints
from store.lanes import Lanes
from store.long_line import FarBack
from store.models import UNREAD, Computation, Once, Submission
from store.queue import Queue
from store.repeats import Repeats
from store.sessions import Sessions
from store.shares import Shares
from store.space import Space
from store.states import OVER, leaving
from store.submissions import RepeatedError, Submissions, given_fields, size_bytes

# What a computation takes beside what it was given and what it said, with its entries in the indexes.
DOCUMENT_BYTES = 1024
# A submission that is longer, so longer than any code, is counted for its client before it is stored.
COUNTED_BEFORE_BYTES = 128 << 10


class Computations:
    """The web's door to computations."""

    def __init__(
        self, database: Database, hints: Hints, sessions: Sessions, queue: Queue, forced_ends: ForcedEnds,
        files: Files, space: Space, clients: Clients, lanes: Lanes, repeats: Repeats,
    ) -> None:  # fmt: skip
        self._database, self._hints = database, hints
        self._sessions, self._queue, self._forced_ends = sessions, queue, forced_ends
        self._files, self._space, self._clients, self._repeats = files, space, clients, repeats
        self._lanes, self._shares = lanes, Shares(database, lanes)
        self._submissions = Submissions(database, lanes, self._shares)
        self._controls = Controls(database, files, clients)

    @property
    def _computations(self) -> Documents:
        return self._database.collection("computations")

    def is_known_full(self) -> bool:
        """Return whether the queue has just been found full, by this process: nobody is asked."""
        return self._shares.is_known_full

    @guarded
    def are_waiting(self, at_least: int) -> bool:
        """Return whether so many computations wait. Raises StoreUnavailableError."""
        return self._shares.count_waiting(at_least) >= at_least

    @guarded
    def submit(self, submission: Submission) -> Computation:
        """Store a computation; when this returns, the computation outlives a crash.

        If another request has stored one under the same idempotency key, that one is returned; the update of a control
        may be merged into one that waits, which is returned then. Raises QueueFullError, OverShareError, NoSpaceError,
        ClientFullError, UnknownSessionError, OtherLanguageError, SessionGoneError, OtherBodyError,
        StoreUnavailableError.
        """
        self._space.check()
        if submission.control is not None and (waiting := self._controls.merge(submission)) is not None:
            return Computation.of(waiting)
        self._shares.take_place(submission)
        id, uploads = submission.id, list(submission.uploads)
        fields = given_fields(submission)
        stored_bytes = DOCUMENT_BYTES + size_bytes(fields) + sum(map(size_of, (file for _name, file in uploads)))
        counted_bytes = self._count_before(submission.requester.client, stored_bytes)
        try:
            fields["uploads"] = list(self._files.receive(id, uploads))
            fields |= {"stored_bytes": stored_bytes, "counted_bytes": counted_bytes}
            document = self._submissions.insert(submission, fields)
        except Exception as error:
            if uploads:
                self._files.forget([id])
            if counted_bytes and submission.requester.client is not None:
                self._clients.count({submission.requester.client: -counted_bytes})
            if isinstance(error, RepeatedError) and submission.once is not None:
                return self._first_of(submission.once, submission.digest)
            raise
        topic, subject = ("turn", document["session"]) if document["turn"] else ("submitted", id)
        self._hints.announce(topic, subject)
        if submission.control is not None:
            self._controls.thin(document["session"], submission.control, document["turn"])  # while the kernel works
        return Computation.of(document)

    @guarded
    def get(self, id: str) -> Computation | None:
        """Return the computation, None when there is none. Raises StoreUnavailableError."""
        document = self._computations.find_one({"_id": id}, {**UNREAD, "closing": 0})
        return None if document is None else Computation.of(document)

    @guarded
    def queue_position(self, id: str) -> int | None:
        """Return how many computations have to be claimed until this one is, itself included; None unless it is queued.

        What comes later may come before it, when it stands behind others of its lane. In a long line it is the number
        of a moment ago. Raises StoreUnavailableError.
        """
        return self._queue.position(id)

    @guarded
    def waits_in_a_long_line(self, id: str) -> bool:
        """Return whether this is a first turn that stood in a long line a moment ago; one query answers for all.

        Raises StoreUnavailableError.
        """
        return self._lanes.place(id) is not None

    @guarded
    def far_back(self, id: str) -> FarBack | None:
        """Return a first turn if it stands far back in a long line: so it waits still, and need not be looked at.

        It may have been cancelled in the last moment. Raises StoreUnavailableError.
        """
        return self._lanes.far_back(id)

    def has_long_line(self) -> bool:
        """Return whether the line has been found long, by this process: nobody is asked."""
        return self._lanes.is_long

    @guarded
    def request_cancel(self, id: str) -> None:
        """Ask for the end; a queued computation ends at once and never runs.

        Raises ComputationOverError, StoreUnavailableError.
        """
        # Again if it was given back or claimed between the two writes: it is queued, or it runs, or it is over.
        while not self._withdraw(id) and not self._wish(id, {"$set": {"wishes.cancel": True}}):
            self._check_not_over(id)

    @guarded
    def request_interrupt(self, id: str) -> None:
        """Ask for a KeyboardInterrupt in the code; a queued computation, which has nothing to interrupt, is cancelled.

        Raises ComputationOverError, StoreUnavailableError.
        """
        # Not by a wish to cancel: a computation that begins between the two writes would lose its session.
        while not self._wish(id, {"$inc": {"wishes.interrupt": 1}}) and not self._withdraw(id):
            self._check_not_over(id)

    @guarded
    def answer(self, id: str, value: str) -> None:
        """Send the code the input that it waits for.

        Raises ComputationOverError, NotAskingError, NoSpaceError, StoreUnavailableError.
        """
        self._space.check()
        more_bytes = len(value.encode())
        update = {"$push": {"wishes.answers": value}, "$set": {"asking": False}, "$inc": {"stored_bytes": more_bytes}}
        if not self._wish(id, update, asking=True):
            self._check_not_over(id)
            raise NotAskingError(f"computation {id} does not wait for input")

    @guarded
    def keep_verdict(self, id: str, verdict: bytes) -> None:
        """Keep a verdict on a computation, in place of an earlier one. Raises NoSpaceError, StoreUnavailableError."""
        self._space.check()
        before = self._computations.find_one_and_update({"_id": id}, {"$set": {"verdict": verdict}}, {"verdict": 1})
        more_bytes = len(verdict) - len((before or {}).get("verdict") or b"")
        self._computations.update_one({"_id": id}, {"$inc": {"stored_bytes": more_bytes}})

    @guarded
    def code_of(self, id: str) -> str:
        """Return the code of a computation, "" when there is none. Raises StoreUnavailableError."""
        found = self._computations.find_one({"_id": id}, {"code": 1})
        return str(found["code"]) if found else ""

    def _first_of(self, once: Once, digest: bytes) -> Computation:
        first = self._repeats.find(once)
        if first is None:
            raise StoreUnavailableError("a computation was there, and is not any more")
        first.check(digest)
        return first.computation

    def _withdraw(self, id: str) -> bool:
        withdrawn = self._computations.find_one({"_id": id, **leaving("withdraw")}, NEEDED)
        if withdrawn is None or not self._forced_ends.end(withdrawn, "withdraw", "cancelled"):
            return False
        if withdrawn["turn"] == 0 and withdrawn["keep"]:
            # The turns that wait behind it would wait for ever.
            self._sessions.end(withdrawn["session"], "cancelled")
        elif withdrawn["turn"] > 0 and not withdrawn["keep"]:
            self._sessions.request_end(withdrawn["session"])
        return True

    def _wish(self, id: str, update: Mapping[str, Any], **condition: Any) -> bool:
        running = {"_id": id, "state": "running", **condition}
        if not self._computations.update_one(running, update).matched_count:
            return False
        self._hints.announce("wish", id)
        return True

    def _check_not_over(self, id: str) -> None:
        found = self._computations.find_one({"_id": id}, {"state": 1})
        if found is None or found["state"] in OVER:
            raise ComputationOverError(f"computation {id} is over")

    def _count_before(self, client: str | None, stored_bytes: int) -> int:
        """Count a large submission for its client now; return what was counted. A small one its device counts."""
        if client is None or stored_bytes <= COUNTED_BEFORE_BYTES:
            return 0
        self._clients.charge(client, stored_bytes)
        return stored_bytes
