"""Holds the shares that a client has of this web process, beside that of its connections (``web/connections.py``)."""

from __future__ import annotations

import math
from dataclasses import dataclass, field

from web.problems import refuse
from web.turns import Rate, Turns

REQUESTS_PER_S, REQUESTS_BURST = 200, 400  # as nginx.conf has it
TOO_MANY = "Too many requests come from your address; try again in a moment."
UPLOADS = 4  # at once
# At once in the database, and more that wait for these: so others' questions wait behind few of one client.
INTROSPECTIONS, INTROSPECTIONS_WAITING = 2, 62
INTROSPECTION_WAIT_S = 3.0


@dataclass(frozen=True)
class ClientShares:
    """What each client may do at once, or how often."""

    requests: Rate = field(default_factory=lambda: Rate(REQUESTS_PER_S, REQUESTS_BURST))
    uploads: Turns = field(default_factory=lambda: Turns(UPLOADS))
    introspections: Turns = field(default_factory=lambda: Turns(INTROSPECTIONS, INTROSPECTIONS_WAITING))

    def count_request(self, client: str | None) -> None:
        """Count a request. Raises ProblemError 429."""
        pause_s = self.requests.pause_s(client)
        if pause_s > 0:
            refuse(429, TOO_MANY, {"Retry-After": str(math.ceil(pause_s))}, reason="requests")
