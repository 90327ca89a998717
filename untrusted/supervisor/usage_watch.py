"""Looks at what a session uses, and finds the limit that it has passed."""

from __future__ import annotations

from untrusted.supervisor.turn import Turn
from untrusted.supervisor.worker_process import WorkerProcess
from wire import Limits, Reason

WATCH_S = 0.1  # between two looks at a session: reading its counters costs the loop tens of microseconds


class UsageWatch:
    """What one session used when it was last looked at. ``memory_bytes``: the most at once."""

    def __init__(self, limits: Limits) -> None:
        self._limits = limits
        self._looked_at = 0.0
        self.memory_bytes = 0

    def look(self, worker: WorkerProcess, now: float | None = None) -> float:
        """Return the CPU seconds used so far; with ``now`` the next look is due a while after it."""
        cpu_s, self.memory_bytes, _processes = worker.group.usage()
        self._looked_at = now or self._looked_at
        return cpu_s

    def is_due(self, now: float) -> bool:
        """Return whether it is time to look again."""
        return now - self._looked_at >= WATCH_S

    def passed_limit(self, turn: Turn | None, worker: WorkerProcess, now: float) -> Reason | None:
        """Return why the session must end, None when it is within its limits. Looks only as far as it must."""
        self._looked_at = now
        if turn is not None and turn.over_at is None:
            cpu_s = self.look(worker)
            reason = turn.overtime(self._limits, now)
            if reason or cpu_s - turn.cpu_before_s > self._limits.cell_cpu_s:
                return reason or "time_cpu"
        return worker.group.overrun()
