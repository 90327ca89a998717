"""Counts what a device does: how long the stages of its runs take, what CPU time they use, what it does a minute."""

from __future__ import annotations

import time
from typing import Any

from device.runs import Run
from store.figures import OURS, Histogram, report_of

# A stage ends where the next begins: in the queue; until its session has room; in the session; until the end is stored.
STAGES = ("queue", "start", "run", "store")


class Figures:
    """The figures of a device, from its start on; ``take_minute`` empties those of the minute."""

    def __init__(self) -> None:
        self._stages = {stage: Histogram() for stage in STAGES}
        self._cpu_s: dict[str, float] = {}
        self._minute: dict[str, float] = {}

    def count(self, run: Run, state: str) -> None:
        """Count a run whose end has just been stored."""
        now = time.monotonic()
        began = run.clock.began or run.ended
        times_s = (run.claim.waited_s, began - run.claimed, run.ended - began, now - run.ended)
        for stage, seconds in zip(STAGES, times_s, strict=True):
            self._stages[stage].observe(max(0.0, seconds))
        usage = run.ending.usage if run.ending else None
        cpu_s = usage["cpu_s"] if usage else 0.0
        _add(self._cpu_s, run.claim.language, cpu_s)
        for name, value in ((state, 1.0), ("cpu_s", cpu_s), ("waited_s", run.claim.waited_s)):
            _add(self._minute, name, value)

    def count_conflicts(self, count: int) -> None:
        """Count computations that another device was faster to claim."""
        if count:
            _add(self._minute, "conflicts", float(count))

    def take_minute(self) -> dict[str, float]:
        """Return what has been counted since the last call."""
        taken, self._minute = self._minute, {}
        return taken

    def report(self) -> dict[str, Any]:
        """Return what the device reports."""
        cpu_s = [[language, seconds] for language, seconds in self._cpu_s.items()]
        return {"stages": report_of(self._stages), "cpu_s": cpu_s, **OURS.report()}


def _add(sums: dict[str, float], name: str, value: float) -> None:
    sums[name] = sums.get(name, 0.0) + value
