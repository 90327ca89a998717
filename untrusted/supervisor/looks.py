"""Says which sessions are to be looked at now, without a walk over all of them."""

from __future__ import annotations

import math
from collections import OrderedDict

WATCH_S = 0.1  # between two looks at a session that computes: reading its counters costs tens of microseconds
# At one that does not: what it may do beside is bounded by the kernel, and a look only says that it ran into a bound.
IDLE_WATCH_S = 0.5
IDLE_LOOKS_PER_S = 200  # at most, of all that are idle: of a thousand each is looked at every five seconds
BATCH_S = 0.05  # between two rounds of looks: each round costs as much as some looks


class Looks:
    """The order in which sessions are looked at, by their ids: who was looked at first is the next of its kind."""

    def __init__(self, idle_watch_s: float = IDLE_WATCH_S) -> None:
        self._idle_watch_s = idle_watch_s
        # When each is due. Every one of a kind waits for about as long, so the first is the next.
        self._busy: OrderedDict[str, float] = OrderedDict()
        self._idle: OrderedDict[str, float] = OrderedDict()
        self._again_at = 0.0

    def put(self, session: str, is_busy: bool, now: float) -> None:
        """Have a session looked at, after a while from now; one that is busy already keeps its place there."""
        if is_busy and session in self._busy:
            return
        self.forget(session)
        if is_busy:
            self._busy[session] = now + WATCH_S
        else:
            self._idle[session] = now + self._idle_pause_s()

    def _idle_pause_s(self) -> float:
        if self._idle_watch_s <= WATCH_S:
            return self._idle_watch_s  # no kernel bounds them
        return max(self._idle_watch_s, len(self._idle) / IDLE_LOOKS_PER_S)

    def forget(self, session: str) -> None:
        """Look at a session no more."""
        self._busy.pop(session, None)
        self._idle.pop(session, None)

    def take(self, now: float) -> list[str]:
        """Return the sessions that are due, and drop them from the order."""
        if now < self._again_at:
            return []
        found: list[str] = []
        for order in (self._busy, self._idle):
            while order and next(iter(order.values())) <= now:
                found.append(order.popitem(last=False)[0])
        if found:
            self._again_at = now + BATCH_S
        return found

    def wait_s(self, now: float) -> float:
        """Return when the next session is due, in seconds from now."""
        due = min((next(iter(order.values())) for order in (self._busy, self._idle) if order), default=math.inf)
        return max(0.0, due - now, self._again_at - now) if due < math.inf else math.inf
