"""Bounds how many connections of one web process may be at each stage of a request, and for how long.

A connection holds one of the process's greenlets from its first byte to its last. Each stage has a bound, so that no
stage takes all greenlets; some are left over for ``/healthz`` and for refusals. Where the client sets the pace (a head
or a body on its way in, an answer on its way out), there are deadlines, and the oldest gives way to the newest: who
sends and reads at once always comes through. Where the server sets the pace, the newest is refused.
"""

from __future__ import annotations

import os
import socket
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress

from web.stages import CLIENT_SHARES, GIVES_WAY_AFTER_S, SHARES, SITE_SHARES, Kind

HEAD_S = 10.0  # for the whole head of a request
BODY_S = 10.0  # for a body or an answer, beside a second for each so many bytes:
LEAST_RATE_BYTES_S = 16 << 10
DRAIN_S = 5.0  # for the rest of a body that nobody wants; at its pace (request_body.py) the longest takes 1.4
ANSWER_S = 30.0  # for an answer whose length is not known
CROWDED_S = 0.5  # the longest wait when all places for long polls are taken
LOOK_S = 0.5  # between two looks at the deadlines


class Connection:
    """A connection of a client. ``descriptor``: of its socket; None if it cannot be cut (without uWSGI).

    ``client``: its address (of IPv6: network), in whose shares it counts; None: in nobody's. ``sites``: origin and key,
    in whose shares it counts, too (``client_shares.sites_of``).
    """

    def __init__(self, descriptor: int | None = None) -> None:
        self.descriptor = descriptor
        self.client: str | None = None
        self.sites: tuple[str, ...] = ()
        self.counted: tuple[str, ...] = ()  # in whose shares it is now
        self.kind = Kind.FREE
        self.since_s = 0.0  # on the monotonic clock, as the deadline is
        self.deadline_s: float | None = None
        self.was_cut = False

    def cut(self) -> None:
        """End what is on its way. A body is only cut off, so that the client still gets an answer."""
        self.was_cut = True
        if self.descriptor is None:
            return
        how = socket.SHUT_RD if self.kind is Kind.BODY else socket.SHUT_RDWR
        with suppress(OSError), socket.socket(fileno=os.dup(self.descriptor)) as ours:
            ours.shutdown(how)


class Connections:
    """The connections of one web process by their stage, the oldest of each stage first."""

    def __init__(self, greenlets: int, sockets: int = 1) -> None:
        self._at: dict[Kind, dict[Connection, None]] = {kind: {} for kind in Kind}
        self._bounds = {kind: max(1, greenlets * share // 16) for kind, share in SHARES.items()}
        self._bounds[Kind.SOCKET] = sockets  # these have greenlets of their own
        self._of: dict[tuple[Kind, str], dict[Connection, None]] = {}  # of a client, an origin, a key
        self._lock = threading.Lock()
        self._looking_pid = 0  # a thread does not survive the fork of a web server

    def bound(self, kind: Kind) -> int:
        """Return how many connections may be at this stage at once."""
        return self._bounds[kind]

    def client_bound(self, kind: Kind) -> int:
        """Return how many connections of one client may be at this stage at once."""
        return max(1, int(self._bounds[kind] * CLIENT_SHARES.get(kind, 1)))

    def site_bound(self, kind: Kind) -> int:
        """Return how many connections of one origin, or with one key, may be at this stage at once."""
        return max(1, int(self._bounds[kind] * SITE_SHARES.get(kind, 1)))

    def is_over_share(self, connection: Connection, kind: Kind) -> bool:
        """Return whether its client, its origin or its key has as many connections at this stage as it may."""
        return next(self._full_shares(connection, kind), None) is not None

    def count(self, kind: Kind) -> int:
        """Return how many connections are at this stage now."""
        return len(self._at[kind])

    def move(self, connection: Connection, kind: Kind, within_s: float | None = None) -> bool:
        """Move the connection to a stage; return False, and change nothing, when too many are at it, or of its client.

        ``within_s``: the connection is cut after so many seconds.
        """
        now = time.monotonic()
        with self._lock:
            if connection not in self._at[kind] and kind is not Kind.FREE:
                for there in self._full(connection, kind):
                    if kind not in GIVES_WAY_AFTER_S:
                        return False
                    self._give_way(kind, now, there)
            self._take_out(connection)
            self._at[kind][connection] = None
            connection.counted = tuple(name for name, _ in self._shares(connection, kind))
            for name in connection.counted:
                self._of.setdefault((kind, name), {})[connection] = None
            connection.kind, connection.since_s = kind, now
            connection.deadline_s = None if within_s is None else now + within_s
        if within_s is not None:
            self._look_after_deadlines()
        return True

    def leave(self, connection: Connection) -> None:
        """Forget a connection that has ended, so that it is never cut."""
        with self._lock:
            self._take_out(connection)
            connection.descriptor = None

    @contextmanager
    def being(self, connection: Connection, kind: Kind, within_s: float | None = None) -> Iterator[bool]:
        """Move the connection to a stage for the block, and back after it. Yield False when too many are at it."""
        before = connection.kind
        granted = self.move(connection, kind, within_s)
        try:
            yield granted
        finally:
            if granted and not self.move(connection, before):
                self.move(connection, Kind.FREE)

    @contextmanager
    def waiting(self, connection: Connection, wait_s: float) -> Iterator[float]:
        """Yield how many of these seconds the connection may wait in the block: all, CROWDED_S, or none."""
        if wait_s <= 0:
            yield 0.0
            return
        with self.being(connection, Kind.WAIT) as granted:
            if granted:
                yield wait_s
                return
        with self.being(connection, Kind.CROWDED) as granted:
            yield min(wait_s, CROWDED_S) if granted else 0.0

    def _full(self, connection: Connection, kind: Kind) -> Iterator[dict[Connection, None]]:
        """Yield the connections that are as many as may be at this stage: of its client or site, and all."""
        yield from self._full_shares(connection, kind)
        if len(self._at[kind]) >= self._bounds[kind]:
            yield self._at[kind]

    def _shares(self, connection: Connection, kind: Kind) -> Iterator[tuple[str, int]]:
        """Yield in whose shares of a stage a connection counts, and how many of each may be there."""
        if connection.client is not None:
            if kind in CLIENT_SHARES:
                yield connection.client, self.client_bound(kind)
            if kind in SITE_SHARES:
                yield from ((site, self.site_bound(kind)) for site in connection.sites)

    def _full_shares(self, connection: Connection, kind: Kind) -> Iterator[dict[Connection, None]]:
        for name, most in self._shares(connection, kind):
            own = self._of.get((kind, name), {})
            if len(own) >= most:
                yield own

    def _take_out(self, connection: Connection) -> None:
        self._at[connection.kind].pop(connection, None)
        self._at[Kind.FREE].pop(connection, None)
        for name in connection.counted:
            own = self._of.get((connection.kind, name), {})
            own.pop(connection, None)
            if not own:
                self._of.pop((connection.kind, name), None)

    def _give_way(self, kind: Kind, now: float, there: dict[Connection, None]) -> bool:
        """Cut the oldest of these at a stage if it has had its time; return whether it was cut."""
        oldest = next(iter(there))
        if now - oldest.since_s < GIVES_WAY_AFTER_S[kind]:
            return False
        oldest.cut()
        # It is not counted any more, but its deadline stays: if it goes on all the same, it is cut again.
        self._take_out(oldest)
        self._at[Kind.FREE][oldest] = None
        return True

    def _look_after_deadlines(self) -> None:
        if self._looking_pid == os.getpid():
            return
        self._looking_pid = os.getpid()
        threading.Thread(target=self._look, name="deadlines", daemon=True).start()

    def _look(self) -> None:
        while True:
            time.sleep(LOOK_S)
            now = time.monotonic()
            with self._lock:
                for there in self._at.values():
                    for connection in there:
                        if connection.deadline_s is not None and connection.deadline_s < now:
                            connection.cut()
                # Those that were too young to give way when the newest came: perhaps no other comes that makes them.
                for kind in GIVES_WAY_AFTER_S:
                    while self.count(kind) > self._bounds[kind] and self._give_way(kind, now, self._at[kind]):
                        pass
