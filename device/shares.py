"""Finds who has as much of this device as they may, so that nobody takes the places that others need.

A client may have as many runs as places are left free: alone half of them, two clients a third each. A client with more
pages, as a class behind one address is, may have one run for each page, until a fifth of the places is left; so may an
origin and a key. Who waits for an answer takes no place, but there is a bound for such sessions, too.

Cells that are over at once take no places for long, but all the processors: while others begin fewer, a page begins
only so many in a second, and all pages of a client as many as four.
"""

from __future__ import annotations

from collections import Counter, deque
from collections.abc import Iterable
from operator import attrgetter

from device.runs import Run
from settings import Settings
from store import NOBODY_PASSED, Claim, PassedOver

CLASS_FACTOR = 4  # so many runs for each place that is left free
CLASS_WEIGHT = 8
ASKING_SHARE = 4 / 5  # of ``sessions_asking_max``, for one client
LATELY_S = 1.0
ALIKE = 1.25  # those who begin up to so many times what others begin do so alike


class Begun:
    """The first turns that a device began lately. Times: seconds of the monotonic clock."""

    def __init__(self, most: int) -> None:
        self._most = most
        self._turns: deque[tuple[float, str | None, str]] = deque()

    def add(self, claim: Claim, now: float) -> None:
        """Note that a computation begins; those of the operator count for nobody."""
        if claim.turn == 0 and claim.lane is not None:
            self._turns.append((now, claim.client, claim.lane))

    def passed_over(self, now: float) -> PassedOver:
        """Return who has begun so many that others, who begin fewer, come first."""
        while self._turns and now - self._turns[0][0] > LATELY_S:
            self._turns.popleft()
        clients = Counter(client for _, client, _ in self._turns)
        if len(self._turns) < self._most or len(clients) == 1:
            return NOBODY_PASSED
        lanes = Counter(lane for _, _, lane in self._turns)
        return PassedOver(client=self._hasty(clients, CLASS_FACTOR), lane=self._hasty(lanes, 1))

    def _hasty(self, counts: Counter[str] | Counter[str | None], factor: int) -> frozenset[str]:
        """Return whose count is beyond what each may have, and beyond the others' mean."""
        return _named(
            name
            for name, count in counts.items()
            if count >= factor * self._most and count > ALIKE * (counts.total() - count) / max(1, len(counts) - 1)
        )


def passed_over(runs: Iterable[Run], free: int, settings: Settings) -> PassedOver:
    """Return whose first turns this device does not begin now. ``free``: places that are, or can be made, free."""
    counted = [run for run in runs if run.claim.lane is not None and not run.over]
    taking = [run.claim for run in counted if run.clock.asking_since is None]
    asking = Counter(run.claim.client for run in counted if run.clock.asking_since is not None)
    asking_max = max(1, int(settings.sessions_asking_max * ASKING_SHARE))
    clients, origins, keys = (Counter(map(attrgetter(name), taking)) for name in ("client", "origin", "key"))
    of_page, of_class = max(1, free), max(1, CLASS_FACTOR * free)
    many = {client for client, count in clients.items() if count >= of_page}
    full = {client for client, count in clients.items() if count >= of_class}
    return PassedOver(
        client=_named(full.union(client for client, count in asking.items() if count >= asking_max)),
        origin=_named(origin for origin, count in origins.items() if count >= of_class),
        key=_named(key for key, count in keys.items() if count >= of_class),
        lane=_named(claim.lane for claim in taking if claim.client in many),
    )


def weight(run: Run, runs: Iterable[Run]) -> float:
    """Return what the CPU time of a run weighs beside others: all runs of a page as much as one, a class's as eight."""
    lane, client = run.claim.lane, run.claim.client
    if lane is None:
        return 1.0
    of_client = [other.claim.lane for other in runs if other.claim.client == client and not other.over]
    return 1 / max(1, of_client.count(lane), len(of_client) / CLASS_WEIGHT)


def _named(names: Iterable[str | None]) -> frozenset[str]:
    return frozenset(name for name in names if name is not None)
