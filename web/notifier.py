"""Wakes requests that wait, when a hint says that there is news for them.

One listener per process reads the hints; each waiter has an event of its own. A lost hint costs ``RECHECK_S``: waiters
look again that often anyway, as long as there are no more than a hundred.
"""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Protocol, TypeVar

from store import Store

TOPICS = ("news", "answer")
RECHECK_S = 1.0
RECHECKS_PER_S = 100.0  # by all waiters together; when they are many, each looks less often

Found = TypeVar("Found")


class Waker(Protocol):
    """What is set at a hint."""

    def set(self) -> None:
        """Hear of it; the hints are heard meanwhile, so this takes no time."""


class Notifier:
    """The requests of one process that wait for news of a computation, a session or an introspection."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._lock = threading.Lock()
        self._waiters: dict[str, set[Waker]] = {}
        self._looking = 0
        self._listening_pid = 0  # a thread does not survive the fork of a web server

    @property
    def waiting(self) -> int:
        """The number of those that wait now, and look by themselves every ``RECHECK_S``."""
        return self._looking

    def wait_until(
        self, subject: str, wait_s: float, look: Callable[[], Found], enough: Callable[[Found], bool]
    ) -> Found:
        """Return what ``look`` finds: as soon as it is enough, or after ``wait_s`` seconds whatever it is.

        ``subject``: the id; at a hint about it, ``look`` is called again. Raises what ``look`` raises.
        """
        with self.subscribed(subject) as event:
            return self.wait_on(event, wait_s, look(), look, enough)

    def wait_on(
        self,
        event: threading.Event,
        wait_s: float,
        found: Found,
        look: Callable[[], Found],
        enough: Callable[[Found], bool],
        is_known: Callable[[Found], bool] = lambda _: False,
    ) -> Found:
        """Do the same with an event of the subject, and with what was ``found`` since the event was made.

        ``is_known``: asked where no hint came, whether what was found is still so, and nobody need look. Raises what
        ``look`` and it raise.
        """
        deadline = time.monotonic() + wait_s
        while not enough(found):
            left_s = deadline - time.monotonic()
            if left_s <= 0:
                break
            event.wait(min(left_s, self._next_look_s()))
            is_hinted = event.is_set()
            if is_hinted:
                event.clear()  # before the look, so that a hint that comes during it is not lost
            if is_hinted or not is_known(found):
                found = look()
        return found

    def _next_look_s(self) -> float:
        """Return how long a waiter waits without a hint: all look at the same moments, so that one query does."""
        now, pause_s = time.monotonic(), max(RECHECK_S, self.waiting / RECHECKS_PER_S)
        return (now + pause_s) // RECHECK_S * RECHECK_S - now

    @contextmanager
    def subscribed(self, subject: str) -> Iterator[threading.Event]:
        """Yield an event that is set at each hint about this id."""
        event = threading.Event()
        self.subscribe(subject, event)
        try:
            yield event
        finally:
            self.unsubscribe(subject, event)

    def subscribe(self, subject: str, waker: Waker, *, looks: bool = True) -> None:
        """Have a waker set at each hint about this id, until it is unsubscribed.

        ``looks``: whether its owner looks every ``RECHECK_S``, as ``waiting`` counts them.
        """
        self.listen()
        with self._lock:
            self._waiters.setdefault(subject, set()).add(waker)
            self._looking += looks

    def unsubscribe(self, subject: str, waker: Waker, *, looks: bool = True) -> None:
        """End what ``subscribe`` began."""
        with self._lock:
            wakers = self._waiters[subject]
            wakers.discard(waker)
            self._looking -= looks
            if not wakers:
                del self._waiters[subject]

    def wake(self, subject: str) -> None:
        """Wake every waiter for this id."""
        with self._lock:
            for waker in self._waiters.get(subject, ()):
                waker.set()

    def listen(self) -> None:
        """Begin to listen, unless this process does already: a hint is heard from then on."""
        with self._lock:
            if self._listening_pid == os.getpid():
                return
            self._listening_pid = os.getpid()
        threading.Thread(target=self._listen, name="hints", daemon=True).start()

    def _listen(self) -> None:
        try:
            for _topic, subject in self._store.hints.listen(TOPICS):
                self.wake(subject)
        finally:
            # However it ended, the next waiter begins to listen again.
            with self._lock:
                self._listening_pid = 0
