"""From the wall to the store: what sessions say becomes messages, files and ends."""

from __future__ import annotations

import logging
from contextlib import suppress
from typing import TYPE_CHECKING

import msgspec

from device import contents, endings
from device.account import Account
from device.refusal import Nonsense
from device.run import Ending, Run
from store import Claim, LostClaim, Reason, StoreUnavailable
from wire import Answered, Closed, Deliver, File, Finished, Output, Up

if TYPE_CHECKING:
    from device.device import Device

log = logging.getLogger(__name__)


class Relay:
    """Takes frames of the accounts, and stores what they amount to."""

    def __init__(self, device: Device) -> None:
        self._device = device
        self._store, self._settings = device._store, device._settings

    # --- frames -------------------------------------------------------------------------------------------------
    def take(self, account: Account, frame: Up, now: float) -> None:
        """Deal with one frame. Raises Nonsense, when it may not be."""
        match frame:
            case Output():
                run = self._run(account, frame.session, frame.computation)
                if run:
                    run.pending += run.conversation.take(frame.messages)
            case File():
                run = self._run(account, frame.session, frame.computation)
                if run:
                    self._take_file(run, frame)
            case Finished():
                run = self._run(account, frame.session, frame.computation)
                if run:
                    self._finish(run, frame)
                    if frame.state == "done":  # else its kernel is dead, and Closed comes
                        self._device.session_rests(frame.session, now)
            case Closed():
                self._closed(account, frame)
            case Answered():
                with suppress(StoreUnavailable):
                    contents.check_object(frame.content)
                    self._device.answered(account, frame.request, frame.status, frame.content)
            case _:
                raise Nonsense(f"a frame {type(frame).__name__} that is out of place")

    def _run(self, account: Account, session: str, computation: str) -> Run | None:
        """Return the run that a frame is about; None when it was dropped. Raises Nonsense for foreign ids."""
        run = self._device.runs.get(computation)
        if run is None:
            return None  # its claim was lost, and Close is on its way
        if run.account is not account or run.claim.session != session:
            raise Nonsense("the id of a computation that is not its own")
        if run.ending:
            raise Nonsense("something of a computation that is over")
        return run

    def _take_file(self, run: Run, piece: File) -> None:
        if run.conversation.check_file(piece):
            opening = self._store.files.write(run.claim, piece.name)
            run.writing = (opening, opening.__enter__())
        if run.writing is None:
            return
        context, writer = run.writing
        try:
            writer.write(piece.data)
            if piece.last:
                run.writing = None
                context.__exit__(None, None, None)
        except LostClaim:
            self._device.drop(run)

    def _finish(self, run: Run, frame: Finished) -> None:
        usage = msgspec.to_builtins(frame.usage)
        if frame.state == "done" and not run.conversation.ended:
            raise Nonsense("the end of a computation that has not said idle")
        reason = frame.reason if frame.state == "failed" else None
        if run.cancelled:
            run.ending = Ending("cancelled", "cancelled", usage)
        elif frame.state == "failed":
            run.ending = Ending("failed", reason or "kernel_died", usage)
        else:
            run.ending = Ending("done", None, usage)
        if run.ending.reason:
            run.pending += endings.closing(run.conversation, run.ending.reason, self._settings)

    def _closed(self, account: Account, frame: Closed) -> None:
        for run in list(self._device.runs.values()):
            if run.claim.session == frame.session and run.account is account and run.ending is None:
                # Closed before it began: nothing more is said of it. What killed the kernel was not this turn's doing.
                reason: Reason = "session_gone" if run.claim.turn and not run.conversation.began else frame.reason
                run.ending = Ending("cancelled", "cancelled") if run.cancelled else Ending("failed", reason)
                run.pending += endings.closing(run.conversation, run.ending.reason or reason, self._settings)
        self.session_gone(frame.session)

    def session_gone(self, session: str) -> None:
        """Note that a session has no kernel any more."""
        if self._device.sessions.pop(session, None) is not None:
            self._device.gone.append(session)

    def abandon(self, run: Run, nonsense: bool) -> None:
        """Give up a computation whose account is gone."""
        if run.writing:
            with suppress(StoreUnavailable, LostClaim, Nonsense):
                run.writing[0].__exit__(Nonsense, Nonsense("the account is gone"), None)
            run.writing = None
        if nonsense:
            run.ending = Ending("failed", "protocol")
            run.pending += endings.closing(run.conversation, "protocol", self._settings)
        else:
            run.given_up = True

    # --- the store ----------------------------------------------------------------------------------------------
    def flush(self) -> None:
        """Store what waits. Raises StoreUnavailable: what was not stored waits on."""
        for run in list(self._device.runs.values()):
            if run.dirty:
                self.store(run)
        while self._device.gone:
            self._store.sessions.end(self._device.gone[0], "session_gone")
            self._device.gone.popleft()

    def store(self, run: Run) -> None:
        """Store what waits of one computation. Raises StoreUnavailable."""
        computations = self._store.computations
        try:
            if run.ending:
                ending = run.ending
                computations.finish(run.claim, ending.state, ending.reason, ending.usage, run.pending)
                log.info("cell=%s running→%s %s", run.claim.id, ending.state, ending.reason or "")
                self._device.runs.pop(run.claim.id, None)
            elif run.pending:
                computations.append(run.claim, run.pending, asking=run.conversation.asking)
            run.pending = []
            if run.given_up and not run.ending:
                computations.release(run.claim)
                log.warning("cell=%s running→queued or lost: its account is gone", run.claim.id)
                self._device.runs.pop(run.claim.id, None)
        except LostClaim:
            self._device.drop(run)

    def comm_frame(self, claim: Claim, last: bool) -> Deliver:
        """Return the frame that hands a comm message to the session's kernel."""
        message = claim.message or {}
        return Deliver(
            claim.session, claim.id, message["msg_type"], msgspec.json.encode(message["content"]),
            msgspec.json.encode(message.get("metadata") or {}), list(message.get("buffers") or ()), last,
        )  # fmt: skip
