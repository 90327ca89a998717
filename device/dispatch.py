"""Claims from the queue what the accounts have room for, as the trigger says, and has it handed over."""

from __future__ import annotations

from collections import Counter, deque
from collections.abc import Iterable, Iterator, Sequence
from operator import itemgetter

from device.account import Account
from device.claim_trigger import Claimable, ClaimTrigger
from device.figures import Figures
from device.handover import Handover
from device.registry import Runs
from device.runs import Run, Session
from device.shares import Begun, passed_over
from settings import Settings
from store import NOBODY_PASSED, Claim, PassedOver, Store

CLAIMS_A_ROUND = 8  # then what runs has its turn
# Before that a supervisor may not have said yet that a run that waits for an answer left its place to others.
SETTLED_S = 2.0
OWN_CLAIMS_MAX = 1000  # that are remembered: a hint may come after the claim
CREDIT_S = 0.5  # so long after a session was closed its place is granted, on a busy machine


class Dispatcher:
    """The part of the device that claims computations and has them handed over.

    Every method may raise StoreUnavailableError; what is claimed then begins with the next call. ``opens_sessions``:
    whether first turns are claimed, too.
    """

    opens_sessions = True

    def __init__(
        self, device_id: str, store: Store, settings: Settings, runs: Runs, accounts: Sequence[Account],
        trigger: ClaimTrigger, figures: Figures,
    ) -> None:  # fmt: skip
        self._id, self._store, self._settings, self._runs = device_id, store, settings, runs
        self._accounts, self._trigger, self._figures = accounts, trigger, figures
        self._own_claims: deque[str] = deque(maxlen=OWN_CLAIMS_MAX)
        self._handover = Handover(store, settings, runs, accounts)
        self._begun = Begun(settings.page_begins_per_s)
        self._passed = NOBODY_PASSED  # as the last claim had it

    def step(self, now: float) -> None:
        """Begin what was claimed and can begin; then claim and begin what there may be."""
        self._handover.begin(now)
        if self._store.is_exhausted():
            self._trigger.postpone(now)
            return
        if self._passed != NOBODY_PASSED and self._passed != self._passed_over(now):
            self._trigger.look()  # somebody has room for more again
        claimable = self._trigger.take(now, is_full=any(account.free <= 0 for account in self._accounts))
        for id in claimable.turns:
            session = self._runs.kept.get(id)
            if session is not None:
                session.turn_may_wait = True
        if self._claim_anything(now) if claimable.anything else self._claim_hinted(now, claimable):
            self._trigger.look()

    def _claim_anything(self, now: float) -> bool:
        """Claim what can begin; return whether there may be more."""
        turns_may_wait = True
        for _ in range(CLAIMS_A_ROUND):
            idle = [session.id for session in self._runs.kept.idle] if turns_may_wait else []
            claim = self._claim_one(now, idle)
            if not self._take_on(claim, now):
                return False
            # Next turns go first, so there is none; one that comes now has its own hint.
            turns_may_wait = turns_may_wait and claim is not None and claim.turn > 0
        return True

    def _claim_hinted(self, now: float, claimable: Claimable) -> bool:
        """Claim what hints and idle sessions tell of; return whether there may be more.

        When this finds all that it looks for, nobody asks whether there is more: that has its own hint.
        """
        claims = self._store.claims
        for session in self._idle_of(claimable.turns):
            session.turn_may_wait = claimable.turns[session.id] > 1
            self._take_on(claims.claim_turn(self._id, session.id), now)
        for session in self._idle_of(claimable.idle):
            if session.turn_may_wait:
                claim = claims.claim(self._id, languages=[], sessions=[session.id], new_sessions=False)
                session.turn_may_wait = self._take_on(claim, now)  # and perhaps one more
        for _ in range(min(claimable.submitted, CLAIMS_A_ROUND)):
            if not self._take_on(self._claim_one(now, []), now):
                self._count_conflicts(claimable.told)
                return False
        return claimable.submitted > CLAIMS_A_ROUND

    def _count_conflicts(self, told: Sequence[str]) -> None:
        """Count those new computations that were claimed by another device before us, if we had room for them."""
        if self.opens_sessions and any(account.free > self._handover.waiting for account in self._accounts):
            self._figures.count_conflicts(len(set(told).difference(self._own_claims)))

    def _idle_of(self, ids: Iterable[str]) -> Iterator[Session]:
        # One by one: the next turn that begins makes its session busy.
        for id in ids:
            session = self._runs.kept.get(id)
            if session is not None and session.idle:
                yield session

    def _take_on(self, claim: Claim | None, now: float) -> bool:
        """Begin what was claimed, if anything was; return whether it was."""
        if claim is None:
            return False
        self._own_claims.append(claim.id)
        if claim.id in self._runs.by_id:
            # Its lease had run out, and we were the first to find it queued again.
            self._runs.drop(self._runs.by_id[claim.id], now)
        self._begun.add(claim, now)
        run = self._runs.by_id[claim.id] = Run.of(claim, self._settings, now)
        self._handover.take(run, now)
        if claim.suspect and len(suspects := self._runs.suspects) > 1:
            self._store.claims.note_company([one for one in suspects if not one.company])
        return True

    def _claim_one(self, now: float, turns_of: Sequence[str]) -> Claim | None:
        """Claim a next turn of these sessions, else a first turn where its session has room or room can be made."""
        tried: set[frozenset[str]] = set()
        if not self.opens_sessions:
            return self._claim_turn(turns_of)
        for account in self._with_room():
            languages = frozenset(account.languages)
            if languages not in tried:
                claim = self._claim_in(languages, now, turns_of)
                if claim is not None:
                    return claim
                tried.add(languages)
        if not tried and (claim := self._claim_turn(turns_of)) is not None:
            return claim
        return None if self._handover.waiting else self._claim_for_room(set().union(*tried), now)

    def _claim_turn(self, turns_of: Sequence[str]) -> Claim | None:
        if not turns_of:
            return None
        return self._store.claims.claim(self._id, languages=[], sessions=turns_of, new_sessions=False)

    def _claim_in(self, languages: Iterable[str], now: float, turns_of: Sequence[str] = ()) -> Claim | None:
        self._passed = self._passed_over(now)
        return self._store.claims.claim(
            self._id, languages=sorted(languages), sessions=turns_of, new_sessions=True,
            suspects=self._runs.takes_suspects, alone=not self._runs.suspects, passed=self._passed,
        )  # fmt: skip

    def _passed_over(self, now: float) -> PassedOver:
        runs = self._runs.by_id
        free = sum(max(0, account.free) for account in self._accounts) - self._handover.waiting
        # Of more places than there are runs nobody has too many: then no session that rests need be counted.
        if self._settings.session_idle_gives_way and free <= len(runs):
            free += len(self._runs.kept.idle)
        return passed_over(runs.values(), free, self._settings) | self._begun.passed_over(now)

    def _with_room(self) -> list[Account]:
        """Return the accounts that can take a session now, the one with most room first."""
        # What was claimed and has not begun will need the room.
        able = [account for account in self._accounts if account.free > self._handover.waiting]
        return sorted(able, key=lambda account: account.free, reverse=True)

    # --- making room --------------------------------------------------------------------------------------------
    def _claim_for_room(self, served: set[str], now: float) -> Claim | None:
        """Claim what waits for a worker, and let a session that computes nothing make room for it.

        ``served``: languages for which there is room, so that nothing waits for a worker in one of them.
        """
        if all(served.issuperset(account.languages) for account in self._accounts):
            return None
        for session in self._dispensable(now):
            languages = set(session.account.languages) - served
            if not languages:
                continue
            served |= languages
            claim = self._claim_in(languages, now)
            if claim is not None:
                self._make_room(claim.language, now)
                return claim
        return None

    def _make_room(self, language: str, now: float) -> None:
        """End as many sessions as must end for one more in this language to have room."""
        # One in an account that speaks other languages would make no room for it.
        able = [session for session in self._dispensable(now) if language in session.account.languages]
        here = next(account for account in self._accounts if account is able[0].account)
        lacking = here.lacking(sum(session.account is here for session in self._asking(now)))
        more = [session for session in able[1:] if session.account is here and session.idle]
        for session in [able[0], *more[: lacking - 1]]:
            if session.run is None:
                session.close(now)
            else:
                session.run.clock.overtime = "crowded"
                self._runs.stop(session.run, "failed", "time_wall", now)

    def _asking(self, now: float) -> list[Session]:
        """Return the sessions that have waited for an answer for a while, the one that has waited longest first."""
        runs = self._runs.by_id.values()
        waits = [(run.clock.asking_since, run.session) for run in runs if run.clock.asking_since and run.session]
        return [session for since, session in sorted(waits, key=itemgetter(0)) if now - since > SETTLED_S]

    def _dispensable(self, now: float) -> list[Session]:
        """Return the sessions whose end gives a place to others: idle ones, then those that wait for an answer.

        Of each kind the one that has been so for longest comes first. Sessions that wait for an answer take no place,
        unless there are too many of them in their account.
        """
        gives_way = self._settings.session_idle_gives_way
        idle = sorted(self._runs.kept.idle, key=lambda session: session.idle_since) if gives_way else []
        asking = self._asking(now)
        counts = Counter(id(session.account) for session in asking)
        crowded = [
            account
            for account in self._accounts
            if account.full and counts[id(account)] > account.resting and now - account.closed_at > CREDIT_S
        ]
        return idle + [session for session in asking if session.account in crowded]
