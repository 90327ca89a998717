"""Look for the knee: the highest rate at which every computation is right and ends within a second."""

from __future__ import annotations

import os
from collections.abc import Callable

from tests.load.report import Result
from tests.load.station import limiting

GOAL_S = 1.0
STEP = 1.5
RUNS_MAX = 12
# Of the students asked for: where no processor has time left, Tsung itself sends fewer, and the rate was not tried.
CAME_MIN = 0.7
# The knee is found when the next rate that is too high is so close.
CLOSE = 1.15


def holds(result: Result) -> bool:
    """Whether the server bore this rate."""
    outcomes, options = result.outcomes, result.options
    came = len(outcomes.computations) >= CAME_MIN * min(options.users, options.rate * options.seconds)
    return came and outcomes.good and not outcomes.count("refused") and result.slowest_s <= GOAL_S


def climb(first: float, run: Callable[[float], Result]) -> list[Result]:
    """Run at rising rates until one is too much, then between the last two; return all runs in their order."""
    results: list[Result] = []
    most, least, rate = 0.0, float("inf"), first
    while len(results) < RUNS_MAX and least > most * CLOSE:
        results.append(run(rate))
        if holds(results[-1]):
            most = max(most, rate)
        else:
            least = min(least, rate)
        rate = _next(most, least)
    return results


def knee(results: list[Result]) -> Result | None:
    """Return the run at the highest rate that the server bore."""
    return max(filter(holds, results), key=lambda result: result.options.rate, default=None)


def limit(results: list[Result]) -> str:
    """Return a sentence about the station that was full at the lowest rate that the server did not bear."""
    beyond = min((one for one in results if not holds(one)), key=lambda one: one.options.rate, default=None)
    if beyond is None:
        return "no limit was found"
    return f"at {beyond.options.rate:g} students a second {limiting(beyond.usage.cores, os.cpu_count() or 1)}"


def _next(most: float, least: float) -> float:
    if least == float("inf"):
        rate = most * STEP
    elif not most:
        rate = least / STEP
    else:
        rate = (most * least) ** 0.5
    return float(f"{rate:.3g}")


def table(results: list[Result]) -> str:
    """Return a line for each run, by rate."""
    lines = [
        f"{'students/s':>10}{'requests/s':>12}{'ends/s':>9}{'p50':>8}{'p99':>8}{'max':>8} ms  right wrong lost refused"
    ]
    for result in sorted(results, key=lambda one: one.options.rate):
        figures = result.figures()
        times = figures["ms"].get("submit → finished", {"p50": 0.0, "p99": 0.0, "max": 0.0})
        lines.append(
            f"{result.options.rate:10g}{figures['requests_per_s']:12.1f}{figures['computations_per_s']:9.1f}"
            f"{times['p50']:8.0f}{times['p99']:8.0f}{times['max']:8.0f}    {figures['right']:6}{figures['wrong']:6}"
            f"{figures['lost']:5}{figures['refused']:8}{'' if holds(result) else '  too much'}"
        )
    return "\n".join(lines)
