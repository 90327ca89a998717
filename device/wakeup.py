"""Wakes the device's loop: for hints of the store, and for threads that have something to say."""

from __future__ import annotations

import os
import threading
from collections import defaultdict, deque
from collections.abc import Collection
from contextlib import suppress

from store import Store


class Wakeup:
    """The pipe that the loop waits on beside its sockets, and the hints that have come."""

    def __init__(self, store: Store, topics: Collection[str]) -> None:
        self._reader, self._writer = os.pipe2(os.O_NONBLOCK | os.O_CLOEXEC)
        self._hints: deque[tuple[str, str]] = deque()
        self._stop = threading.Event()
        self._store = store
        self._listener = threading.Thread(target=self._listen, args=(topics,), name="hints", daemon=True)
        self._listener.start()

    def fileno(self) -> int:
        """Return the descriptor that becomes readable."""
        return self._reader

    def ring(self) -> None:
        """Wake the loop; from any thread."""
        with suppress(BlockingIOError):  # it rings already
            os.write(self._writer, b"!")

    def take(self) -> dict[str, list[str]]:
        """Return the ids of the hints since the last call, by topic, and stop ringing."""
        with suppress(BlockingIOError):
            os.read(self._reader, 1 << 16)
        ids: dict[str, list[str]] = defaultdict(list)
        for _ in range(len(self._hints)):
            topic, id = self._hints.popleft()
            ids[topic].append(id)
        return ids

    def close(self) -> None:
        """Stop listening."""
        self._stop.set()

    def _listen(self, topics: Collection[str]) -> None:
        for hint in self._store.hints.listen(topics, self._stop):
            self._hints.append(hint)
            self.ring()
