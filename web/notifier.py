"""Wake requests that wait for something new, when the store hints that a computation has news.

One listener per process reads the hints; each waiter has an event of its own. A hint that is missed costs no more than
``RECHECK_S``: waiters look again that often anyway, when there are no more than a hundred.
"""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TypeVar

from store import Store

TOPICS = ("news", "answer")
RECHECK_S = 1.0
RECHECKS_PER_S = 100.0  # of all who wait together: when many do, each looks less often

Found = TypeVar("Found")


class Notifier:
    """Let requests wait for news of one computation, session or question."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._lock = threading.Lock()
        self._waiters: dict[str, set[threading.Event]] = {}
        self._listening_pid = 0  # a thread does not survive the fork of a web server

    @property
    def waiting(self) -> int:
        """The number of requests that wait now."""
        with self._lock:
            return sum(map(len, self._waiters.values()))

    def wait_until(
        self, subject: str, wait_s: float, look: Callable[[], Found], enough: Callable[[Found], bool]
    ) -> Found:
        """Return what ``look`` finds: as soon as it is enough, or after ``wait_s`` seconds whatever it is.

        ``subject`` is the id whose news are worth another look. Raises what ``look`` raises.
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
    ) -> Found:
        """Do the same for one who has a subject's event already, and ``found`` something since. Raises as ``look``."""
        deadline = time.monotonic() + wait_s
        while not enough(found):
            left_s = deadline - time.monotonic()
            if left_s <= 0:
                break
            event.wait(min(left_s, max(RECHECK_S, self.waiting / RECHECKS_PER_S)))
            event.clear()  # before the look: news that come during it are not lost
            found = look()
        return found

    @contextmanager
    def subscribed(self, subject: str) -> Iterator[threading.Event]:
        """Give an event that is set at each hint about this id."""
        self.listen()
        event = threading.Event()
        with self._lock:
            self._waiters.setdefault(subject, set()).add(event)
        try:
            yield event
        finally:
            with self._lock:
                events = self._waiters[subject]
                events.discard(event)
                if not events:
                    del self._waiters[subject]

    def wake(self, subject: str) -> None:
        """Wake everybody who waits for this id."""
        with self._lock:
            for event in self._waiters.get(subject, ()):
                event.set()

    def listen(self) -> None:
        """Begin to listen, unless this process does already: a hint is heard from then on."""
        with self._lock:
            if self._listening_pid == os.getpid():
                return
            self._listening_pid = os.getpid()
        threading.Thread(target=self._listen, name="news", daemon=True).start()

    def _listen(self) -> None:
        try:
            for _topic, subject in self._store.hints.listen(TOPICS):
                self.wake(subject)
        finally:
            # However it ended: the next one who waits listens again.
            with self._lock:
                self._listening_pid = 0
