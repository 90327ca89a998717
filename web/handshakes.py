"""Answers the handshake of a WebSocket (RFC 6455, 4): uWSGI's own needs OpenSSL, which its wheel is built without."""

from __future__ import annotations

import os
import re
import socket
from contextlib import suppress

from flask import Request
from wsproto.utilities import generate_accept_token

from web import accepting, headers
from web.context import connection, here
from web.problems import refuse
from web.websockets import ClosedError, WebSocket

_KEY = re.compile(r"[A-Za-z0-9+/]{22}==")


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
    proof = generate_accept_token(_key_of(request).encode()).decode()
    lines = [
        "HTTP/1.1 101 Switching Protocols", "Upgrade: websocket", "Connection: Upgrade",
        f"Sec-WebSocket-Accept: {proof}", *([f"Sec-WebSocket-Protocol: {protocol}"] if protocol else []),
    ]  # fmt: skip
    opened = WebSocket(descriptor)
    # Messages are small and many: none is to wait until the one before it is acknowledged (Nagle).
    with suppress(OSError), socket.socket(fileno=os.dup(descriptor)) as ours:
        ours.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    opened.write(("\r\n".join(lines) + "\r\n\r\n").encode())
    return opened


def offered(request: Request) -> list[str]:
    """Return the subprotocols that the client offers."""
    return [name.strip() for name in request.headers.get("Sec-WebSocket-Protocol", "").split(",") if name.strip()]


def _key_of(request: Request) -> str:
    return request.headers.get("Sec-WebSocket-Key", "")
