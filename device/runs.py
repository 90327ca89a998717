"""What this device has taken on: its runs, the sessions that it keeps, and how each of them ends."""

from __future__ import annotations

import logging
import math
import uuid
from collections import Counter, deque
from collections.abc import Iterator
from dataclasses import dataclass, field
from operator import itemgetter
from typing import TYPE_CHECKING, Any

from contract import Reason
from device.conversation import TOTALS, Conversation
from device.errors import KernelProtocolError
from device.inbox import FRAME_BYTES, Inbox
from device.output_files import OutputFiles, WholeFile
from jupyter import DISK_FULL, Overtime
from settings import Settings
from store import Claim
from wire import CHUNK_BYTES, Close

if TYPE_CHECKING:
    from device.account import Account


LATE_FRAMES_MAX = 1000  # that may still be on their way when a session is closed


@dataclass(eq=False)
class Session:
    """A session, from Open to Closed. Times: seconds of the monotonic clock.

    ``alias`` is its name across the wall, a new one each time: nothing that an earlier attempt still says can be taken
    for the next one's. ``run``: what its frames are about now; ``inbox``: those that wait. ``ours``: whether the store
    counts it as this device's.
    ``hinted``: whether a next turn may wait until it is idle; of turns submitted before it was ours no hint came.
    """

    id: str
    account: Account
    language: str
    keep: bool
    born: float
    alias: str = field(default_factory=lambda: str(uuid.uuid4()))
    run: Run | None = None
    inbox: Inbox = field(default_factory=Inbox)
    hinted: bool = True
    idle_since: float = 0.0
    ours: bool = True
    closing_since: float | None = None
    close_reason: Reason = "session_gone"
    late_frames: int = 0

    @property
    def idle(self) -> bool:
        """Whether it could take its next turn."""
        return self.run is None and self.closing_since is None

    def overdue(self, now: float, idle_s: float, life_s: float) -> bool:
        """Whether it has been idle, or alive, for too long."""
        return self.idle and (now - self.idle_since > idle_s or now - self.born > life_s)


@dataclass(frozen=True)
class Ending:
    """How it ended, when it has."""

    state: str
    reason: Reason | None
    usage: dict[str, Any] | None = None


@dataclass(eq=False)
class Run:
    """A claim, the session that it runs in, once it has begun, and what waits to be stored.

    Times: seconds of the monotonic clock. ``given_back``: it may be tried again, as a ``suspect``
    when what it ran on died.
    ``checked_s``: CPU time that the checks of its output took, ``inline_s`` of it in the device's loop.
    ``uploads``: what came with it, once it is read; ``reading`` reads it piece by piece.
    ``writing``: what stores the first of ``files``, piece by piece; an end in between discards it.
    ``waiting_bytes_max``: what may wait to be checked: what it may say and hand over, and the frames around that.
    """

    claim: Claim
    conversation: Conversation
    incoming: OutputFiles
    claimed: float
    waiting_bytes_max: int
    session: Session | None = None
    began: float = 0.0
    asking_since: float | None = None
    asked_s: float = 0.0
    uploads: list[tuple[str, bytes]] = field(default_factory=list)
    reading: Iterator[None] | None = None
    interrupts_sent: int = 0
    answers_sent: int = 0
    cancelled: bool = False
    overtime: Overtime = "running"  # should it end with ``time_wall``
    files: list[WholeFile] = field(default_factory=list)
    pending: list[bytes] = field(default_factory=list)
    pending_bytes: int = 0
    writing: Iterator[None] | None = None
    due: float = math.inf  # when what waits is to be stored
    stored: float = 0.0  # when that was done last
    looked: float = 0.0  # when it was looked whether there is something
    spared_bytes: int = 0  # stored since the disk has had no room for more
    ending: Ending | None = None
    given_back: bool = False
    suspect: bool = False
    checked_s: float = 0.0
    inline_s: float = 0.0

    @classmethod
    def of(cls, claim: Claim, settings: Settings, now: float) -> Run:
        """Return the run of a new claim, under the limits of its language."""
        limits = settings.of_language(claim.language)
        messages_bytes = TOTALS * (limits.cell_output_bytes_max + FRAME_BYTES * limits.cell_messages_max)
        pieces = limits.cell_files_max + limits.cell_files_bytes_max // CHUNK_BYTES
        most = messages_bytes + limits.cell_files_bytes_max + FRAME_BYTES * pieces
        return cls(claim, Conversation(claim, limits), OutputFiles(claim.id, limits), now, most)

    @property
    def over(self) -> bool:
        """Whether nothing more is to come of it."""
        return self.ending is not None or self.given_back

    @property
    def waiting_bytes(self) -> int:
        """How much of it waits to be stored."""
        files_bytes = sum(len(file.data) for file in self.files)
        return files_bytes + self.pending_bytes + self.conversation.waiting_bytes

    def gather(self, bytes_max: int, messages_max: int) -> list[bytes]:
        """Return the messages that are to be stored next: as many as there are, at least one, at most so many."""
        if self.conversation.waiting_bytes:
            self.pending += self.conversation.drain()
            self.pending_bytes = sum(map(len, self.pending))
        size_bytes = count = 0
        for text in self.pending[:messages_max]:
            size_bytes += len(text)
            if count and size_bytes > bytes_max:
                break
            count += 1
        return self.pending[:count]

    def stored_messages(self, texts: list[bytes]) -> None:
        """Note that these are stored."""
        del self.pending[: len(texts)]
        self.pending_bytes -= sum(map(len, texts))

    def asks(self, now: float) -> None:
        """Note that the code waits for an answer: the time until then is not its own."""
        if self.asking_since is None:
            self.asking_since = now

    def asks_no_more(self, now: float) -> None:
        """Note that it has its answer, or was interrupted."""
        if self.asking_since is not None:
            self.asked_s += now - self.asking_since
            self.asking_since = None

    def wall_s(self, now: float) -> float:
        """Return how long it has run, as it looks from here, without the time that it waited for answers."""
        waiting_s = now - self.asking_since if self.asking_since is not None else 0.0
        return now - self.began - self.asked_s - waiting_s

    def overtime_of(self, wall_s: float, now: float, settings: Settings) -> Overtime:
        """Return what it has had too much of, as it ends with ``time_wall`` after running for ``wall_s``."""
        if wall_s > settings.cell_wall_s:
            return "running"
        if now - self.began > settings.cell_total_s:
            return "in_all"
        return "asking" if self.asking_since is not None else "running"

    def overdue(self, now: float, settings: Settings, last_file: float) -> bool:
        """Whether the supervisor has let it run far beyond its limits; ``last_file``: when a file last came from it."""
        margin_s = settings.cell_interrupt_grace_s + 2 * settings.heartbeat_timeout_s
        if now - max(self.began + settings.cell_total_s, last_file) > margin_s:
            return True
        if self.asking_since is not None:
            return now - self.asking_since > settings.cell_input_s + 2 * settings.heartbeat_timeout_s
        since = max(self.began + self.asked_s + settings.cell_wall_s, last_file)
        return now - since > margin_s


# Before that a supervisor may not have said yet that a run that waits for an answer left its place to others.
SETTLED_S = 2.0
CREDIT_S = 0.5  # so long after a session was closed its place is granted, on a busy machine
log = logging.getLogger(__name__)


class Runs:
    """``by_id``: by computation. ``kept``: by the store's session id. ``gone``: whose end is not stored yet."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self.by_id: dict[str, Run] = {}
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
        return not any(run.claim.suspect and not run.over for run in self.by_id.values())

    def limits_of(self, run: Run) -> Settings:
        """The settings with the limits of the run's language."""
        return self._settings.of_language(run.claim.language)

    def asking(self, now: float) -> list[Session]:
        """The sessions that have waited for an answer for a while, the one that has waited longest first."""
        waits = [(run.asking_since, run.session) for run in self.by_id.values() if run.asking_since and run.session]
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
        self.by_id.pop(run.claim.id, None)
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
            except KernelProtocolError as improper:  # too many names for one message
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
