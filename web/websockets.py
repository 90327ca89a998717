"""Speaks WebSocket (RFC 6455) on a connection of uWSGI's, which reads and writes the frames.

uWSGI's own handshake needs a build with OpenSSL, which its wheel is not; so the answer to the handshake is written
here, and so is the frame that closes, which uWSGI never sends.
"""

from __future__ import annotations

import base64
import hashlib
import os
import re
import socket
from collections.abc import Iterator
from contextlib import suppress
from threading import Event

from flask import Request

from web import accepting, headers
from web.context import connection, here
from web.problems import refuse

NORMAL, NOT_A_MESSAGE, INTERNAL, TRY_AGAIN = 1000, 1007, 1011, 1013  # why a socket is closed: RFC 6455, 7.4.1
REASON_BYTES_MAX = 123  # of a frame that closes
_GUID = "258EAFA5-E914-47DA-95CA-C5AB0DC85B11"  # RFC 6455, 1.3
_KEY = re.compile(r"[A-Za-z0-9+/]{22}==")


class ClosedError(Exception):
    """The client has closed the socket, has gone, or sent what is no frame."""


class WebSocket:
    """An open socket. Only the greenlet of its request uses it."""

    def __init__(self, descriptor: int) -> None:
        import gevent
        import uwsgi  # exists only in a process of uWSGI's

        self._uwsgi, self._descriptor = uwsgi, descriptor
        self._readable = gevent.get_hub().loop.io(descriptor, 1)

    def receive(self) -> Iterator[bytes]:
        """Yield the messages that have come whole; pings are sent and answered on the way. Raises ClosedError."""
        empty = 0
        while empty < 2:  # an empty message looks like none
            try:
                message: bytes = self._uwsgi.websocket_recv_nb()
            except OSError as error:
                raise ClosedError from error
            empty = 0 if message else empty + 1
            if message:
                yield message

    def send(self, message: bytes, *, is_text: bool) -> None:
        """Send a message; wait while the client does not read, for uWSGI's socket-timeout. Raises ClosedError."""
        try:
            (self._uwsgi.websocket_send if is_text else self._uwsgi.websocket_send_binary)(message)
        except OSError as error:
            raise ClosedError from error

    def wait(self, event: Event, wait_s: float, *, hears: bool = True) -> None:
        """Wait until the event is set or, where it ``hears``, something comes from the client; ``wait_s`` at most."""
        if hears:
            self._readable.start(event.set)
        try:
            event.wait(wait_s)
        finally:
            self._readable.stop()

    def close(self, code: int, reason: str = "") -> None:
        """Say that the socket ends; the end of its request ends it."""
        self._readable.stop()
        self._readable.close()
        payload = code.to_bytes(2, "big") + reason.encode()[:REASON_BYTES_MAX]
        _write(self._descriptor, bytes((0x88, len(payload))) + payload)


def check_handshake(request: Request) -> None:
    """Refuse a request that opens no socket, or is from a page that may not. Raises ProblemError 400, 403, 501."""
    is_upgrade = request.headers.get("Upgrade", "").lower() == "websocket"
    if not is_upgrade or request.headers.get("Sec-WebSocket-Version") != "13" or not _KEY.fullmatch(_key_of(request)):
        refuse(400, "This address takes WebSockets only (`Upgrade: websocket`, version 13).")
    # Browsers let every page open a socket to every server: what CORS does elsewhere is done here.
    known, origin = headers.origins(here().settings.cors_origins), request.headers.get("Origin")
    if known != "*" and origin is not None and origin not in known:
        refuse(403, "Pages of this site may not open sockets to this server.")
    if accepting.current() is None:
        refuse(501, "This server runs without uWSGI, which would hold the socket.")


def accept(request: Request, protocol: str | None) -> WebSocket:
    """Answer the handshake of a checked request with this subprotocol. Raises ClosedError."""
    descriptor = connection().descriptor
    if descriptor is None:
        raise ClosedError
    proof = base64.b64encode(hashlib.sha1((_key_of(request) + _GUID).encode()).digest()).decode()
    lines = [
        "HTTP/1.1 101 Switching Protocols", "Upgrade: websocket", "Connection: Upgrade",
        f"Sec-WebSocket-Accept: {proof}", *([f"Sec-WebSocket-Protocol: {protocol}"] if protocol else []),
    ]  # fmt: skip
    _write(descriptor, ("\r\n".join(lines) + "\r\n\r\n").encode())
    return WebSocket(descriptor)


def offered(request: Request) -> list[str]:
    """Return the subprotocols that the client offers."""
    return [name.strip() for name in request.headers.get("Sec-WebSocket-Protocol", "").split(",") if name.strip()]


def _key_of(request: Request) -> str:
    return request.headers.get("Sec-WebSocket-Key", "")


def _write(descriptor: int, few: bytes) -> None:
    """Write some bytes, for which the kernel has room unless the client does not read; then it does not get them."""
    with suppress(OSError), socket.socket(fileno=os.dup(descriptor)) as ours:
        ours.send(few, socket.MSG_DONTWAIT)
