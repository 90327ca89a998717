"""Says when those who find the queue full are to come back: the later, the more find it full, and not all at once."""

from __future__ import annotations

import math
import random
import time

RETURN_S_MIN, RETURN_S_MAX = 2.0, 30.0
REFUSALS_PER_S = 50.0  # so many cost little; when they are more, who is refused stays away longer in proportion
SPREAD = 1.5  # the last of those who are refused together come so many times as late as the first
_RATE_OVER_S = 5.0


class ReturnTimes:
    """How many this process refuses a second, as a mean of which the older counts ever less."""

    def __init__(self) -> None:
        self._per_s, self._at = 0.0, time.monotonic()

    def next_s(self) -> int:
        """Count a refusal; return in how many seconds its client is to come back."""
        now = time.monotonic()
        self._per_s = self._per_s * math.exp((self._at - now) / _RATE_OVER_S) + 1 / _RATE_OVER_S
        self._at = now
        first_s = min(RETURN_S_MAX / SPREAD, max(RETURN_S_MIN, RETURN_S_MIN * self._per_s / REFUSALS_PER_S))
        return round(random.uniform(first_s, SPREAD * first_s))
