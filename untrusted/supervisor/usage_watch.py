"""Looks at what a session uses, and finds the limit that it has passed."""

from __future__ import annotations

from untrusted.supervisor.turn import Turn
from untrusted.supervisor.worker_process import WorkerProcess
from wire import Limits, Reason

# From so many CPU seconds of a turn on, its session weighs this share beside others: short turns come to their end
# nearly as if long ones were not there, and long ones share what is left.
WEIGHTS = ((0.3, 0.2), (2.0, 0.05))


class UsageWatch:
    """What one session used when it was last looked at. ``memory_bytes``: the most at once."""

    def __init__(self, limits: Limits) -> None:
        self._limits = limits
        self._weight = self._turn_weight = 1.0
        self.memory_bytes = 0

    def begin_turn(self, worker: WorkerProcess, weight: float) -> float:
        """Return the CPU seconds used before the turn that begins now, which weighs so much beside others."""
        self._turn_weight = weight
        self._weigh(worker, 0.0)
        return self.look(worker)

    def look(self, worker: WorkerProcess) -> float:
        """Return the CPU seconds used so far."""
        cpu_s, self.memory_bytes, _processes = worker.group.usage()
        return cpu_s

    def passed_limit(self, turn: Turn | None, worker: WorkerProcess, now: float) -> Reason | None:
        """Return why the session must end, None when it is within its limits. Looks only as far as it must."""
        if turn is not None and turn.over_at is None:
            cpu_s = self.look(worker)
            self._weigh(worker, cpu_s - turn.cpu_before_s)
            reason = turn.overtime(self._limits, now)
            if reason or cpu_s - turn.cpu_before_s > self._limits.cell_cpu_s:
                return reason or "time_cpu"
        return worker.group.overrun()

    def _weigh(self, worker: WorkerProcess, cpu_s: float) -> None:
        """Have the session weigh as much as a turn of so many CPU seconds does."""
        weight = self._turn_weight * min((weight for least_s, weight in WEIGHTS if cpu_s > least_s), default=1.0)
        if weight != self._weight:
            self._weight = weight
            worker.group.weigh(weight)
