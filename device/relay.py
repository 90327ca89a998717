"""From the wall to the ledger: frames about sessions become messages, files and ends."""

from __future__ import annotations

import logging
import math
from typing import Any

from device.account import Account
from device.ledger import Ledger
from device.refusal import Improper, Nonsense, printable
from device.run import Run
from device.session import LATE_FRAMES_MAX, Session
from store import Reason
from wire import Closed, File, Finished, Output, Up, Usage

MEMORY_BYTES_MAX = 1 << 50
SECONDS_MAX = 1e9
# What a cell says is stored so much later, with what follows: most cells are over by then, and cost one write.
GATHER_S = 0.01
# So much later when nothing of it is to be seen, and so long after what was stored before: students see no difference.
UNSEEN_S, PACE_S = 0.1, 0.05
UNSEEN = ("status", "execute_input", "execute_reply")
log = logging.getLogger(__name__)


class Relay:
    """Takes frames of the accounts into the books."""

    def __init__(self, ledger: Ledger) -> None:
        self._ledger = ledger

    def take(self, account: Account, frame: Up, now: float) -> None:
        """Deal with one frame about a session. Raises Nonsense when the supervisor may not send it."""
        if not isinstance(frame, (Output, File, Finished, Closed)):
            raise Nonsense(f"a frame {type(frame).__name__} that is out of place")
        session = account.sessions.get(frame.session)
        if session is None:
            raise Nonsense("a session that it was not given")
        if isinstance(frame, Closed):
            self._closed(session, frame.reason)
            return
        run = session.run
        if run is None:
            self._take_late(session)
            return
        if run.claim.id != frame.computation:
            raise Nonsense("a computation that does not run in its session")
        try:
            match frame:
                case Output():
                    self._output(run, frame, now)
                case File():
                    self._file(account, session, run, frame, now)
                case Finished():
                    self._finished(session, run, frame, now)
        except Improper as improper:
            log.warning("cell=%s its kernel said what it may not: %s", run.claim.id, printable(str(improper)))
            self._ledger.stop(run, "failed", improper.reason, now)

    def _take_late(self, session: Session) -> None:
        session.late_frames += 1
        if session.closing_since is None or session.late_frames > LATE_FRAMES_MAX:
            raise Nonsense("something of a computation that is over")

    def _output(self, run: Run, frame: Output, now: float) -> None:
        if not frame.messages:
            raise Nonsense("output without a message")
        conversation = run.conversation
        questions = conversation.questions
        for message in frame.messages:
            if conversation.began and not conversation.replied and message.msg_type in ("execute_reply", "status"):
                if run.incoming.open:
                    raise Nonsense("the end of a computation in the middle of a file")
                self._ledger.announce_files(run)
            conversation.take(message)
        if conversation.questions > questions:
            run.asks(now)
            run.due = min(run.due, now + GATHER_S)
        elif all(message.msg_type in UNSEEN for message in frame.messages):
            run.due = min(run.due, now + UNSEEN_S)
        else:
            run.due = min(run.due, max(now + GATHER_S, run.stored + PACE_S))

    def _file(self, account: Account, session: Session, run: Run, piece: File, now: float) -> None:
        if run.conversation.replied or run.conversation.ended:
            raise Nonsense("a file after the reply")
        if account.receiving not in (None, session):
            raise Nonsense("a file in the middle of another session's")
        file = run.incoming.take(piece)
        account.receiving = session if run.incoming.open else None
        account.last_file = now
        if file is not None:
            run.files.append(file)
            run.due = now

    def _finished(self, session: Session, run: Run, frame: Finished, now: float) -> None:
        usage = _checked_usage(frame.usage)
        if run.incoming.open:
            raise Nonsense("an end in the middle of a file")
        if (frame.reason is None) != (frame.state == "done"):
            raise Nonsense("an end that is both done and failed")
        if frame.reason is not None:
            self._failed(run, frame.reason, usage)
            session.closing_since = session.closing_since or now  # its kernel is dead, and Closed comes
            return
        elif not run.conversation.whole:
            raise Improper("its end came before execute_reply and idle")
        elif run.cancelled:
            self._ledger.end(run, "cancelled", "cancelled", usage)
        else:
            self._ledger.end(run, "done", None, usage)
        session.keep = session.keep and run.claim.keep
        self._ledger.rest(session, now)

    def _failed(self, run: Run, reason: Reason, usage: dict[str, Any] | None) -> None:
        if reason == "lost":
            raise Nonsense("a reason that is not its own to give")
        if run.cancelled or (reason == "cancelled" and run.interrupts_sent):
            # An interrupt that the code did not obey ends in a kill.
            self._ledger.end(run, "cancelled", "cancelled", usage)
        elif not run.conversation.began and (reason == "kernel_died" or run.claim.turn > 0):
            self._ledger.give_back(run)  # nothing of its code ran: what killed the kernel was not its doing
        else:
            self._ledger.end(run, "failed", "kernel_died" if reason == "cancelled" else reason, usage)

    def _closed(self, session: Session, reason: Reason) -> None:
        run = session.run
        if run is not None:
            self._failed(run, reason, None)
        del session.account.sessions[session.alias]
        if session.closing_since is None and reason not in ("cancelled", "lost"):
            session.close_reason = reason
        self._ledger.forget(session)


def _checked_usage(usage: Usage) -> dict[str, Any]:
    times_s = (usage.wall_s, usage.cpu_s)
    if not all(math.isfinite(time_s) and 0 <= time_s <= SECONDS_MAX for time_s in times_s):
        raise Nonsense("a use of time that is no time")
    if not 0 <= usage.memory_bytes <= MEMORY_BYTES_MAX:
        raise Nonsense("a use of memory that is no memory")
    return {"wall_s": usage.wall_s, "cpu_s": usage.cpu_s, "memory_bytes": usage.memory_bytes}
