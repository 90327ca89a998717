"""What a supervisor knows of a session and of the computation that runs in it."""

from __future__ import annotations

import time
from collections import deque
from dataclasses import dataclass, field

from untrusted.supervisor.output_files import Snapshot
from untrusted.supervisor.worker_process import WorkerProcess
from wire import Deliver, Execute, Message, Reason, Upload, Usage


@dataclass
class Cell:
    """A running computation: its clocks and its counters. Times are seconds of the monotonic clock."""

    computation: str
    last: bool
    cpu_before_s: float
    files_before: Snapshot
    started: float = field(default_factory=time.monotonic)
    asking_since: float | None = None
    asked_s: float = 0.0
    kill_at: float | None = None
    output_bytes: int = 0
    messages: int = 0
    tail: list[Message] = field(default_factory=list)
    # What the worker gets as soon as the uploads that belong to it are written.
    waiting: Execute | Deliver | None = None
    began: bool = False
    ended: bool = False
    over_at: float | None = None  # when the worker said that it has come to its end
    unchanged: bool = False  # whether it is known that it left no files

    def wall_s(self, now: float) -> float:
        """Return the time it has run, less the time it waited for answers."""
        waiting = now - self.asking_since if self.asking_since is not None else 0.0
        return now - self.started - self.asked_s - waiting

    def asking_s(self, now: float) -> float:
        """Return how long the present question has waited."""
        return now - self.asking_since if self.asking_since is not None else 0.0

    def answered(self, now: float) -> None:
        """Go on counting: the student has answered."""
        self.asked_s += self.asking_s(now)
        self.asking_since = None

    def usage(self, now: float, cpu_s: float, memory_bytes: int) -> Usage:
        """Return what it has used, until its end."""
        now = now if self.over_at is None else self.over_at
        return Usage(round(self.wall_s(now), 6), round(max(0.0, cpu_s - self.cpu_before_s), 6), memory_bytes)


@dataclass
class Session:
    """A session, from Open to Closed; ``slot`` comes when a worker is ready."""

    id: str
    language: str
    slot: WorkerProcess | None = None
    backlog: deque[Execute | Deliver | Upload] = field(default_factory=deque)
    interrupted: set[str] = field(default_factory=set)  # computations, before they began
    uploading: deque[str] = field(default_factory=deque)  # files that the worker has not said to be written
    strayed: bool = False  # whether one of them did not come to lie where it should
    # What lies in its work directory when a turn begins; None until its first.
    files: Snapshot | None = None
    cell: Cell | None = None
    delivering: bool = False  # whether the end of its last turn is not told yet
    watched_at: float = 0.0
    memory_bytes: int = 0  # the most at once, as it was seen then
    # Messages said between two computations; they open the next one.
    held: list[Message] = field(default_factory=list)
    held_bytes: int = 0
    held_messages: int = 0
    ending: Reason | None = None

    @property
    def idle(self) -> bool:
        """Whether it could take a computation or a question now."""
        return self.slot is not None and self.cell is None and self.ending is None and not self.backlog


