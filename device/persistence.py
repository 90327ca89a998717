"""Stores what the runs say, renews their leases, and does what clients wish of them."""

from __future__ import annotations

import logging
import math
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from typing import Any

from device.errors import FrameTooLongError
from device.figures import Figures
from device.registry import Runs
from device.runs import Ending, Run, Session
from settings import Settings
from store import INSIDE_BYTES_MAX, Claim, End, LostClaimError, Requester, Store, StoreUnavailableError, Wish

# One round stores for so long, and of one computation no more than this: then leases and heartbeats have their turn.
ROUND_S = 0.02
APPEND_BYTES_MAX = 1 << 20
APPEND_MESSAGES_MAX = 1000
# What a run may still store when the disk has no room for more: all that most cells ever say.
SPARED_BYTES_MAX = 64 << 10
ENDS_MAX = 100  # stored with one command: so many short ends are a message of at most 2 MB
BULKY_SHARE = 0.25  # of the database's time, for what is large, as long as there are other runs
log = logging.getLogger(__name__)


class Persistence:
    """The part of the device that stores what runs say and does what clients wish of them.

    Every method may raise StoreUnavailableError; the next call does what could not be done then.
    """

    def __init__(self, device_id: str, store: Store, settings: Settings, runs: Runs) -> None:
        self._id, self._store, self._settings, self._runs = device_id, store, settings, runs
        self.figures = Figures()
        self._bulky_at = 0.0  # when a slice of something large may be stored next
        self._uncounted: Counter[str] = Counter()  # bytes by client: they are stored and not counted yet
        self._uncharged: dict[Requester, float] = {}  # CPU seconds that runs have used

    # --- storing ------------------------------------------------------------------------------------------------
    def flush(self, now: float) -> None:
        """Store for a while what has waited for long enough."""
        until = time.monotonic() + ROUND_S
        self._store_short_ends(now)
        ready = [run for run in self._runs.by_id.values() if run.over or run.due <= now]
        for run in sorted((run for run in ready if not _is_bulky(run)), key=lambda run: run.looked):
            run.looked = now
            self._store_run(run, now, until)
            if time.monotonic() > until:
                break  # the rest is due still, and goes first in the next round
        bulky = [run for run in ready if _is_bulky(run)]
        if bulky and now >= self._bulky_at:
            self._store_bulky(min(bulky, key=lambda run: run.looked), now)
        for run in bulky:
            run.due = max(run.due, self._bulky_at)  # else the loop would not wait
        gone = self._runs.gone
        while gone:
            if gone[0].ours:
                self._store.sessions.end(gone[0].id, gone[0].close_reason, of_device=self._id)
            gone.popleft()

    def _store_short_ends(self, now: float) -> None:
        """Store the ends of runs that left little to store, all that there are with one command.

        What is not stored so, for whatever reason, is stored one by one.
        """
        if sum(map(_may_be_short, self._runs.by_id.values())) < 2 or self._store.is_exhausted():
            return
        together: list[tuple[Run, Ending, list[bytes]]] = []
        for run in filter(_may_be_short, list(self._runs.by_id.values())):
            texts = run.gather(INSIDE_BYTES_MAX, APPEND_MESSAGES_MAX)
            if run.ending and len(texts) == len(run.pending) and sum(map(len, texts)) <= INSIDE_BYTES_MAX:
                run.looked = now
                together.append((run, run.ending, texts))
        together = together[:ENDS_MAX]
        ends = [End(run.claim, end.state, end.reason, end.usage, texts) for run, end, texts in together]
        if len(ends) > 1 and self._store.claims.finish_together(ends):
            for run, end, _texts in together:
                self._ended(run, end)

    def _store_bulky(self, run: Run, now: float) -> None:
        """Store one slice of what is large, and then leave the database to others for a while."""
        began = time.monotonic()
        run.looked = now
        self._store_run(run, now, began)
        if len(self._runs.by_id) > 1:
            ended = time.monotonic()
            self._bulky_at = ended + (ended - began) * (1 / BULKY_SHARE - 1)

    def _store_run(self, run: Run, now: float, until: float) -> None:
        """Store some of what waits, and the end behind the last of it."""
        run.due = now  # until there is nothing left
        try:
            if run.given_back:
                self._store.claims.release(run.claim, suspect=run.suspect, counts=run.counts)
                self._over(run, "queued")
                return
            exhausted = run.waiting_bytes > 0 and self._store.is_exhausted()
            if exhausted:
                self._spare(run, now)
            while run.files:
                # First the files, then the message that announces them.
                self._store_piece(run)
                if time.monotonic() > until:
                    return
            texts = run.gather(APPEND_BYTES_MAX, APPEND_MESSAGES_MAX)
            if run.ending and len(texts) == len(run.pending):
                ending = run.ending
                self._store.claims.finish(run.claim, ending.state, ending.reason, ending.usage, texts)
                self._ended(run, ending)
                return
            if texts:
                self._store.claims.append(run.claim, texts)
                run.note_stored(texts, now)
                run.spared_bytes += sum(map(len, texts)) if exhausted else 0
            if not run.pending:
                run.due = math.inf
        except LostClaimError:
            self.figures.count_conflicts(1)
            self._runs.drop(run, now)

    def _store_piece(self, run: Run) -> None:
        run.writing = run.writing or self._write(run)
        try:
            next(run.writing)
        except StopIteration:
            run.files.pop(0)
            run.writing = None
        except BaseException:
            run.writing = None  # and what there is of it is discarded
            raise

    def _write(self, run: Run) -> Iterator[None]:
        file = run.files[0]
        with self._store.files.write(run.claim, file.name) as writer:
            for start in range(0, len(file.data), APPEND_BYTES_MAX):
                writer.write(bytes(file.data[start : start + APPEND_BYTES_MAX]))
                yield

    def _spare(self, run: Run, now: float) -> None:
        """End a run that wants to store more than its share of the last room; there is still room for a short end."""
        if run.files or run.spared_bytes + run.waiting_bytes > SPARED_BYTES_MAX:
            log.warning("cell=%s the disk has no room for what it makes", run.claim.id)
            self._runs.cut(run, now)

    def _ended(self, run: Run, ending: Ending) -> None:
        self._count(run)
        self.figures.count(run, ending.state)
        self._over(run, ending.state, ending.reason)

    def _over(self, run: Run, state: str, reason: str | None = None) -> None:
        self._runs.forget_stored(run)
        said = f" {reason}" if reason else ""
        log.info(
            "cell=%s running→%s%s session=%s attempt=%d", run.claim.id, state, said, run.claim.session,
            run.claim.attempt, extra={"fields": _fields(run, state, reason)},
        )  # fmt: skip

    def count(self) -> None:
        """Have the store count for their clients what runs have stored, and charge what they have used."""
        charged, self._uncharged = self._uncharged, {}
        try:
            self._store.budgets.charge(charged)
        except StoreUnavailableError:
            self._uncharged = charged
            raise
        counted, self._uncounted = self._uncounted, Counter()
        try:
            self._store.clients.count(counted)
        except StoreUnavailableError:
            self._uncounted.update(counted)
            raise

    def _count(self, run: Run) -> None:
        claim = run.claim
        usage = run.ending.usage if run.ending else None
        if usage and claim.lane is not None:
            self._uncharged[claim.requester] = self._uncharged.get(claim.requester, 0.0) + usage["cpu_s"]
        if claim.client is not None:
            self._uncounted[claim.client] += claim.stored_bytes - claim.counted_bytes
            claim.counted_bytes = claim.stored_bytes

    # --- wishes -------------------------------------------------------------------------------------------------
    def renew(self, now: float) -> None:
        """Renew every lease, and do what clients wished."""
        self._heed(self._store.claims.renew(self._claims()), now)

    def look_at_wishes(self, now: float) -> None:
        """Do what clients wished; a hint told of something."""
        claims = self._claims()
        if claims:
            self._heed(self._store.claims.wishes(claims), now)

    def end_sessions(self, now: float) -> None:
        """Close the sessions whose end a client asked for."""
        if self._runs.kept:
            for id in self._store.sessions.ending(self._id):
                session = self._runs.kept.get(id)
                if session is not None:
                    session.close(now, "cancelled")

    def _claims(self) -> list[Claim]:
        return [run.claim for run in self._runs.by_id.values()]

    def _heed(self, wishes: Sequence[Wish], now: float) -> None:
        for wish in wishes:
            run = self._runs.by_id.get(wish.claim.id)
            if run is None or run.claim is not wish.claim:
                continue
            if wish.lost:
                # An end whose storing has an unknown outcome may be stored: then the claim is over, not lost.
                if not run.claim.unsure:
                    self.figures.count_conflicts(1)
                    self._runs.drop(run, now)
            elif not run.over:
                self._fulfil(run, wish, now)

    def _fulfil(self, run: Run, wish: Wish, now: float) -> None:
        session = run.session
        if wish.cancel and not run.cancelled:
            run.cancelled = True
            if session is None:
                self._runs.end(run, "cancelled", "cancelled")
            else:
                session.close(now, "cancelled")
        if session is None:
            return  # it has not begun; interrupts and input replies wait
        for _ in range(run.interrupts_sent, wish.interrupt):
            session.interrupt(run.claim.id)
            run.clock.go_on(now)
        run.interrupts_sent = max(run.interrupts_sent, wish.interrupt)
        for value in wish.answers[run.answers_sent :]:
            self._reply(run, session, value, now)
        run.answers_sent = max(run.answers_sent, len(wish.answers))

    def _reply(self, run: Run, session: Session, value: str, now: float) -> None:
        try:
            session.reply(run.claim.id, value)
            run.clock.go_on(now)
        except FrameTooLongError as error:
            log.warning("cell=%s an input reply was not passed on: %s", run.claim.id, error)
            self._runs.stop(run, "failed", "protocol", now)


def _fields(run: Run, state: str, reason: str | None) -> dict[str, Any]:
    """Return what a JSON line says of a run that is over here."""
    claim, usage = run.claim, run.ending.usage if run.ending else None
    began = run.clock.began or run.ended
    return {
        "computation": claim.id, "session": claim.session, "language": claim.language, "attempt": claim.attempt,
        "state": state, "reason": reason, "queue_s": round(claim.waited_s, 3), "start_s": round(began - run.claimed, 3),
        "run_s": round(run.ended - began, 3), "cpu_s": usage["cpu_s"] if usage else None,
    }  # fmt: skip


def _may_be_short(run: Run) -> bool:
    """Return whether all that is left of a run that is over may go into its computation, in one update."""
    over = run.ending is not None and not run.given_back
    return over and not run.files and not run.claim.unsure and run.waiting_bytes <= INSIDE_BYTES_MAX


def _is_bulky(run: Run) -> bool:
    return bool(run.files) or run.waiting_bytes > APPEND_BYTES_MAX
