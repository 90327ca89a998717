"""Bounds what each client does at once, and how often, in this process: nobody waits for another one's crowd.

``client`` is an address (of IPv6 a network); None stands for the operator, who has no share to keep to.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field


@dataclass
class _Entry:
    """``places``: those that are free. ``users``: who has one or waits for one."""

    places: threading.Semaphore
    users: int = field(default=0)


class Turns:
    """Gives each client so many places; ``waiting_max`` more of it may wait for one."""

    def __init__(self, places: int, waiting_max: int = 0) -> None:
        self.places, self._most = places, places + waiting_max
        self._entries: dict[str, _Entry] = {}
        self._lock = threading.Lock()

    @contextmanager
    def taken(self, client: str | None, wait_s: float = 0.0) -> Iterator[bool]:
        """Have a place in the block; yield False when there is none, now or within ``wait_s``."""
        if client is None:
            yield True
            return
        with self._lock:
            entry = self._entries.setdefault(client, _Entry(threading.Semaphore(self.places)))
            is_crowded = entry.users >= self._most
            entry.users += not is_crowded
        if is_crowded:
            yield False
            return
        granted = False
        try:
            granted = entry.places.acquire(timeout=wait_s) if wait_s else entry.places.acquire(blocking=False)
            yield granted
        finally:
            if granted:
                entry.places.release()
            with self._lock:
                entry.users -= 1
                if not entry.users:
                    del self._entries[client]


class Rate:
    """Lets each client do something so often a second, and ``burst`` times more at once."""

    def __init__(self, per_s: float, burst: int) -> None:
        self._step_s, self._burst_s = 1 / per_s, burst / per_s
        self._due: dict[str, float] = {}  # until when what each client did fills its rate
        self._clean_at = 0.0

    def pause_s(self, client: str | None) -> float:
        """Count one more; return 0.0, or how long the client has to pause: then it is not counted."""
        if client is None:
            return 0.0
        now = time.monotonic()
        if now >= self._clean_at:
            self._clean_at = now + self._burst_s
            self._due = {name: due for name, due in self._due.items() if due > now}
        over_s = self.over_s(client)
        if over_s <= 0:
            self._due[client] = max(self._due.get(client, now), now) + self._step_s
        return max(0.0, over_s)

    def over_s(self, client: str) -> float:
        """Return how long the client has to pause, 0.0 or less when it need not; nothing is counted."""
        return self._due.get(client, 0.0) - time.monotonic() - self._burst_s
