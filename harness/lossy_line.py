"""Stand between a client and a server as a line that loses what is on its way, and breaks."""

from __future__ import annotations

import socket
import threading
from contextlib import ExitStack, suppress
from types import TracebackType

CHUNK_BYTES = 64 << 10
DEADLINE_S = 60.0


class LossyLine:
    """A proxy. ``loses``: it takes what the server sends as if that had arrived; ``lost`` is all that it took."""

    def __init__(self, port: int) -> None:
        self._server = ("127.0.0.1", port)
        self.loses, self.lost = False, b""
        self._open: list[socket.socket] = []
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.url = f"http://127.0.0.1:{self._listener.getsockname()[1]}"
        threading.Thread(target=self._accept, name="line", daemon=True).start()

    def __enter__(self) -> LossyLine:
        return self

    def __exit__(self, kind: type | None, error: BaseException | None, trace: TracebackType | None) -> None:
        # Only a shutdown wakes who waits in accept.
        with suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        self.cut()

    def cut(self) -> None:
        """Break every connection, and lose nothing from then on."""
        for end in self._open:
            with suppress(OSError):
                end.shutdown(socket.SHUT_RDWR)
        self._open, self.loses = [], False

    def _accept(self) -> None:
        with suppress(OSError):
            while True:
                client, _ = self._listener.accept()
                server = socket.create_connection(self._server, DEADLINE_S)
                self._open += (client, server)
                for ways in ((client, server, False), (server, client, True)):
                    threading.Thread(target=self._carry, args=ways, name="line", daemon=True).start()

    def _carry(self, here: socket.socket, there: socket.socket, is_to_client: bool) -> None:
        with ExitStack() as closed, suppress(OSError):
            closed.callback(here.close)
            closed.callback(self._end, there)
            while chunk := here.recv(CHUNK_BYTES):
                if self.loses and is_to_client:
                    self.lost += chunk
                else:
                    there.sendall(chunk)

    def _end(self, there: socket.socket) -> None:
        with suppress(OSError):
            there.shutdown(socket.SHUT_RDWR)
