"""What this device has taken on: its runs, the sessions that it keeps, and how each of them ends."""

from __future__ import annotations

import logging
from collections import Counter, deque
from operator import itemgetter
from typing import Any

from contract import Reason
from device.refusal import Improper
from device.run import Ending, Run
from device.session import Session
from jupyter import DISK_FULL
from settings import Settings
from wire import Close

# Before that a supervisor may not have said yet that a run that waits for an answer left its place to others.
SETTLED_S = 2.0
CREDIT_S = 0.5  # so long after a session was closed its place is granted, on a busy machine
log = logging.getLogger(__name__)


class Ledger:
    """``runs``: by computation. ``kept``: by the store's session id. ``gone``: whose end is not stored yet."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self.runs: dict[str, Run] = {}
        self.kept: dict[str, Session] = {}
        self.gone: deque[Session] = deque()
        self.cleared = False  # whether a suspect has ended, so that the next may run
        self.rested: set[str] = set()  # the sessions that have become idle since this was last looked at

    @property
    def idle(self) -> list[Session]:
        """The sessions that could take their next turn."""
        return [session for session in self.kept.values() if session.idle]

    @property
    def takes_suspects(self) -> bool:
        """Whether a computation that was there when what it ran on died may run here: never two of them at once.

        So the one whose fault it is dies without the others, which come to their ends.
        """
        return not any(run.claim.suspect and not run.over for run in self.runs.values())

    def limits_of(self, run: Run) -> Settings:
        """The settings with the limits of the run's language."""
        return self._settings.of_language(run.claim.language)

    def asking(self, now: float) -> list[Session]:
        """The sessions that have waited for an answer for a while, the one that has waited longest first."""
        waits = [(run.asking_since, run.session) for run in self.runs.values() if run.asking_since and run.session]
        return [session for since, session in sorted(waits, key=itemgetter(0)) if now - since > SETTLED_S]

    def dispensable(self, now: float, with_idle: bool) -> list[Session]:
        """Return the sessions whose end gives a place to others: idle ones, then askers; each the longest first.

        A session that waits for an answer takes no place, unless there are too many of them in its account.
        """
        idle = sorted(self.idle, key=lambda session: session.idle_since) if with_idle else []
        asking = self.asking(now)
        counts = Counter(session.account for session in asking)
        too_many = {
            account
            for account, count in counts.items()
            if account.full and count > account.resting and now - account.closed_at > CREDIT_S
        }
        return idle + [session for session in asking if session.account in too_many]

    # --- runs ---------------------------------------------------------------------------------------------------
    def end(
        self,
        run: Run,
        state: str,
        reason: Reason | None,
        usage: dict[str, Any] | None = None,
        words: tuple[str, str] | None = None,
    ) -> None:
        """Note how a run ended; what it left unsaid is said, so that its conversation is whole.

        ``words``: name and sentence of its error, where the reason alone does not say what happened.
        """
        self._say_files(run)
        if reason is not None:
            run.conversation.close(reason, self.limits_of(run), run.overtime, words)
        run.ending, run.due = Ending(state, reason, usage), 0.0
        self._detach(run)

    def stop(self, run: Run, state: str, reason: Reason, now: float) -> None:
        """End a run from here, and kill its session."""
        session = run.session
        self.end(run, state, reason)
        if session is not None:
            session.inbox.forget()
            self.close(session, now)

    def cut(self, run: Run, now: float) -> None:
        """End a run whose output or files there is no room for; what is not stored of it is not said."""
        session, ending = run.session, run.ending
        reason: Reason = "files" if run.files or run.incoming.open else "output"
        run.incoming.forget(run.files)
        run.files.clear()
        run.writing = None
        run.pending = run.conversation.cut(run.pending)
        if ending is not None and ending.reason is not None:
            self.end(run, ending.state, ending.reason, ending.usage)  # it had a worse end already
        else:
            self.end(run, "failed", reason, ending.usage if ending else None, DISK_FULL)
        if session is not None:
            session.inbox.forget()
            self.close(session, now)

    def give_back(self, run: Run, *, suspect: bool = True) -> None:
        """End a run that does not come to its end here: it is tried again, if it may be.

        ``suspect``: what it ran on died, perhaps by it.
        """
        if run.cancelled:
            self.end(run, "cancelled", "cancelled")
        elif run.claim.turn > 0:
            self.end(run, "failed", "session_gone")
        elif run.claim.attempt >= self._settings.attempts_max:
            self.end(run, "lost", "lost")
        else:
            run.given_back, run.suspect, run.due = True, suspect, 0.0
            if run.session is not None:
                run.session.ours = False  # the store lets go of it with the run
            self._detach(run)

    def drop(self, run: Run, now: float) -> None:
        """Forget a run whose claim was lost; kill what runs of it."""
        log.warning("cell=%s the claim was lost", run.claim.id)
        self.runs.pop(run.claim.id, None)
        session = run.session or self.kept.get(run.claim.session)
        self._detach(run)
        if session is not None:
            session.ours = False
            session.inbox.forget()
            self.close(session, now)

    def announce_files(self, run: Run) -> None:
        """Have the run's conversation show the files that it made, and why some are missing."""
        content = run.incoming.announce()
        if content is not None:
            run.conversation.say("display_data", content)
        for sentence in run.incoming.refusals:
            run.conversation.say("stream", {"name": "stderr", "text": sentence})
        run.incoming.refusals.clear()

    def _say_files(self, run: Run) -> None:
        conversation = run.conversation
        if conversation.began and not conversation.replied and not conversation.ended:
            try:
                self.announce_files(run)
            except Improper as improper:  # too many names for one message
                log.warning("cell=%s %s", run.claim.id, improper)

    def _detach(self, run: Run) -> None:
        session = run.session
        if session is not None:
            if session.account.receiving is session:
                session.account.receiving = None
            session.run = run.session = None

    # --- sessions -----------------------------------------------------------------------------------------------
    def close(self, session: Session, now: float, reason: Reason = "session_gone") -> None:
        """Kill a session; it is over when the supervisor says Closed."""
        if session.closing_since is None:
            session.closing_since, session.close_reason = now, reason
            session.account.send(Close(session.alias))

    def rest(self, session: Session, now: float) -> None:
        """Note that a session has come to the end of a turn."""
        session.idle_since = now
        if session.keep:
            self.rested.add(session.id)
        else:
            self.kept.pop(session.id, None)
            if session.closing_since is None:
                session.closing_since = now  # by itself: the turn was its last

    def forget(self, session: Session) -> None:
        """Note that a session is no more, for the store to know if it counts it as ours."""
        if self.kept.get(session.id) is session:
            del self.kept[session.id]
        if session.keep and session.ours:
            self.gone.append(session)

    def lose(self, sessions: list[Session], nonsense: bool) -> None:
        """End what ran in sessions that were lost with their account."""
        for session in sessions:
            run = session.run
            if run is not None:
                self.end(run, "failed", "protocol") if nonsense else self.give_back(run)
            self.forget(session)
