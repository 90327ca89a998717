"""Names who asks for something: a client, the page's origin, and a key."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Requester:
    """Who asks, as far as it is known; whatever is counted, shared out or refused is so by these three names.

    ``client``: today's name of the address (``store/clients.py``). ``origin``: that of the page which holds the cell,
    as its browser says it; programs have none, or say what they like. ``key``: the name of the key that came along.
    """

    client: str | None = None
    origin: str | None = None
    key: str | None = None


NOBODY = Requester()
