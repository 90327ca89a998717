"""Paces what is long beside others: it passes supervisor, device and database, and all who run cells wait behind it.

Files are copied on their way; of output each message is checked and stored apart, and so costs much more.
"""

from __future__ import annotations

from collections import deque

# Two visitors' short cells beside an endless writer of files: docs/speed.md, "Beside an attacker".
FILES_BYTES_S, OUTPUT_BYTES_S = 24 << 20, 4 << 20
MESSAGE_BYTES = 1 << 10  # of output that costs as much as one message does by itself
FREE_BYTES = 1 << 20  # of each turn: all that most cells hand over
LATELY_S = 1.0  # who began to run so shortly before may wait for a result, or run the next cell


class Pace:
    """A pace for all sessions together: free as long as nobody else began to run lately, ``bytes_s`` then.

    Times: seconds of the monotonic clock.
    """

    def __init__(self, bytes_s: int) -> None:
        self._bytes_s = bytes_s
        self._begun: deque[tuple[float, str]] = deque()
        self._bytes: dict[str, int] = {}
        self._next_at = 0.0

    def begin(self, session: str, now: float) -> None:
        """Note that a session begins to run."""
        self._begun.append((now, session))
        self._forget(now)

    def count(self, session: str, size_bytes: int, now: float) -> None:
        """Note that a piece of a session's goes."""
        self._bytes[session] = self._bytes.get(session, 0) + size_bytes
        self._next_at = max(now, self._next_at) + size_bytes / self._bytes_s

    def over(self, session: str) -> None:
        """Note that a session has handed over all that it had."""
        self._bytes.pop(session, None)

    def wait_s(self, session: str, now: float) -> float:
        """Return for how long a session's next piece waits."""
        if self._bytes.get(session, 0) < FREE_BYTES:
            return 0.0
        self._forget(now)
        if all(other == session for _begun, other in self._begun):
            return 0.0
        return max(0.0, self._next_at - now)

    def _forget(self, now: float) -> None:
        while self._begun and now - self._begun[0][0] > LATELY_S:
            self._begun.popleft()
