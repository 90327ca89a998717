"""Speaks WebSocket (RFC 6455) on a connection that uWSGI has accepted.

uWSGI has frames, too; but it does not tell which ping was answered, the one sign that what was sent before it has come
to the client itself, and not only to a proxy.
"""

from __future__ import annotations

import os
import socket
import time
from collections.abc import Iterator
from contextlib import suppress
from threading import Event

from web.websocket_frames import BINARY, CLOSE, PING, PONG, TEXT, FrameError, Frames, head

NORMAL, NOT_A_MESSAGE, INTERNAL, TRY_AGAIN = 1000, 1007, 1011, 1013  # why a socket is closed: RFC 6455, 7.4.1
REASON_BYTES_MAX = 123  # of a frame that closes
PING_S = 25.0  # of a socket on which nothing else is sent; proxies close what is silent for a minute
PONG_S = 45.0  # within which something comes from a client that was pinged
STALL_S = 30.0  # for which a client may take nothing of what is sent to it
WRITE_BYTES = 64 << 10  # about as much is written at once, and pinged behind
PINGS_MAX = 64  # that are not answered yet
READ_BYTES, READS_AT_ONCE = 64 << 10, 16  # then others have their turn
_NUMBER_BYTES = 4  # of a ping


class ClosedError(Exception):
    """The client has closed the socket, has gone, or sent what is no frame. ``code``: what the socket ends with."""

    def __init__(self, code: int = NORMAL) -> None:
        super().__init__(code)
        self.code = code


class WebSocket:
    """An open socket. Only the greenlet of its request uses it.

    ``pings``: how many were sent, each with its number, from 1 on; ``answered``: the last one that was answered. Frames
    stay in order, so the client has all that was sent before it.
    """

    def __init__(self, descriptor: int) -> None:
        import gevent.socket

        os.set_blocking(descriptor, False)
        self._descriptor, self._wait_write = descriptor, gevent.socket.wait_write
        self._readable = gevent.get_hub().loop.io(descriptor, 1)
        self._frames = Frames()
        self._waiting: list[bytes] = []
        self._waiting_bytes = 0
        self.pings = self.answered = 0
        self._is_pinged = self._is_open = True  # whether a ping was sent behind the last message
        self._pinged_at = self._waits_since = self._heard_at = time.monotonic()

    def receive(self) -> Iterator[bytes | None]:
        """Yield the messages that have come whole; what is not asked for comes the next time. Raises ClosedError.

        Yield None for each other frame of which a client may send any number: it costs about what a message costs.
        """
        try:
            yield from self._whole()
            for _ in range(READS_AT_ONCE):
                if not self._read():
                    break
                yield from self._whole()
        except FrameError as error:
            raise ClosedError(error.code) from error
        if self.answered < self.pings and time.monotonic() > max(self._waits_since, self._heard_at) + PONG_S:
            raise ClosedError

    def send(self, message: bytes, *, is_text: bool) -> None:
        """Send a message, with the next ``flush`` at the latest. Raises ClosedError."""
        self._put(TEXT if is_text else BINARY, message)
        self._is_pinged = False
        if self._waiting_bytes >= WRITE_BYTES:
            self.flush()

    def flush(self) -> None:
        """Write what waits, and ping behind it; wait while the client takes nothing. Raises ClosedError."""
        now = time.monotonic()
        if (not self._is_pinged or now > self._pinged_at + PING_S) and self.pings - self.answered < PINGS_MAX:
            self._waits_since = now if self.answered == self.pings else self._waits_since
            self._pinged_at = now
            self.pings += 1
            self._put(PING, self.pings.to_bytes(_NUMBER_BYTES, "big"))
            self._is_pinged = True
        if self._waiting:
            waiting, self._waiting, self._waiting_bytes = b"".join(self._waiting), [], 0
            self.write(waiting)

    def wait(self, event: Event, wait_s: float, *, hears: bool = True) -> None:
        """Wait until the event is set or, where it ``hears``, something comes from the client; ``wait_s`` at most."""
        if hears:
            self._readable.start(event.set)
        try:
            event.wait(wait_s)
        finally:
            self._readable.stop()

    def close(self, code: int, reason: str = "") -> None:
        """Say that the socket ends, and drop what waits; the end of its request ends it."""
        self._readable.stop()
        self._readable.close()
        payload = code.to_bytes(2, "big") + reason.encode()[:REASON_BYTES_MAX]
        if self._is_open:
            with suppress(OSError):  # there is room for it, unless the client does not read; then it does not get it
                os.write(self._descriptor, head(CLOSE, len(payload)) + payload)

    def write(self, what: bytes) -> None:
        """Write bytes as they are. Raises ClosedError."""
        rest = memoryview(what)
        while rest and self._is_open:
            try:
                rest = rest[os.write(self._descriptor, rest) :]
            except BlockingIOError:
                self._wait_for_room()
            except OSError:
                self._is_open = False
        if not self._is_open:
            raise ClosedError

    def _wait_for_room(self) -> None:
        try:
            self._wait_write(self._descriptor, STALL_S)
        except OSError:  # the time is over
            self._is_open = False

    def _acknowledge(self) -> None:
        """Have TCP say at once that a pong came: for 40 ms, a client with Nagle's algorithm sends nothing before."""
        with suppress(OSError), socket.socket(fileno=os.dup(self._descriptor)) as ours:
            ours.setsockopt(socket.IPPROTO_TCP, socket.TCP_QUICKACK, 1)

    def _put(self, kind: int, payload: bytes) -> None:
        self._waiting += (head(kind, len(payload)), payload)
        self._waiting_bytes += len(payload)

    def _read(self) -> bool:
        """Read what has come; return whether there was anything. Raises ClosedError."""
        try:
            untrusted_bytes = os.read(self._descriptor, READ_BYTES)
        except BlockingIOError:
            return False
        except OSError as error:
            raise ClosedError from error
        if not untrusted_bytes:
            raise ClosedError
        self._heard_at = time.monotonic()
        self._frames.add(untrusted_bytes)
        return True

    def _whole(self) -> Iterator[bytes | None]:
        """Yield the messages among the whole frames, None for others; answer them. Raises FrameError, ClosedError."""
        for kind, payload in self._frames.whole():
            if kind == CLOSE:
                raise ClosedError
            if kind == PONG and self._is_answered(payload):
                self._acknowledge()
                continue  # there are no more of these than we sent pings
            if kind == PING:
                self._put(PONG, payload)
            yield payload if kind == BINARY else None

    def _is_answered(self, payload: bytes) -> bool:
        """Note the ping that a pong answers; return whether there is one."""
        number = int.from_bytes(payload, "big") if len(payload) == _NUMBER_BYTES else 0
        if not self.answered < number <= self.pings:
            return False
        self.answered = number
        return True
