"""Counts the sessions that the device may open: who waits for an input reply holds no place."""

from __future__ import annotations

from itertools import accumulate, islice

from untrusted.supervisor.sessions import Sessions
from wire import Credit, StartConfig


class Places:
    """The places of one supervisor: as many as it has workers, and one more for each session that waits for a reply.

    At most ``asking_max`` sessions give their places away, with ``asking_bytes_max`` of memory together.
    """

    def __init__(self, config: StartConfig, sessions: Sessions) -> None:
        self._sessions = sessions
        self.count_anew(config)

    def count_anew(self, config: StartConfig) -> None:
        """Tell all of it again: a device has come, with this configuration."""
        self._workers = config.workers
        self._asking_max, self._asking_bytes_max = config.asking_max, config.asking_bytes_max
        self._granted = 0

    def next_credit(self) -> Credit | None:
        """Return what the device may open in all, when that has become more. What is returned counts as told."""
        granted = self._sessions.opened + self._workers - (len(self._sessions) - self._resting())
        if granted <= self._granted:
            return None
        self._granted = granted
        return Credit(granted)

    def _resting(self) -> int:
        """Return how many sessions give their places away."""
        asking_bytes = sorted(session.usage.memory_bytes for session in self._sessions.asking())
        sums_bytes = accumulate(asking_bytes)
        return sum(sum_bytes <= self._asking_bytes_max for sum_bytes in islice(sums_bytes, self._asking_max))
