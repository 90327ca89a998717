"""Count the deaths of a service, and say how long it pauses before it is started again."""

from __future__ import annotations

import signal
from dataclasses import dataclass, field

PAUSE_S_FIRST, PAUSE_S_MAX = 0.1, 10.0
CALM_S = 30.0  # whoever lived as long begins anew with the first pause


@dataclass
class Deaths:
    """The deaths of one service that followed each other quickly.

    ``words``: what it said before the last of them. ``said_something_else``: than before the one before.
    """

    in_a_row: int = 0
    words: list[str] = field(default_factory=list)
    said_something_else: bool = False

    def add(self, lived_s: float, words: list[str]) -> None:
        """Count one more."""
        if lived_s > CALM_S:
            self.in_a_row = 0
        self.in_a_row += 1
        self.said_something_else, self.words = words != self.words, words

    @property
    def is_news(self) -> bool:
        """Whether the operator is told of the last: of each with other words, else of the 1st, 2nd, 4th, 8th."""
        return self.said_something_else or self.in_a_row & (self.in_a_row - 1) == 0

    @property
    def pause_s(self) -> float:
        """How long it pauses now; twice as long after each death, to a bound."""
        return min(PAUSE_S_FIRST * 2.0 ** min(self.in_a_row - 1, 10), PAUSE_S_MAX)


def how(exit_code: int) -> str:
    """Return how a process ended, in words."""
    if exit_code >= 0:
        return f"ended with exit code {exit_code}"
    try:
        return f"was ended by {signal.Signals(-exit_code).name}"
    except ValueError:
        return f"was ended by signal {-exit_code}"
