"""A TCP port of this machine's loopback that leads through an SSH connection to one port over there."""

from __future__ import annotations

import select
import socket
import threading

import paramiko

PIECE_BYTES = 64 << 10


def forward(transport: paramiko.Transport, port: int) -> int:
    """Return the local port; it serves until the SSH connection ends."""
    listener = socket.create_server(("127.0.0.1", 0))
    threading.Thread(target=_serve, args=(listener, transport, port), name="forward", daemon=True).start()
    local_port: int = listener.getsockname()[1]
    return local_port


def _serve(listener: socket.socket, transport: paramiko.Transport, port: int) -> None:
    listener.settimeout(1.0)
    with listener:
        while transport.is_active():
            try:
                ours, peer = listener.accept()
            except TimeoutError:
                continue
            try:
                theirs = transport.open_channel("direct-tcpip", ("127.0.0.1", port), peer)
            except (paramiko.SSHException, OSError):
                ours.close()
                continue
            threading.Thread(target=_pump, args=(ours, theirs), name="pump", daemon=True).start()


def _pump(ours: socket.socket, theirs: paramiko.Channel) -> None:
    with ours, theirs:
        while True:
            ready, _, _ = select.select([ours, theirs], [], [])
            for source, sink in ((ours, theirs), (theirs, ours)):
                if source in ready:
                    data = source.recv(PIECE_BYTES)
                    if not data:
                        return
                    sink.sendall(data)
