"""Counts what this process does with the store: how long its calls take, and how computations end.

The devices report these figures, the web part shows its own (``web/metrics.py``); they begin at 0 with the process.
"""

from __future__ import annotations

from bisect import bisect_left
from collections import Counter
from typing import Any

# Upper bounds of the buckets, in seconds: from a find in the cache to a cell at its limit.
BOUNDS_S = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0)


class Histogram:
    """How often a time was within each of the bounds, and the sum of all times."""

    __slots__ = ("counts", "sum_s")

    def __init__(self) -> None:
        self.counts, self.sum_s = [0] * (len(BOUNDS_S) + 1), 0.0

    def observe(self, seconds: float) -> None:
        """Count a time."""
        self.counts[bisect_left(BOUNDS_S, seconds)] += 1
        self.sum_s += seconds


class Figures:
    """The figures of one process.

    ``calls``: the doors' calls, by name. ``ends``: computations by language, state and reason.
    """

    def __init__(self) -> None:
        self.calls: dict[str, Histogram] = {}
        self.ends: Counter[tuple[str, str, str]] = Counter()

    def call(self, name: str) -> Histogram:
        """Return the histogram of a call."""
        return self.calls.setdefault(name, Histogram())

    def count_end(self, language: str | None, state: str, reason: str | None) -> None:
        """Count a computation that has ended."""
        self.ends[language or "", state, reason or ""] += 1

    def report(self) -> dict[str, Any]:
        """Return the figures as a device reports them."""
        return {
            "calls": report_of(self.calls),
            "ends": [[*names, count] for names, count in self.ends.items()],
        }


def report_of(histograms: dict[str, Histogram]) -> list[list[Any]]:
    """Return those of the histograms that counted anything: name, counts, sum."""
    return [[name, times.counts, times.sum_s] for name, times in histograms.items() if any(times.counts)]


OURS = Figures()
