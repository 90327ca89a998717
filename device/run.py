"""One claimed computation on its way: what it has said and is not stored yet, what clients wished, its files."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from contract import Reason
from device.inbox import FRAME_BYTES
from device.incoming import Incoming, WholeFile
from device.intake import TOTALS, Conversation
from device.session import Session
from jupyter import Overtime
from settings import Settings
from store import Claim
from wire import CHUNK_BYTES


@dataclass(frozen=True)
class Ending:
    """How it ended, when it has."""

    state: str
    reason: Reason | None
    usage: dict[str, Any] | None = None


@dataclass(eq=False)
class Run:
    """A claim, the session that it runs in, once it has begun, and what waits to be stored.

    Times: seconds of the monotonic clock. ``given_back``: it may be tried again, as a ``suspect``
    when what it ran on died.
    ``checked_s``: CPU time that the checks of its output took, ``inline_s`` of it in the device's loop.
    ``uploads``: what came with it, once it is read; ``reading`` reads it piece by piece.
    ``writing``: what stores the first of ``files``, piece by piece; an end in between discards it.
    ``waiting_bytes_max``: what may wait to be checked: what it may say and hand over, and the frames around that.
    """

    claim: Claim
    conversation: Conversation
    incoming: Incoming
    claimed: float
    waiting_bytes_max: int
    session: Session | None = None
    began: float = 0.0
    asking_since: float | None = None
    asked_s: float = 0.0
    uploads: list[tuple[str, bytes]] = field(default_factory=list)
    reading: Iterator[None] | None = None
    interrupts_sent: int = 0
    answers_sent: int = 0
    cancelled: bool = False
    overtime: Overtime = "running"  # should it end with ``time_wall``
    files: list[WholeFile] = field(default_factory=list)
    pending: list[bytes] = field(default_factory=list)
    pending_bytes: int = 0
    writing: Iterator[None] | None = None
    due: float = math.inf  # when what waits is to be stored
    stored: float = 0.0  # when that was done last
    looked: float = 0.0  # when it was looked whether there is something
    spared_bytes: int = 0  # stored since the disk has had no room for more
    ending: Ending | None = None
    given_back: bool = False
    suspect: bool = False
    checked_s: float = 0.0
    inline_s: float = 0.0

    @classmethod
    def of(cls, claim: Claim, settings: Settings, now: float) -> Run:
        """Return the run of a new claim, under the limits of its language."""
        limits = settings.of_language(claim.language)
        messages_bytes = TOTALS * (limits.cell_output_bytes_max + FRAME_BYTES * limits.cell_messages_max)
        pieces = limits.cell_files_max + limits.cell_files_bytes_max // CHUNK_BYTES
        most = messages_bytes + limits.cell_files_bytes_max + FRAME_BYTES * pieces
        return cls(claim, Conversation(claim, limits), Incoming(claim.id, limits), now, most)

    @property
    def over(self) -> bool:
        """Whether nothing more is to come of it."""
        return self.ending is not None or self.given_back

    @property
    def waiting_bytes(self) -> int:
        """How much of it waits to be stored."""
        files_bytes = sum(len(file.data) for file in self.files)
        return files_bytes + self.pending_bytes + self.conversation.waiting_bytes

    def gather(self, bytes_max: int, messages_max: int) -> list[bytes]:
        """Return the messages that are to be stored next: as many as there are, at least one, at most so many."""
        if self.conversation.waiting_bytes:
            self.pending += self.conversation.drain()
            self.pending_bytes = sum(map(len, self.pending))
        size_bytes = count = 0
        for text in self.pending[:messages_max]:
            size_bytes += len(text)
            if count and size_bytes > bytes_max:
                break
            count += 1
        return self.pending[:count]

    def stored_messages(self, texts: list[bytes]) -> None:
        """Note that these are stored."""
        del self.pending[: len(texts)]
        self.pending_bytes -= sum(map(len, texts))

    def asks(self, now: float) -> None:
        """Note that the code waits for an answer: the time until then is not its own."""
        if self.asking_since is None:
            self.asking_since = now

    def asks_no_more(self, now: float) -> None:
        """Note that it has its answer, or was interrupted."""
        if self.asking_since is not None:
            self.asked_s += now - self.asking_since
            self.asking_since = None

    def wall_s(self, now: float) -> float:
        """Return how long it has run, as it looks from here, without the time that it waited for answers."""
        waiting_s = now - self.asking_since if self.asking_since is not None else 0.0
        return now - self.began - self.asked_s - waiting_s

    def overtime_of(self, wall_s: float, now: float, settings: Settings) -> Overtime:
        """Return what it has had too much of, as it ends with ``time_wall`` after running for ``wall_s``."""
        if wall_s > settings.cell_wall_s:
            return "running"
        if now - self.began > settings.cell_total_s:
            return "in_all"
        return "asking" if self.asking_since is not None else "running"

    def overdue(self, now: float, settings: Settings, last_file: float) -> bool:
        """Whether the supervisor has let it run far beyond its limits; ``last_file``: when a file last came from it."""
        margin_s = settings.cell_interrupt_grace_s + 2 * settings.heartbeat_timeout_s
        if now - max(self.began + settings.cell_total_s, last_file) > margin_s:
            return True
        if self.asking_since is not None:
            return now - self.asking_since > settings.cell_input_s + 2 * settings.heartbeat_timeout_s
        since = max(self.began + self.asked_s + settings.cell_wall_s, last_file)
        return now - since > margin_s
