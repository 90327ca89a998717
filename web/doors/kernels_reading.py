"""Knows how far a client has read what its kernel says, by the pings that it answered."""

from __future__ import annotations

from collections import deque

from store import Position
from web.doors.kernels_frames import Said
from web.websockets import WebSocket

SAID_BYTES_MAX = 256 << 10  # of what is kept until it is read; beyond that the oldest is taken for read


class Reading:
    """How far one client has read. ``position``: behind the last message that was handed to its socket.

    What was handed over lies with the network, or in a proxy, until the ping behind it is answered. Only then it counts
    as read: what a broken line has taken along is said again on the client's next socket.
    """

    def __init__(self, socket: WebSocket) -> None:
        self.position = self._read = Position()
        self._socket = socket
        self._positions: deque[tuple[int, Position]] = deque()  # each with the ping that comes behind it
        self._said: deque[tuple[int, Said]] = deque()
        self._said_bytes = 0

    def begin(self, position: Position) -> None:
        """Begin at a position."""
        self.position = self._read = position
        self._positions.clear()

    def move(self, position: Position) -> None:
        """Note that all before this position is handed over now."""
        self._settle()
        self.position = position
        ping = self._socket.pings + 1
        if self._positions and self._positions[-1][0] == ping:
            self._positions.pop()
        self._positions.append((ping, position))

    def add(self, said: Said) -> None:
        """Note that a message is handed over now which no computation did, so that no position stands for it.

        Who answers no ping, and asks on and on, has the newest kept.
        """
        self._settle()
        self._said.append((self._socket.pings + 1, said))
        self._said_bytes += said.size_bytes
        while self._said_bytes > SAID_BYTES_MAX:
            self._drop()

    @property
    def read(self) -> Position:
        """The position before which the client has all."""
        self._settle()
        return self._read

    @property
    def unread(self) -> list[Said]:
        """The messages without a position that the client may not have."""
        self._settle()
        return [said for _, said in self._said]

    def _settle(self) -> None:
        answered = self._socket.answered
        while self._positions and self._positions[0][0] <= answered:
            self._read = self._positions.popleft()[1]
        while self._said and self._said[0][0] <= answered:
            self._drop()

    def _drop(self) -> None:
        self._said_bytes -= self._said.popleft()[1].size_bytes
