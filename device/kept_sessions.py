"""Finds the kept sessions of a device: by id, by whose shares they count in, and those that rest."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator

from device.runs import Session

SHARERS = ("client", "origin", "key")


class KeptSessions:
    """The kept sessions that a device holds, by the store's id. What a cell asks of it costs as much beside many."""

    def __init__(self) -> None:
        self._by_id: dict[str, Session] = {}
        self._by_sharer: defaultdict[tuple[str, str], dict[str, Session]] = defaultdict(dict)

    def __iter__(self) -> Iterator[str]:
        """Yield the ids."""
        return iter(self._by_id)

    def __len__(self) -> int:
        return len(self._by_id)

    def __contains__(self, id: str) -> bool:
        return id in self._by_id

    def get(self, id: str) -> Session | None:
        """Return the session with this id, None when there is none."""
        return self._by_id.get(id)

    def put(self, session: Session) -> None:
        """Add a session, in place of another one with its id."""
        self.drop(session.id)
        self._by_id[session.id] = session
        for sharer in _sharers(session):
            self._by_sharer[sharer][session.id] = session

    def drop(self, id: str) -> Session | None:
        """Forget the session with this id; return it, None when there is none."""
        session = self._by_id.pop(id, None)
        for sharer in _sharers(session) if session is not None else ():
            del self._by_sharer[sharer][id]
            if not self._by_sharer[sharer]:
                del self._by_sharer[sharer]
        return session

    @property
    def idle(self) -> list[Session]:
        """The sessions that could take their next turn; this walks over all."""
        return [session for session in self._by_id.values() if session.idle]

    def idle_of(self, kind: str, name: str | None) -> list[Session]:
        """Return the idle sessions of a client, an origin or a key, as ``kind`` says."""
        own = self._by_sharer.get((kind, name), {}) if name is not None else {}
        return [session for session in own.values() if session.idle]


def _sharers(session: Session) -> Iterator[tuple[str, str]]:
    """Yield in whose shares it counts."""
    for kind in SHARERS:
        name = getattr(session.requester, kind)
        if name is not None:
            yield kind, name
