"""Keeps the runs and sessions that this device has taken on, and ends each of them in the right way."""

from __future__ import annotations

import logging
import time
from collections import deque
from typing import Any

from contract import Reason
from device.claim_trigger import ClaimTrigger
from device.errors import KernelProtocolError
from device.kept_sessions import SHARERS, KeptSessions
from device.runs import Ending, Run, Session, SessionAccount
from jupyter import DISK_FULL, NEVER_BEGAN
from settings import Settings
from store import Claim, Location

log = logging.getLogger(__name__)


class Runs:
    """The registry of all runs and kept sessions, and the only place where they begin and end.

    ``by_id``: runs by computation. ``kept``: the kept sessions. ``gone``: those whose end is not stored yet.
    ``astray``: kept sessions that rested when the connection to their supervisor was lost; it may still have them.
    """

    def __init__(self, settings: Settings, trigger: ClaimTrigger) -> None:
        self._settings, self._trigger = settings, trigger
        self.by_id: dict[str, Run] = {}
        self.kept = KeptSessions()
        self.gone: deque[Session] = deque()
        self.astray: list[Session] = []

    @property
    def takes_suspects(self) -> bool:
        """Whether a suspect may run here: not beside one that runs alone, so that the guilty dies without others."""
        return not any(claim.alone for claim in self.suspects)

    @property
    def suspects(self) -> list[Claim]:
        """The claims of the suspects that run here."""
        return [run.claim for run in self.by_id.values() if run.claim.suspect and not run.over]

    def limits_of(self, run: Run) -> Settings:
        """Return the settings with the limits of the run's language."""
        return self._settings.of_language(run.claim.language)

    # --- runs ---------------------------------------------------------------------------------------------------
    def begin(self, run: Run, session: Session, now: float) -> None:
        """Put a run into its session, which is opened for a first turn."""
        if run.claim.turn == 0:
            session.account.admit(session)
            if run.claim.keep:
                self.kept.put(session)
                account, asked_by = session.account, session.requester
                run.claim.location = Location(
                    account.identity, session.alias, account.heir_key, asked_by.client, asked_by.origin, asked_by.key
                )
        session.run, run.session, run.clock.began = run, session, now

    def end(
        self, run: Run, state: str, reason: Reason | None, usage: dict[str, Any] | None = None,
        words: tuple[str, str] | None = None,
    ) -> None:  # fmt: skip
        """Note how a run ended; what it left unsaid is said, so that its conversation is whole.

        ``words``: name and sentence of its error, where the reason alone does not say what happened.
        """
        try:
            run.announce_files()
        except KernelProtocolError as error:  # too many names for one message
            log.warning("cell=%s %s", run.claim.id, error)
        if reason is not None:
            run.conversation.close(reason, self.limits_of(run), overtime=run.clock.overtime, words=words)
        run.ending, run.due, run.ended = Ending(state, reason, usage), 0.0, run.ended or time.monotonic()
        self._detach(run)

    def stop(self, run: Run, state: str, reason: Reason, now: float) -> None:
        """End a run from here, and kill its session."""
        session = run.session
        self.end(run, state, reason)
        if session is not None:
            session.inbox.forget()
            session.close(now)

    def cut(self, run: Run, now: float) -> None:
        """End a run whose output or files there is no room for; what is not stored of it is not said."""
        session, ending = run.session, run.ending
        reason: Reason = "files" if run.files or run.output_files.open else "output"
        run.output_files.forget(run.files)
        run.files.clear()
        run.writing = None
        run.pending = run.conversation.cut(run.pending)
        if ending is not None and ending.reason is not None:
            self.end(run, ending.state, ending.reason, ending.usage)  # it had a worse end already
        else:
            self.end(run, "failed", reason, ending.usage if ending else None, DISK_FULL)
        if session is not None:
            session.inbox.forget()
            session.close(now)

    def give_back(self, run: Run, *, suspect: bool = True, counts: bool = True) -> None:
        """End a run that does not come to its end here: it is tried again, if it may be.

        ``suspect``: what it ran on died, perhaps by it. ``counts``: whether this attempt counts.
        """
        if run.cancelled:
            self.end(run, "cancelled", "cancelled")
        elif run.claim.turn > 0:
            self.end(run, "failed", "session_gone")
        elif counts and not (suspect and run.claim.company) and self._was_last(run.claim):
            self.end(run, "lost", "lost", words=None if run.conversation.began else NEVER_BEGAN)
        else:
            run.given_back, run.suspect, run.counts, run.due = True, suspect, counts, 0.0
            run.ended = time.monotonic()
            if run.session is not None:
                run.session.ours = False  # the store lets go of it with the run
            self._detach(run)

    def _was_last(self, claim: Claim) -> bool:
        return claim.attempt - claim.handed_back >= self._settings.attempts_max

    def drop(self, run: Run, now: float) -> None:
        """Forget a run whose claim was lost; kill what runs of it."""
        log.warning("cell=%s the claim was lost", run.claim.id)
        self.by_id.pop(run.claim.id, None)
        session = run.session or self.kept.get(run.claim.session)
        self._detach(run)
        if session is not None:
            session.ours = False
            session.inbox.forget()
            session.close(now)

    def forget_stored(self, run: Run) -> None:
        """Forget a run whose end is stored."""
        del self.by_id[run.claim.id]
        if run.claim.suspect:
            self._trigger.look()  # the next suspect may run

    def _detach(self, run: Run) -> None:
        session = run.session
        if session is not None:
            if session.account.receiving is session:
                session.account.receiving = None
            session.run = run.session = None

    # --- sessions -----------------------------------------------------------------------------------------------
    def rest(self, session: Session, now: float) -> None:
        """Note that a session has come to the end of a turn."""
        session.idle_since = now
        if session.keep:
            self._trigger.note_idle(session.id)
            for kind in SHARERS:
                self._bound_idle(kind, getattr(session.requester, kind), now)
        else:
            self.kept.drop(session.id)
            session.expect_end(now)  # the turn was its last

    def _bound_idle(self, kind: str, name: str | None, now: float) -> None:
        """End those idle sessions of a client, an origin or a key that are more than its share, longest idle first."""
        own = self.kept.idle_of(kind, name)
        most = getattr(self._settings, f"{kind}_sessions_max")
        if len(own) > most:
            for session in sorted(own, key=lambda session: session.idle_since)[: len(own) - most]:
                session.close(now)

    def forget(self, session: Session) -> None:
        """Note that a session is no more, for the store to know if it counts it as ours."""
        if self.kept.get(session.id) is session:
            self.kept.drop(session.id)
        if session.keep and session.ours:
            self.gone.append(session)

    def lose(self, sessions: list[Session], *, supervisor_at_fault: bool, leaves: bool) -> None:
        """End what ran in sessions that were lost with their account; ``leaves``: what rests may be found again."""
        for session in sessions:
            run = session.run
            if run is not None:
                self.end(run, "failed", "protocol") if supervisor_at_fault else self.give_back(run)
            elif leaves and session.idle and self.kept.get(session.id) is session:
                self.kept.drop(session.id)
                self.astray.append(session)
                session.astray_since = time.monotonic()
                continue
            self.forget(session)

    def inherit(self, session: Session) -> None:
        """Go on with a kept session of a device that has gone; it is the store's word that it is ours now."""
        self.kept.put(session)
        self._trigger.look()  # turns may wait for it

    def end_astray(self, account: SessionAccount) -> None:
        """End the sessions of an account that were not found again."""
        self._end_astray([session for session in self.astray if session.account is account])

    def end_long_astray(self, now: float) -> None:
        """End the sessions that their supervisor does not keep any longer."""
        grace_s = self._settings.session_grace_s
        self._end_astray([session for session in self.astray if now - session.astray_since > grace_s])

    def _end_astray(self, sessions: list[Session]) -> None:
        for session in sessions:
            self.astray.remove(session)
            if session.id not in self.kept:
                self.gone.append(session)

    def leave(self) -> None:
        """Leave what runs in kept sessions to the next device: it ends that, and goes on with the sessions."""
        for run in list(self.by_id.values()):
            if not run.over and run.claim.turn > 0 and run.session is not None and run.session.keep:
                del self.by_id[run.claim.id]
                self._detach(run)
