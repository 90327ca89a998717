"""A TCP port of this machine's loopback that leads through an SSH connection to one port over there."""

from __future__ import annotations

import socket
import threading
from contextlib import suppress
from typing import Any

import paramiko

PIECE_BYTES = 64 << 10
LOOK_S = 1.0


def forward(transport: paramiko.Transport, port: int) -> int:
    """Return the local port; it serves until the SSH connection ends."""
    listener = socket.create_server(("127.0.0.1", 0))
    local_port: int = listener.getsockname()[1]
    threading.Thread(target=_serve, args=(listener, transport, port), name="forward", daemon=True).start()
    return local_port


def _serve(listener: socket.socket, transport: paramiko.Transport, port: int) -> None:
    listener.settimeout(LOOK_S)
    with listener:
        while transport.is_active():
            try:
                ours, peer = listener.accept()
            except TimeoutError:
                continue
            ours.settimeout(None)
            try:
                theirs = transport.open_channel("direct-tcpip", ("127.0.0.1", port), peer)
            except (paramiko.SSHException, OSError):
                ours.close()
                continue
            # A thread for each direction: one that waits to send must not keep the other from reading.
            for source, sink in ((ours, theirs), (theirs, ours)):
                threading.Thread(target=_pump, args=(source, sink), name="forward", daemon=True).start()


def _pump(source: Any, sink: Any) -> None:
    """Carry bytes from one socket (or channel) to the other until either ends, then end both."""
    try:
        while data := source.recv(PIECE_BYTES):
            sink.sendall(data)
    except OSError:
        pass
    for end in (source, sink):
        with suppress(OSError, EOFError):  # the other thread was first
            end.shutdown(socket.SHUT_RDWR)
        end.close()
