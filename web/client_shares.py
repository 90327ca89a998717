"""Holds the shares of this web process that a client, an origin and a key have.

Those of connections are in ``web/connections.py``.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field

from web.problems import refuse
from web.turns import Rate, Turns

REQUESTS_PER_S, REQUESTS_BURST = 200, 400  # as nginx.conf has it
# Of its sockets at what is new, which nobody asks for: one cell is news for each socket of its kernel.
LOOKS_PER_S, LOOKS_BURST = 200, 400
TOO_MANY = "Too many requests come from your address; try again in a moment."
UPLOADS, SITE_UPLOADS = 4, 16  # at once
# At once in the database, and more that wait for these: so others' questions wait behind few of one client.
INTROSPECTIONS, INTROSPECTIONS_WAITING = 2, 62
SITE_INTROSPECTIONS, SITE_INTROSPECTIONS_WAITING = 8, 248
INTROSPECTION_WAIT_S = 3.0


def sites_of(origin: str | None, key: str | None) -> tuple[str, ...]:
    """Return the names under which an origin and a key have shares, of those that there are."""
    return tuple(f"{kind} {name}" for kind, name in (("origin", origin), ("key", key)) if name is not None)


@dataclass(frozen=True)
class ClientShares:
    """What each client, and each origin and key (its sites), may do at once, or how often."""

    requests: Rate = field(default_factory=lambda: Rate(REQUESTS_PER_S, REQUESTS_BURST))
    looks: Rate = field(default_factory=lambda: Rate(LOOKS_PER_S, LOOKS_BURST))
    uploads: Turns = field(default_factory=lambda: Turns(UPLOADS))
    site_uploads: Turns = field(default_factory=lambda: Turns(SITE_UPLOADS))
    introspections: Turns = field(default_factory=lambda: Turns(INTROSPECTIONS, INTROSPECTIONS_WAITING))
    site_introspections: Turns = field(default_factory=lambda: Turns(SITE_INTROSPECTIONS, SITE_INTROSPECTIONS_WAITING))

    @contextmanager
    def upload(self, client: str | None, sites: Sequence[str]) -> Iterator[bool]:
        """Have a place for an upload in the block; yield False when the client or a site has its share already."""
        with _all_taken([(self.uploads, client), *_of(self.site_uploads, client, sites)], 0.0) as granted:
            yield granted

    @contextmanager
    def question(self, client: str | None, sites: Sequence[str]) -> Iterator[bool]:
        """Do the same for a question, waiting for a while."""
        turns = [(self.introspections, client), *_of(self.site_introspections, client, sites)]
        with _all_taken(turns, INTROSPECTION_WAIT_S) as granted:
            yield granted

    def count_request(self, client: str | None) -> None:
        """Count a request. Raises ProblemError 429."""
        pause_s = self.requests.pause_s(client)
        if pause_s > 0:
            refuse(429, TOO_MANY, {"Retry-After": str(math.ceil(pause_s))}, reason="requests")


def _of(turns: Turns, client: str | None, sites: Sequence[str]) -> list[tuple[Turns, str | None]]:
    """Return the turns of a client's sites; who counts in nobody's share has none."""
    return [] if client is None else [(turns, site) for site in sites]


@contextmanager
def _all_taken(turns: Sequence[tuple[Turns, str | None]], wait_s: float) -> Iterator[bool]:
    with ExitStack() as taken:
        yield all(taken.enter_context(one.taken(name, wait_s)) for one, name in turns)
