"""What each connection of one web process is at: how many may be at it, and for how long.

A connection holds one of the process's greenlets from its first byte to its last. So that no kind of request takes all
of them, each kind has a bound; a rest is left for ``/healthz`` and for those who are turned away. Where somebody else
sets the pace (a head or a body on its way in, an answer on its way out), the oldest gives way to the newest, so that
one who sends and reads at once always comes through; each of these has a deadline, too. Where the pace is ours, the
newest is turned away.
"""

from __future__ import annotations

import os
import socket
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from enum import Enum

HEAD_S = 10.0  # for the whole head of a request
BODY_S = 10.0  # for a body or an answer, beside a second for each so many bytes:
LEAST_RATE_BYTES_S = 16 << 10
DRAIN_S = 2.0  # for the rest of a body that nobody wants
ANSWER_S = 30.0  # for an answer whose length is not known
CROWDED_S = 0.5  # the longest wait when all places for long polls are taken
LOOK_S = 0.5  # between two looks at the deadlines


class Kind(Enum):
    """What a connection is at."""

    HEAD = "its head is on its way in"
    BODY = "its body is"
    WORK = "we are at it"
    WAIT = "it waits for news: a long poll"
    CROWDED = "the same, for CROWDED_S at most"
    EVENTS = "it is an event stream"
    ANSWER = "its answer is on its way out"
    FREE = "one that is always served, or is counted no more"


# Shares of the greenlets, in sixteenths. The two that are left are the reserve.
SHARES = {
    Kind.HEAD: 2, Kind.BODY: 1, Kind.WORK: 4, Kind.WAIT: 4, Kind.CROWDED: 1, Kind.EVENTS: 1, Kind.ANSWER: 1
}  # fmt: skip
# The oldest of these gives way to the newest, when it has had so many seconds. A short answer is never cut: it goes out
# at once, but many may be about to.
GIVES_WAY_AFTER_S = {Kind.HEAD: 0.0, Kind.BODY: 0.0, Kind.ANSWER: 1.0}


class Connection:
    """One connection. ``descriptor``: of its socket, None where it cannot be cut (another server than uWSGI)."""

    def __init__(self, descriptor: int | None = None) -> None:
        self.descriptor = descriptor
        self.kind = Kind.FREE
        self.since_s = 0.0  # on the monotonic clock, as the deadline is
        self.deadline_s: float | None = None
        self.was_cut = False

    def cut(self) -> None:
        """End what is on its way. After a body that came too slowly an answer can still be sent."""
        self.was_cut = True
        if self.descriptor is None:
            return
        how = socket.SHUT_RD if self.kind is Kind.BODY else socket.SHUT_RDWR
        with suppress(OSError), socket.socket(fileno=os.dup(self.descriptor)) as ours:
            ours.shutdown(how)


class Connections:
    """The connections of one web process, by what they are at; the oldest of each kind is first."""

    def __init__(self, greenlets: int) -> None:
        self._at: dict[Kind, dict[Connection, None]] = {kind: {} for kind in Kind}
        self._bounds = {kind: max(1, greenlets * share // 16) for kind, share in SHARES.items()}
        self._lock = threading.Lock()
        self._looking_pid = 0  # a thread does not survive the fork of a web server

    def bound(self, kind: Kind) -> int:
        """Return how many connections may be at this at once."""
        return self._bounds[kind]

    def count(self, kind: Kind) -> int:
        """Return how many connections are at this now."""
        return len(self._at[kind])

    def move(self, connection: Connection, kind: Kind, within_s: float | None = None) -> bool:
        """Note what the connection is at from now on; return False, and change nothing, when too many are at it.

        ``within_s``: after so many seconds it is cut.
        """
        now = time.monotonic()
        with self._lock:
            there = self._at[kind]
            if connection not in there and kind is not Kind.FREE and len(there) >= self._bounds[kind]:
                if kind not in GIVES_WAY_AFTER_S:
                    return False
                self._give_way(kind, now)
            self._at[connection.kind].pop(connection, None)
            self._at[Kind.FREE].pop(connection, None)
            there[connection] = None
            connection.kind, connection.since_s = kind, now
            connection.deadline_s = None if within_s is None else now + within_s
        if within_s is not None:
            self._look_after_deadlines()
        return True

    def leave(self, connection: Connection) -> None:
        """Forget a connection that has ended; it is not cut any more."""
        with self._lock:
            self._at[connection.kind].pop(connection, None)
            self._at[Kind.FREE].pop(connection, None)
            connection.descriptor = None

    @contextmanager
    def being(self, connection: Connection, kind: Kind, within_s: float | None = None) -> Iterator[bool]:
        """Have the connection be at this in the block, and then at what it was before. Yield False if too many are."""
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

    def _give_way(self, kind: Kind, now: float) -> bool:
        """Cut the oldest of a kind if it has had its time; return whether it was."""
        oldest = next(iter(self._at[kind]))
        if now - oldest.since_s < GIVES_WAY_AFTER_S[kind]:
            return False
        oldest.cut()
        # It is counted no longer, but its deadline stays: one that goes on all the same is cut again.
        del self._at[kind][oldest]
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
                # Those that were too young to give way when the newest came; it may have been the last that could.
                for kind in GIVES_WAY_AFTER_S:
                    while self.count(kind) > self._bounds[kind] and self._give_way(kind, now):
                        pass
