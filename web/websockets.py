"""Speaks WebSocket (RFC 6455) on a connection that uWSGI has accepted.

The frames are wsproto's. uWSGI has some, too; but it does not tell which ping was answered, the one sign that what was
sent before it has come to the client itself, and not only to a proxy.
"""

from __future__ import annotations

import os
import socket
import time
from collections.abc import Iterator
from contextlib import suppress
from threading import Event
from typing import Any

from wsproto.connection import Connection, ConnectionState, ConnectionType
from wsproto.events import BytesMessage, CloseConnection, Message, Ping, Pong, TextMessage
from wsproto.events import Event as Frame
from wsproto.utilities import LocalProtocolError

# Why a socket is closed: RFC 6455, 7.4.1.
NORMAL, NOT_A_MESSAGE, TOO_LONG, INTERNAL, TRY_AGAIN = 1000, 1007, 1009, 1011, 1013
MESSAGE_BYTES_MAX = 1 << 20
PART_BYTES_MIN = 1 << 10  # of a message; shorter ones cost more than what they carry
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
        self._frames = Connection(ConnectionType.SERVER)
        self._message, self._part_bytes = bytearray(), 0  # what has come of one, and of its last part
        self._waiting: list[bytes] = []
        self._waiting_bytes = 0
        self.pings = self.answered = 0
        self._is_pinged = self._is_open = True  # whether a ping was sent behind the last message
        self._pinged_at = self._waits_since = self._heard_at = time.monotonic()

    def receive(self) -> Iterator[bytes | None]:
        """Yield the messages that have come whole; what is not asked for comes the next time. Raises ClosedError.

        Yield None for each other frame of which a client may send any number: it costs about what a message costs.
        """
        yield from self._whole()
        for _ in range(READS_AT_ONCE):
            if not self._read():
                break
            yield from self._whole()
        if self.answered < self.pings and time.monotonic() > max(self._waits_since, self._heard_at) + PONG_S:
            raise ClosedError

    def send(self, message: bytes, *, is_text: bool) -> None:
        """Send a message, with the next ``flush`` at the latest. Raises ClosedError."""
        self._put(TextMessage(message.decode()) if is_text else BytesMessage(message))
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
            self._put(Ping(self.pings.to_bytes(_NUMBER_BYTES, "big")))
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
        if self._is_open:
            # There is room for it, unless the client does not read; then it does not get it.
            with suppress(OSError, LocalProtocolError):
                os.write(self._descriptor, self._frames.send(CloseConnection(code, reason)))

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

    def _put(self, frame: Frame) -> None:
        try:
            self._waiting.append(self._frames.send(frame))
        except LocalProtocolError as error:  # it is closing
            raise ClosedError from error
        self._waiting_bytes += len(self._waiting[-1])

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
        self._frames.receive_data(untrusted_bytes)
        return True

    def _whole(self) -> Iterator[bytes | None]:
        """Yield the messages that are whole, None for other frames; answer them. Raises ClosedError."""
        for event in self._frames.events():
            if isinstance(event, Message):
                yield from self._pieces(event)
            elif isinstance(event, CloseConnection):
                is_theirs = self._frames.state is ConnectionState.REMOTE_CLOSING
                raise ClosedError(NORMAL if is_theirs else int(event.code))
            elif isinstance(event, Pong) and self._is_answered(bytes(event.payload)):
                self._acknowledge()  # there are no more of these than we sent pings
            else:
                if isinstance(event, Ping):
                    self._put(event.response())
                yield None

    def _pieces(self, event: Message[Any]) -> Iterator[bytes | None]:
        """Add what came of a message; yield it when it is whole. Raises ClosedError."""
        piece = event.data.encode() if isinstance(event.data, str) else event.data
        self._message += piece
        self._part_bytes += len(piece)
        if len(self._message) > MESSAGE_BYTES_MAX:
            raise ClosedError(TOO_LONG)
        if event.message_finished:
            message, self._message = bytes(self._message), bytearray()
            yield message
        elif event.frame_finished and self._part_bytes < PART_BYTES_MIN:
            yield None
        if event.frame_finished:
            self._part_bytes = 0

    def _is_answered(self, payload: bytes) -> bool:
        """Note the ping that a pong answers; return whether there is one."""
        number = int.from_bytes(payload, "big") if len(payload) == _NUMBER_BYTES else 0
        if not self.answered < number <= self.pings:
            return False
        self.answered = number
        return True
