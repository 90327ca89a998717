"""Turns the supervisors' frames about sessions into messages, files and ends of runs."""

from __future__ import annotations

import logging
import time
from collections.abc import Sequence

from device.account import Account
from device.checking.pool import Checkers, Job
from device.checking.results import Checked, check_message, size_bytes, unpack_slice
from device.connect.connection import INLINE_BYTES_MAX, ROUND_S, LongOutput
from device.endings import Endings
from device.errors import KernelProtocolError, SupervisorProtocolError, printable
from device.inbox import Found, Item
from device.registry import Runs
from device.runs import Run, Session
from settings import Settings
from wire import Closed, File, Finished, Message, Output, Up, encode

LATE_FRAMES_MAX = 1000  # that may still be on their way when a session is closed
# What a cell says is stored so much later, with what follows: most cells are over by then, and cost one write.
GATHER_S = 0.01
# So much later when nothing of it is to be seen, and so long after what was stored before: readers see no difference.
UNSEEN_S, PACE_S = 0.1, 0.05
UNSEEN = ("status", "execute_input", "execute_reply")
# What is checked in the loop itself, where it is done before a process could be asked: at worst 1 ms for each frame
# (bench/checking.py), and so much CPU time for a computation in all.
INLINE_MESSAGES_MAX = 16
INLINE_S_MAX = 0.1
log = logging.getLogger(__name__)


class Relay:
    """The part of the device that turns the accounts' frames into what runs say.

    What a session may make slow to check is checked by ``checkers``; what comes about the session meanwhile waits.
    """

    def __init__(self, runs: Runs, endings: Endings, checkers: Checkers, settings: Settings) -> None:
        self._runs, self._endings, self._checkers, self._settings = runs, endings, checkers, settings
        self._unread: dict[Session, Account] = {}  # in whose inboxes something is, or was

    def take(self, account: Account, frame: Up | LongOutput, now: float) -> None:
        """Deal with one frame about a session, or have it wait. Raises SupervisorProtocolError."""
        if not isinstance(frame, (Output, LongOutput, File, Finished, Closed)):
            raise SupervisorProtocolError(f"a frame {type(frame).__name__} that is out of place")
        session = account.sessions.get(frame.session)
        if session is None or session.inbox.closes:
            raise SupervisorProtocolError("a session that is not open in it")
        if isinstance(frame, File) and session.run is not None:
            if account.receiving in (None, session):
                account.receiving = None if frame.last else session
            elif not frame.last:
                raise SupervisorProtocolError("a file of several pieces in the middle of another session's")
            account.last_file = now
        if not session.inbox.waits:
            self._deal(account, session, frame, now)
            return
        session.inbox.put(frame)
        self._unread[session] = account
        run = session.run
        if run is not None and session.inbox.size_bytes > run.waiting_bytes_max:
            self._stop(run, KernelProtocolError("more output than a computation may have", "output"), now)

    def go_on(self, account: Account, now: float) -> None:
        """Deal for a while with what need not wait any more. Raises SupervisorProtocolError."""
        until = time.monotonic() + ROUND_S
        ready = [session for session, at in self._waiting() if at is account and session.inbox.ready]
        while ready and time.monotonic() < until:
            for session in ready:
                self._deal(account, session, session.inbox.pop(), now)
            ready = [session for session in ready if session.inbox.ready]

    @property
    def is_ready(self) -> bool:
        """Whether something that waited can be dealt with."""
        return any(session.inbox.ready for session, _account in self._waiting())

    @property
    def held_bytes(self) -> int:
        """How much waits, or is being checked."""
        return sum(session.inbox.held_bytes for session, _account in self._waiting())

    def _waiting(self) -> list[tuple[Session, Account]]:
        """Return the sessions with something in their inboxes, and their accounts; forget the others."""
        for session, account in list(self._unread.items()):
            if not session.inbox.waits or account.sessions.get(session.alias) is not session:
                del self._unread[session]
        return list(self._unread.items())

    def _deal(self, account: Account, session: Session, item: Item, now: float) -> None:
        if isinstance(item, Closed):
            self._endings.closed(account, session, item.reason)
            return
        run = session.run
        if run is None:
            if not isinstance(item, Found):
                self._take_late(session)
            return
        if not isinstance(item, Found) and run.claim.id != item.computation:
            raise SupervisorProtocolError("a computation that does not run in its session")
        try:
            self._deal_with_run(account, session, run, item, now)
        except KernelProtocolError as error:
            self._stop(run, error, now)

    def _deal_with_run(self, account: Account, session: Session, run: Run, item: Item, now: float) -> None:
        match item:
            case Output():
                self._output(account, session, run, item, now)
            case LongOutput():
                self._check_apart(account, session, run, item.untrusted_bytes, now)
            case Found():
                self._found(run, item, now)
            case File():
                self._file(run, item, now)
            case Finished():
                self._endings.finished(session, run, item, now)

    def _stop(self, run: Run, error: KernelProtocolError, now: float) -> None:
        log.warning("cell=%s its kernel said what it may not: %s", run.claim.id, printable(str(error)))
        self._runs.stop(run, "failed", error.reason, now)

    def _take_late(self, session: Session) -> None:
        session.late_frames += 1
        if session.closing_since is None or session.late_frames > LATE_FRAMES_MAX:
            raise SupervisorProtocolError("something of a computation that is over")

    def _output(self, account: Account, session: Session, run: Run, frame: Output, now: float) -> None:
        if not frame.messages:
            raise SupervisorProtocolError("output without a message")
        if (
            run.inline_s > INLINE_S_MAX
            or run.checked_s > self._settings.check_cpu_s
            or len(frame.messages) > INLINE_MESSAGES_MAX
            or sum(map(size_bytes, frame.messages)) > INLINE_BYTES_MAX
        ):
            self._check_apart(account, session, run, encode(frame), now)
            return
        room = run.conversation.room
        for untrusted in frame.messages:
            began_s = time.thread_time()
            try:
                room.take(size_bytes(untrusted))
                checked = check_message(untrusted)
            finally:
                used_s = time.thread_time() - began_s
                run.inline_s += used_s
                run.checked_s += used_s
            self._add(run, checked)
        self._set_due(run, frame.messages, now)

    def _check_apart(
        self, account: Account, session: Session, run: Run, untrusted_bytes: bytes, now: float
    ) -> None:
        """Have a process check a frame; what follows in its session waits until that is done."""
        budget_s = self._settings.check_cpu_s
        if run.checked_s >= budget_s:
            raise KernelProtocolError("output that takes too long to check", "output")

        def take(job: Job, now: float) -> None:
            if session.inbox.job is job and job.findings is not None:  # else the computation was ended meanwhile
                session.inbox.job, session.inbox.looked = None, now
                run.checked_s = job.spent_s
                session.inbox.put_found(job.findings)

        job = Job("output", untrusted_bytes, run.conversation.room, budget_s, run.checked_s, take)
        session.inbox.job = job
        self._unread[session] = account
        self._checkers.put(job, now)

    def _found(self, run: Run, found: Found, now: float) -> None:
        if found.packed:
            messages = unpack_slice(found.packed)
            for message in messages:
                self._add(run, message)
            self._set_due(run, messages, now)
        match found.verdict:
            case "supervisor":
                raise SupervisorProtocolError(found.sentence)
            case "output" | "protocol":
                raise KernelProtocolError(found.sentence, found.verdict)

    def _add(self, run: Run, message: Checked) -> None:
        conversation = run.conversation
        if conversation.began and not conversation.replied and message.msg_type in ("execute_reply", "status"):
            if run.output_files.open:
                raise SupervisorProtocolError("the end of a computation in the middle of a file")
            run.announce_files()
        conversation.add(message)

    def _set_due(self, run: Run, messages: Sequence[Message | Checked], now: float) -> None:
        if any(message.msg_type == "input_request" for message in messages):
            run.clock.stop(now)
            run.due = min(run.due, now + GATHER_S)
        elif all(message.msg_type in UNSEEN for message in messages):
            run.due = min(run.due, now + UNSEEN_S)
        else:
            run.due = min(run.due, max(now + GATHER_S, run.stored + PACE_S))

    def _file(self, run: Run, piece: File, now: float) -> None:
        if run.conversation.replied or run.conversation.ended:
            raise SupervisorProtocolError("a file after the reply")
        file = run.output_files.take(piece)
        if file is not None:
            run.files.append(file)
            run.due = now
