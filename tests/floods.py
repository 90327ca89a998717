"""Open floods of connections for tests: so many of a kind, fed slowly, on this machine alone."""

from __future__ import annotations

import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress

CONNECTIONS_MAX = 2000
TRICKLE_S = 0.5
JOIN_S = 30.0
READ_BYTES = 64 << 10
# So they are the operator's, whom no share of a client bounds: what bounds all connections together is met.
HOST = "Host: localhost"


class Flood:
    """Connections of one kind. Each sends ``first``, then drop after drop; if it ``reads``, it forgets what it reads.

    ``lost`` says how many the server has closed so far.
    """

    def __init__(self, port: int, first: bytes, drop: bytes, reads: bool) -> None:
        self._port, self._first, self._drop, self._reads = port, first, drop, reads
        self._open: list[socket.socket] = []
        self.lost = 0

    def fill(self, count: int) -> None:
        """Open connections until there are so many."""
        assert count <= CONNECTIONS_MAX
        while len(self._open) < count:
            connection = socket.create_connection(("127.0.0.1", self._port), timeout=10)
            connection.settimeout(0)
            with suppress(OSError):
                connection.send(self._first)
            self._open.append(connection)

    def trickle(self) -> None:
        """Send a drop on each connection; forget those that the server has closed."""
        for connection in list(self._open):
            if not self._is_open(connection):
                self.lost += 1
                self._open.remove(connection)
                connection.close()

    def close(self) -> None:
        """Close all connections."""
        for connection in self._open:
            connection.close()

    def _is_open(self, connection: socket.socket) -> bool:
        try:
            if self._drop:
                connection.send(self._drop)
            while self._reads:
                if not connection.recv(READ_BYTES):
                    return False
            return True
        except BlockingIOError:
            return True
        except OSError:
            return False


@contextmanager
def flood(port: int, count: int, first: bytes, drop: bytes = b"", *, reads: bool = True) -> Iterator[Flood]:
    """Keep so many connections open in the block; a drop goes out on each of them twice a second."""
    found = Flood(port, first, drop, reads)
    over = threading.Event()

    def keep() -> None:
        while not over.wait(TRICKLE_S):
            found.trickle()
            with suppress(OSError):
                found.fill(count)

    found.fill(count)
    keeper = threading.Thread(target=keep)
    keeper.start()
    try:
        yield found
    finally:
        over.set()
        keeper.join(JOIN_S)
        found.close()


def get(path: str, **headers: str) -> bytes:
    """Return a whole request."""
    lines = [f"GET {path} HTTP/1.1", HOST, *(f"{name}: {value}" for name, value in headers.items())]
    return ("\r\n".join(lines) + "\r\n\r\n").encode()


def post(length: int, body: bytes = b"", content_type: str = "application/json") -> bytes:
    """Return the beginning of a submission."""
    head = f"POST /computations HTTP/1.1\r\n{HOST}\r\nContent-Type: {content_type}\r\nContent-Length: {length}\r\n\r\n"
    return head.encode() + body
