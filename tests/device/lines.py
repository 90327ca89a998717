"""A line between two programs of this machine that can be slow, stand still and break, as lines between hosts do."""

from __future__ import annotations

import socket
import threading
import time
from contextlib import suppress

PIECE_BYTES = 16 << 10
STANDS_STILL_MAX_S = 60.0


class Line:
    """A port of the loopback that leads to another one. ``delay_s``: of each piece that passes, each way."""

    def __init__(self, to_port: int) -> None:
        self._to_port = to_port
        self._moves = threading.Event()
        self._moves.set()
        self._ends: list[socket.socket] = []
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port: int = self._listener.getsockname()[1]
        self.delay_s = 0.0
        threading.Thread(target=self._accept, daemon=True).start()

    def halt(self) -> None:
        """Let nothing pass, without a word to either end."""
        self._moves.clear()

    def go_on(self) -> None:
        """Let pass what has waited, and what comes."""
        self._moves.set()

    def close(self) -> None:
        """Break all connections, and take no more."""
        self.go_on()
        for end in [self._listener, *self._ends]:
            with suppress(OSError):  # it has ended by itself
                end.shutdown(socket.SHUT_RDWR)
            end.close()

    def _accept(self) -> None:
        while True:
            try:
                ours, _ = self._listener.accept()
            except OSError:
                return
            try:
                theirs = socket.create_connection(("127.0.0.1", self._to_port), timeout=STANDS_STILL_MAX_S)
            except OSError:
                ours.close()
                continue
            self._ends += [ours, theirs]
            for source, sink in ((ours, theirs), (theirs, ours)):
                threading.Thread(target=self._carry, args=(source, sink), daemon=True).start()

    def _carry(self, source: socket.socket, sink: socket.socket) -> None:
        try:
            while data := source.recv(PIECE_BYTES):
                self._moves.wait(STANDS_STILL_MAX_S)
                time.sleep(self.delay_s)
                sink.sendall(data)
        except OSError:
            pass
        for end in (source, sink):
            with suppress(OSError):  # the other direction was first
                end.shutdown(socket.SHUT_RDWR)
