"""Ends runs and sessions as their supervisors say, and when these let them go on for too long."""

from __future__ import annotations

import logging
import math
from typing import Any

from contract import Reason
from device.account import Account
from device.errors import KernelProtocolError, StuckError, SupervisorProtocolError
from device.registry import Runs
from device.runs import Run, Session
from settings import Settings
from wire import Finished, Usage

MEMORY_BYTES_MAX = 1 << 50
SECONDS_MAX = 1e9
LOOK_S = 0.25  # between two looks at all sessions of an account: their limits are seconds, and it may have thousands
log = logging.getLogger(__name__)


class Endings:
    """The part of the device that decides how runs and sessions end."""

    def __init__(self, runs: Runs, settings: Settings) -> None:
        self._runs, self._settings = runs, settings
        self._look_at: dict[Account, float] = {}

    def finished(self, session: Session, run: Run, frame: Finished, now: float) -> None:
        """Take the end of a run. Raises KernelProtocolError, SupervisorProtocolError."""
        usage = _checked_usage(frame.usage)
        if run.output_files.open:
            raise SupervisorProtocolError("an end in the middle of a file")
        if (frame.reason is None) != (frame.state == "done"):
            raise SupervisorProtocolError("an end that is both done and failed")
        if frame.reason is not None:
            run.clock.judge(frame.usage.wall_s, now, self._runs.limits_of(run))
            self._failed(run, frame.reason, usage)
            session.expect_end(now)  # its kernel is dead
            return
        if not run.conversation.whole:
            raise KernelProtocolError("its end came before execute_reply and idle")
        if run.cancelled:
            self._runs.end(run, "cancelled", "cancelled", usage)
        else:
            self._runs.end(run, "done", None, usage)
        session.keep = session.keep and run.claim.keep
        self._runs.rest(session, now)

    def closed(self, account: Account, session: Session, reason: Reason) -> None:
        """Take the end of a session, and of the run in it. Raises SupervisorProtocolError."""
        run = session.run
        if run is not None:
            self._failed(run, reason, None)
        account.discharge(session)
        if session.closing_since is None and reason not in ("cancelled", "lost"):
            session.close_reason = reason
        self._runs.forget(session)

    def end_overdue(self, account: Account, now: float) -> None:
        """End what is overdue. Raises StuckError when the supervisor does not end what it was told to end."""
        if now < self._look_at.get(account, 0.0):
            return
        self._look_at[account] = now + LOOK_S
        limits: dict[str, Settings] = {}
        for session in list(account.sessions.values()):
            if session.language not in limits:
                limits[session.language] = self._settings.of_language(session.language)
            settings, run = limits[session.language], session.run
            if session.inbox.waits:
                continue  # perhaps its end has come
            heard = max(account.last_file, session.inbox.looked)
            if session.closing_since is not None:
                if now - max(session.closing_since, heard) > settings.heartbeat_timeout_s:
                    raise StuckError("its supervisor does not end a session that it was told to end")
            elif run is not None and run.clock.is_overdue(now, settings, heard):
                self._end_run(session, run, now)
            elif session.is_overdue(now, settings.session_idle_s, settings.session_life_s):
                session.close(now)

    def _end_run(self, session: Session, run: Run, now: float) -> None:
        """End a run that the supervisor lets go on; one whose code has not begun has had no time of its own."""
        if not run.conversation.began:
            log.warning("cell=%s does not begin", run.claim.id)
            self._runs.give_back(run)
            session.inbox.forget()
            session.close(now)
            return
        log.warning("cell=%s runs far beyond its limits", run.claim.id)
        run.clock.judge(run.clock.wall_s(now), now, self._runs.limits_of(run))
        self._runs.stop(run, "failed", "time_wall", now)

    def _failed(self, run: Run, reason: Reason, usage: dict[str, Any] | None) -> None:
        if reason == "lost":
            raise SupervisorProtocolError("a reason that is not its own to give")
        if run.cancelled or (reason == "cancelled" and run.interrupts_sent):
            # An interrupt that the code did not obey ends in a kill.
            self._runs.end(run, "cancelled", "cancelled", usage)
        elif not run.conversation.began and (reason in ("kernel_died", "time_wall") or run.claim.turn > 0):
            self._runs.give_back(run)  # nothing of its code ran: what killed or held up the kernel was not its doing
        else:
            self._runs.end(run, "failed", "kernel_died" if reason == "cancelled" else reason, usage)


def _checked_usage(usage: Usage) -> dict[str, Any]:
    times_s = (usage.wall_s, usage.cpu_s)
    if not all(math.isfinite(time_s) and 0 <= time_s <= SECONDS_MAX for time_s in times_s):
        raise SupervisorProtocolError("an impossible use of time")
    if not 0 <= usage.memory_bytes <= MEMORY_BYTES_MAX:
        raise SupervisorProtocolError("an impossible use of memory")
    return {"wall_s": usage.wall_s, "cpu_s": usage.cpu_s, "memory_bytes": usage.memory_bytes}
