"""Lets a supervisor come to its end in order, when its host is about to be taken away: SIGUSR1 asks for it."""

from __future__ import annotations

import logging
import signal
import time

from untrusted.supervisor.sessions import Sessions

# What the device sent before it read that no language is ready has come by then.
QUIET_S = 2.0
log = logging.getLogger(__name__)


class Drain:
    """The wish that this supervisor takes no session more, and ends when nothing runs in those that it has.

    ``is_asked``: whether somebody has asked for it.
    """

    def __init__(self, sessions: Sessions) -> None:
        self._sessions = sessions
        self._busy_at = 0.0
        self.is_asked = False
        signal.signal(signal.SIGUSR1, self._ask)

    def _ask(self, _number: int, _frame: object) -> None:
        if not self.is_asked:
            self._busy_at, self.is_asked = time.monotonic(), True

    def is_over(self, now: float) -> bool:
        """Return whether it was asked for, and nothing has run for a moment; kept sessions that rest end with it."""
        if not self.is_asked:
            return False
        if not self._sessions.rest:
            self._busy_at = now
        elif now - self._busy_at > QUIET_S:
            log.info("drained: this supervisor ends with %d sessions that rest", len(self._sessions))
            return True
        return False
