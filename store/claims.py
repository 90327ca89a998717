"""Lets devices claim computations, write for them, end them and give them back.

Every write holds only in the right state and with the claim's token, so a device that lost its claim writes nothing.
Times are those of MongoDB's own clock.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from pymongo import UpdateOne

from contract import Reason
from store import messages as batches
from store.database import Database, Documents, later
from store.errors import LostClaimError, guarded
from store.expiry import Expiry
from store.figures import OURS
from store.forced_end import NEEDED
from store.hints import Hints
from store.models import NOBODY_PASSED, Claim, End, PassedOver, Wish
from store.queue import Queue
from store.sessions import Sessions
from store.states import MOVES, Move, ending, entering

_LOST = "computation {} is not this device's any more"


class Claims:
    """The devices' door to computations."""

    def __init__(self, database: Database, hints: Hints, sessions: Sessions, queue: Queue, expiry: Expiry) -> None:
        self._database, self._settings = database, database.settings
        self._hints, self._sessions = hints, sessions
        self._queue, self._expiry = queue, expiry

    @property
    def _computations(self) -> Documents:
        return self._database.collection("computations")

    @guarded
    def claim(
        self, device: str, *, languages: Sequence[str], sessions: Sequence[str], new_sessions: bool,
        suspects: bool = True, alone: bool = True, passed: PassedOver = NOBODY_PASSED,
    ) -> Claim | None:  # fmt: skip
        """Return the first computation in line that this device may run, now the device's; None when there is none.

        ``sessions``: the idle sessions that the device holds; their next turns go first, for they need no new worker.
        ``new_sessions``: whether the device has room for another session. ``suspects``: whether the computation may be
        a suspect (``store/expiry.py``), ``alone``: whether one that runs without others. ``passed``: whose first turns
        are passed over. Raises StoreUnavailableError.
        """
        claim = self._queue.claim_next_turn(device, sessions) if sessions else None
        if claim is None and new_sessions:
            claim = self._queue.claim_first_turn(device, languages, passed, suspects=suspects, alone=alone)
        return claim

    @guarded
    def claim_turn(self, device: str, session: str) -> Claim | None:
        """Return the next turn of an idle session that a hint was about; None when it has none.

        Raises StoreUnavailableError.
        """
        return self._queue.claim_turn_of(session, device)

    @guarded
    def note_company(self, claims: Sequence[Claim]) -> None:
        """Note that these suspects run at once: if that ends in a death, it says little of each of them.

        Raises StoreUnavailableError.
        """
        held = {"_id": {"$in": [claim.id for claim in claims]}, "state": "running",
                "token": {"$in": [claim.token for claim in claims]}}  # fmt: skip
        self._computations.update_many(held, {"$set": {"company": True}})
        for claim in claims:
            claim.company = True

    @guarded
    def renew(self, claims: Sequence[Claim]) -> list[Wish]:
        """Renew the leases and return what the clients wish, in the order of the claims.

        The wish of a lost claim says that it is lost. Raises StoreUnavailableError.
        """
        if not claims:
            return []
        held = {"_id": {"$in": [claim.id for claim in claims]}, "state": "running",
                "token": {"$in": [claim.token for claim in claims]}}  # fmt: skip
        self._computations.update_many(held, [{"$set": {"lease_until": later(self._settings.lease_s)}}])
        return self.wishes(claims)

    @guarded
    def wishes(self, claims: Sequence[Claim]) -> list[Wish]:
        """Return what the clients wish, in the order of the claims. Raises StoreUnavailableError."""
        running = {"_id": {"$in": [claim.id for claim in claims]}, "state": "running"}
        found = {document["_id"]: document for document in self._computations.find(running, {"token": 1, "wishes": 1})}
        return [Wish.of(claim, found.get(claim.id)) for claim in claims]

    @guarded
    def append(self, claim: Claim, messages: Sequence[bytes], *, asking: bool | None = None) -> None:
        """Store messages, each a JSON text complete but for ``sequence`` and ``attempt``.

        ``asking``: whether the code waits for input now; None means that it does if an input_request is among the
        messages, and that nothing changes if none is. After StoreUnavailableError call again with the same messages,
        perhaps with more behind them: none is stored twice. Raises LostClaimError, StoreUnavailableError, ValueError.
        """
        messages = self._settle(claim, messages)
        if not messages:
            return
        asks = asking if asking is not None else True if any(map(batches.is_input_request, messages)) else None
        self._commit(claim, messages, {} if asks is None else {"asking": asks})
        self._hints.announce("news", claim.id)

    @guarded
    def finish(
        self,
        claim: Claim,
        state: str,
        reason: str | None = None,
        usage: Mapping[str, Any] | None = None,
        messages: Sequence[bytes] = (),
    ) -> None:
        """Store the last messages and the end in one update; ``state`` is done, failed, cancelled or lost.

        ``usage``: wall_s, cpu_s, memory_bytes. After StoreUnavailableError call again with the same. A session that is
        kept is idle from then on, another one is gone. Raises LostClaimError, StoreUnavailableError, ValueError.
        """
        move, why = ending(state, reason)
        if not (claim.unsure and self._ended(claim)):
            messages = self._settle(claim, messages)
            self._commit(claim, messages, _ended_fields(move, why, usage), over=True)
        self._close(claim, move, state, why)

    @guarded
    def finish_together(self, ends: Sequence[End]) -> bool:
        """Store several ends with one command and one wait for the disk; return whether all of them are stored.

        If not, or after StoreUnavailableError, call ``finish`` for each: that finds out which are stored, and which
        claims are lost. The messages of each have at most ``INSIDE_BYTES_MAX``.
        Raises StoreUnavailableError, ValueError.
        """
        updates: list[UpdateOne] = []
        for end in ends:
            inside = batches.fitting_inside(end.claim, end.messages)
            if inside is None or end.claim.unsure:
                raise ValueError("an end with long messages, or of a claim whose last write is unsure, is stored alone")
            move, why = ending(end.state, end.reason)
            update = _valid(end.claim, end.messages, _ended_fields(move, why, end.usage), inside, over=True)
            updates.append(UpdateOne(_mine(end.claim), update))
        for end in ends:
            end.claim.unsure = True
        found = self._database.durable("computations").bulk_write(updates, ordered=False).matched_count
        if found < len(updates):
            return False
        for end in ends:
            end.claim.sequence += len(end.messages)
            end.claim.stored_bytes += sum(map(len, end.messages))
        for end in ends:
            move, why = ending(end.state, end.reason)
            self._close(end.claim, move, end.state, why)
        return True

    @guarded
    def release(self, claim: Claim, *, suspect: bool = True, counts: bool = True) -> None:
        """Give back a computation that did not come to its end: it is tried again, or lost.

        ``suspect``: what it ran on died, perhaps because of it; it goes behind what waits now. ``counts``: whether the
        attempt uses up one of ``attempts_max``; not where the operator ended the device. Raises LostClaimError,
        StoreUnavailableError.
        """
        mine = {"_id": claim.id, "state": "running", "token": claim.token}
        document = self._computations.find_one(mine, NEEDED)
        if document is None or not self._expiry.give_back(
            document, {}, suspect=suspect, counts=counts
        ):
            raise LostClaimError(_LOST.format(claim.id))

    @guarded
    def expire(self) -> list[str]:
        """Give back what dead devices held; end the sessions that they held, and what no device can ever run.

        Returns the ids of the computations that were given back. Raises StoreUnavailableError.
        """
        return self._expiry.expire()

    def _commit(
        self, claim: Claim, messages: Sequence[bytes], fields: Mapping[str, Any], *, over: bool = False
    ) -> None:
        """Store messages and fields; one update, which holds only with the claim's token, makes all of them valid.

        Only this update waits for the disk: MongoDB's journal is in order, so a crash that spares the update spares the
        batches and the claim before it.
        """
        inside = batches.fitting_inside(claim, messages) if over else None
        claim.unsure = True
        written = batches.write(self._database, claim, messages) if inside is None else []
        update = _valid(claim, messages, fields, inside, over=over)
        if not self._database.durable("computations").update_one(_mine(claim), update).matched_count:
            batches.discard(self._database, written)
            raise LostClaimError(_LOST.format(claim.id))
        claim.sequence += len(messages)
        claim.stored_bytes += sum(map(len, messages))
        claim.unsure = False

    def _settle(self, claim: Claim, messages: Sequence[bytes]) -> Sequence[bytes]:
        """Return the messages that are not stored yet; the outcome of the last write may be unknown."""
        if not claim.unsure:
            return messages
        mine = {"_id": claim.id, "state": "running", "token": claim.token}
        document = self._computations.find_one(mine, {"sequence": 1})
        if document is None:
            raise LostClaimError(_LOST.format(claim.id))
        stored = document["sequence"] - claim.sequence
        claim.sequence, claim.unsure = document["sequence"], False
        return messages[stored:]

    def _ended(self, claim: Claim) -> bool:
        """Return whether the claim's own end is stored already."""
        over = [MOVES[move][1] for move in ("finish", "fail", "cancel", "lose")]
        mine = {"_id": claim.id, "token": claim.token, "state": {"$in": over}}
        return self._computations.find_one(mine, {"_id": 1}) is not None

    def _close(self, claim: Claim, move: Move, state: str, why: str | None) -> None:
        """Do what follows the end of a claim once it is stored."""
        claim.unsure = True  # until the end of its session, or of its turn, is stored too
        self._leave_session(claim, move)
        claim.unsure = False
        OURS.count_end(claim.language, state, why)
        self._hints.announce("news", claim.id)

    def _leave_session(self, claim: Claim, move: Move) -> None:
        if not claim.keep and claim.turn == 0:
            return  # such a session has no document of its own
        if claim.keep and move != "lose":
            self._sessions.unlock(claim.session, claim.device, claim.location)
        else:
            self._sessions.end(claim.session, "lost" if move == "lose" else "session_gone", of_device=claim.device)


def _mine(claim: Claim) -> dict[str, Any]:
    """Return the condition that nothing was stored since the claim was written for last, and that it is not lost."""
    return {"_id": claim.id, "state": "running", "token": claim.token, "sequence": claim.sequence}


def _ended_fields(move: Move, why: Reason | None, usage: Mapping[str, Any] | None) -> dict[str, Any]:
    return {**entering(move, why), "usage": dict(usage) if usage else None}


def _valid(
    claim: Claim, messages: Sequence[bytes], fields: Mapping[str, Any], inside: Sequence[bytes] | None, *, over: bool
) -> dict[str, Any]:
    """Return the update that makes messages and fields valid; ``inside``: messages that go into the computation."""
    update: dict[str, Any] = {"$set": {**fields, "sequence": claim.sequence + len(messages)}}
    if messages:
        update["$inc"] = {"stored_bytes": sum(map(len, messages))}
    if inside:
        update["$set"]["closing"] = list(inside)
    if over:
        update["$currentDate"] = {"finished": True}
    return update
