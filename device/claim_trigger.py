"""Decides what a device looks for in the queue: which event leads to which claim."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

TOPICS = ("submitted", "turn")  # of the hints that tell of something to claim


@dataclass(frozen=True)
class Claimable:
    """All that there may be to claim in one round of the loop.

    ``anything``: the queue as a whole is to be looked at. ``submitted``: how many new computations were told of,
    ``told``: which.
    ``turns``: how many next turns of each session were told of. ``idle``: sessions that have just become idle.
    """

    anything: bool = False
    submitted: int = 0
    told: tuple[str, ...] = ()
    turns: Counter[str] = field(default_factory=Counter)
    idle: frozenset[str] = frozenset()


class ClaimTrigger:
    """The memory of what may have come into the queue since it was looked at. Times: the monotonic clock's seconds.

    A hint leads to one claim of what it tells of. A session that becomes idle leads to a claim of its next turn, or of
    anything where there is no room: the session may give way to what waits. The queue as a whole is looked at when the
    device starts, when room has come, after a fault, when a suspect has ended, and every ``poll_interval_s``.
    """

    def __init__(self, poll_interval_s: float) -> None:
        self._interval_s = poll_interval_s
        self._anything, self._due = True, 0.0
        self._hints: Mapping[str, Sequence[str]] = {}
        self._idle: set[str] = set()

    @property
    def due(self) -> float:
        """When the queue is to be looked at without any further event."""
        return 0.0 if self._anything else self._due

    def hear(self, hints: Mapping[str, Sequence[str]]) -> None:
        """Take the ids of this round's hints, by topic."""
        self._hints = hints

    def look(self) -> None:
        """Note that there may be anything in the queue that can begin now."""
        self._anything = True

    def note_idle(self, session: str) -> None:
        """Note that a session has become idle."""
        self._idle.add(session)

    def postpone(self, now: float) -> None:
        """Look at the queue one interval from now: what waits there can wait so long, whatever it is."""
        self._anything, self._due = False, now + self._interval_s

    def take(self, now: float, *, is_full: bool) -> Claimable:
        """Return what there may be, and forget it. ``is_full``: whether an account has no room."""
        idle, self._idle = frozenset(self._idle), set()
        anything = self._anything or now >= self._due or (is_full and bool(idle))
        if now >= self._due:
            self._due = now + self._interval_s
        self._anything = False
        submitted, turns = (self._hints.get(topic, ()) for topic in TOPICS)
        self._hints = {}
        return Claimable(anything, len(submitted), tuple(submitted), Counter(turns), idle)
