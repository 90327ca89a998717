"""Keeps the clocks and the counters of a session's turn, and says which limit it has passed."""

from __future__ import annotations

from dataclasses import dataclass, field

from untrusted.supervisor.output_files import Snapshot
from wire import Deliver, Execute, Limits, Message, Reason, Usage


@dataclass
class Turn:
    """A session's n-th computation, from its hand-over to its end. Times are seconds of the monotonic clock.

    ``frame``: what the worker gets as soon as the uploads that belong to it are written; None once it has been sent.
    ``began``, ``ended``: whether the kernel has said ``busy``, and ``idle``. ``over_at``: when the worker said that the
    code has come to its end. ``late``: what was said with the last messages, and goes with them. ``tail``: those, held
    back until the files are out. ``unchanged``: whether it is known that it left no files.
    """

    computation: str
    last: bool
    cpu_before_s: float
    started: float
    frame: Execute | Deliver | None
    files_before: Snapshot = field(default_factory=dict)
    asking_since: float | None = None
    asked_s: float = 0.0
    kill_at: float | None = None
    output_bytes: int = 0
    messages: int = 0
    late: list[Message] = field(default_factory=list)
    tail: list[Message] = field(default_factory=list)
    began: bool = False
    ended: bool = False
    over_at: float | None = None
    unchanged: bool = False

    def wall_s(self, now: float) -> float:
        """Return the time it has run, less the time it waited for input replies."""
        return now - self.started - self.asked_s - self.asking_s(now)

    def asking_s(self, now: float) -> float:
        """Return how long the present input request has waited, 0.0 when there is none."""
        return now - self.asking_since if self.asking_since is not None else 0.0

    def stop_asking(self, now: float) -> None:
        """Let the wall time run again: the input request has been replied to, or interrupted."""
        self.asked_s += self.asking_s(now)
        self.asking_since = None

    def usage(self, now: float, cpu_s: float, memory_bytes: int) -> Usage:
        """Return what it has used, until its end."""
        now = now if self.over_at is None else self.over_at
        return Usage(round(self.wall_s(now), 6), round(max(0.0, cpu_s - self.cpu_before_s), 6), memory_bytes)

    def overtime(self, limits: Limits, now: float) -> Reason | None:
        """Return why its time is up, None while it is not."""
        if self.wall_s(now) > limits.cell_wall_s or self.asking_s(now) > limits.cell_input_s:
            return "time_wall"
        if now - self.started > limits.cell_total_s:
            return "time_wall"
        return "cancelled" if self.kill_at is not None and now > self.kill_at else None
