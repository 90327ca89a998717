"""Tells how long a run has computed, and whether it has had too much time."""

from __future__ import annotations

from dataclasses import dataclass

from jupyter import Overtime
from settings import Settings


@dataclass
class RunClock:
    """The clock of one run: it stands still while the code waits for an answer. Times: the monotonic clock's seconds.

    ``waited_s``: how long the code waited for the answers that it has had. ``overtime``: what the run has had too much
    of, should it end with ``time_wall``.
    """

    began: float = 0.0
    asking_since: float | None = None
    waited_s: float = 0.0
    overtime: Overtime = "running"

    def stop(self, now: float) -> None:
        """Note that the code waits for an answer: the time until then is not its own."""
        if self.asking_since is None:
            self.asking_since = now

    def go_on(self, now: float) -> None:
        """Note that the code has its answer, or was interrupted."""
        if self.asking_since is not None:
            self.waited_s += now - self.asking_since
            self.asking_since = None

    def wall_s(self, now: float) -> float:
        """Return how long the run has computed, as it looks from here."""
        waiting_s = now - self.asking_since if self.asking_since is not None else 0.0
        return now - self.began - self.waited_s - waiting_s

    def judge(self, wall_s: float, now: float, settings: Settings) -> None:
        """Note what a run has had too much of that ends now and has computed for ``wall_s``."""
        if wall_s > settings.cell_wall_s:
            self.overtime = "running"
        elif now - self.began > settings.cell_total_s:
            self.overtime = "in_all"
        else:
            self.overtime = "asking" if self.asking_since is not None else "running"

    def is_overdue(self, now: float, settings: Settings, heard: float) -> bool:
        """Return whether the supervisor lets the run go on far beyond its limits.

        ``heard``: when something last came, or was found, behind which the end of the run may wait.
        """
        margin_s = settings.cell_interrupt_grace_s + 2 * settings.heartbeat_timeout_s
        if now - max(self.began + settings.cell_total_s, heard) > margin_s:
            return True
        if self.asking_since is not None:
            return now - self.asking_since > settings.cell_input_s + 2 * settings.heartbeat_timeout_s
        return now - max(self.began + self.waited_s + settings.cell_wall_s, heard) > margin_s
