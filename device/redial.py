"""Says how long a device waits before it starts a supervisor again."""

from __future__ import annotations


class Redial:
    """The pauses of one account: each is twice as long as the one before, unless the start between held.

    A start held when cells could run for at least as long as the pause before it: so a supervisor that dies at once
    again and again is started ever more rarely, and one that had been well is back at once.
    """

    def __init__(self, first_s: float, max_s: float) -> None:
        self._first_s, self._max_s = first_s, max_s
        self._pause_s = 0.0

    def pause_s(self, served_s: float, *, at_fault: bool = False) -> float:
        """Return the pause after a supervisor that could run cells for so long, 0 for one that never could.

        ``at_fault``: whether it hung or broke the protocol; then a good beginning proves little.
        """
        if served_s > (self._max_s if at_fault else self._pause_s):
            self._pause_s = self._first_s
        else:
            self._pause_s = min(max(self._first_s, 2 * self._pause_s), self._max_s)
        return self._pause_s
