"""Serves an open socket until it is closed: the client's messages go to its channels, and theirs to the client."""

from __future__ import annotations

import logging
import time
from threading import Event

from store import Kernel, StoreUnavailableError
from web.context import Context, connection, here
from web.doors.kernels_channel import Channel
from web.doors.kernels_frames import NotAMessageError, Said, read, write
from web.doors.kernels_requests import hear
from web.notifier import RECHECK_S, RECHECKS_PER_S
from web.turns import Rate
from web.websockets import INTERNAL, NORMAL, NOT_A_MESSAGE, TRY_AGAIN, ClosedError, WebSocket

HEARTBEAT_S = 15.0  # between two looks of a socket that waits for nothing
LOOKS_PER_S = 50.0  # by all sockets together
HEARD_AT_ONCE = 20  # messages of the client, before the kernel's have their turn
HELD_MAX, HELD_BYTES_MAX = 200, 1 << 20  # of messages that wait for what runs; beyond them nothing is read
AWAY = "The database does not answer just now."

_log = logging.getLogger(__name__)


class SocketLoop:
    """The loop of one socket, in the greenlet of its request. ``code``: with which it is to be closed."""

    def __init__(self, socket: WebSocket) -> None:
        self.socket, self.event = socket, Event()
        self.context: Context = here()
        self.channels: list[Channel] = []
        self.code: int | None = None
        self._client = connection().client
        self._recheck_at = time.monotonic()
        self._look_at = self._recheck_at + HEARTBEAT_S

    def begin(self) -> None:
        """Begin the channels that are there from the start. Raises StoreUnavailableError."""

    def take(self, untrusted_bytes: bytes) -> None:
        """Do what came from the client. Raises NotAMessageError."""
        raise NotImplementedError

    def add(self, channel: Channel) -> None:
        """Begin a channel. Raises StoreUnavailableError."""
        try:
            channel.begin(self.socket)
        except StoreUnavailableError:
            channel.abandon()
            raise
        self.channels.append(channel)

    @property
    def due_in_s(self) -> float:
        """In how many seconds there is something to do that nobody tells of."""
        return HEARTBEAT_S

    def lose(self, channel: Channel) -> None:
        """Go on without a channel that is over."""
        self.code = NORMAL

    def run(self) -> None:
        """Serve the socket until it is closed."""
        try:
            self.begin()
            while self.code is None:
                self._round()
            self.socket.flush()
            self.socket.close(self.code)
        except ClosedError as closed:
            self.socket.close(closed.code)
        except StoreUnavailableError as error:
            _log.warning("a kernel's socket ends: %s", error)
            self.socket.close(TRY_AGAIN, AWAY)
        except Exception:  # noqa: BLE001 - whatever it is: after the handshake Flask's answer to an error is no frame
            _log.exception("a kernel's socket failed")
            self.socket.close(INTERNAL)
        finally:
            for channel in self.channels:
                try:
                    channel.leave()
                except StoreUnavailableError as error:
                    _log.warning("what a client of kernel %s has read is not known: %s", channel.kernel.id, error)

    def _round(self) -> None:
        self.event.clear()
        moved = self._listen() > 0
        for channel in list(self.channels):
            if channel.is_to_look:
                self._pause(self.context.client_shares.looks)  # what comes meanwhile is read with the same look
            moved = channel.step() or moved
            if channel.is_over:
                self.lose(channel)
        self.socket.flush()
        if moved or self.code is not None:
            return
        is_busy = any(channel.turns for channel in self.channels)
        wait_s = max(RECHECK_S, self.context.notifier.waiting / RECHECKS_PER_S) if is_busy else HEARTBEAT_S
        self.socket.wait(self.event, min(wait_s, self.due_in_s), hears=not self._is_full)
        now = time.monotonic()
        if is_busy and now > self._recheck_at + wait_s:
            self._recheck_at = now
            for channel in self.channels:
                channel.turns.hint.is_there = True
        if now > self._look_at:
            self._look_around()

    def _look_around(self) -> None:
        """Look whether a hint was lost, and keep what the client has read; when there are many sockets, more seldom."""
        self._look_at = time.monotonic() + max(HEARTBEAT_S, self.context.open_sockets.total / LOOKS_PER_S)
        for channel in self.channels:
            if not channel.turns:
                channel.look_around()
            channel.keep_reading()

    def count(self) -> None:
        """Count what came as a request of its client; what is more than it may send is done later."""
        self._pause(self.context.client_shares.requests)

    def _pause(self, rate: Rate) -> None:
        """Count one more of what the client may do so often, when it may."""
        while (pause_s := rate.pause_s(self._client)) > 0:
            time.sleep(pause_s)

    @property
    def _is_full(self) -> bool:
        held = [heard for channel in self.channels for heard in channel.held]
        return len(held) >= HELD_MAX or sum(heard.size_bytes for heard in held) >= HELD_BYTES_MAX

    def _listen(self) -> int:
        """Do what the client's next messages ask for; return how many there were. Raises ClosedError."""
        heard = 0
        for untrusted_bytes in () if self._is_full else self.socket.receive():
            self.count()
            try:
                if untrusted_bytes is not None:
                    self.take(untrusted_bytes)
            except NotAMessageError:
                self.code = NOT_A_MESSAGE
                return 0
            heard += 1
            if heard == HEARD_AT_ONCE or self._is_full:
                break
        return heard


class KernelSocket(SocketLoop):
    """The loop of a socket of one kernel, in one of Jupyter's two forms."""

    def __init__(self, socket: WebSocket, kernel: Kernel, reader: str | None, protocol: str | None) -> None:
        super().__init__(socket)
        self._protocol = protocol
        self._channel = Channel(self.context, kernel, reader, self.event, self.send, hear)

    def begin(self) -> None:
        """Begin the one channel. Raises StoreUnavailableError."""
        self.add(self._channel)

    def take(self, untrusted_bytes: bytes) -> None:
        """Do what a message asks for. Raises NotAMessageError."""
        self._channel.hear(read(untrusted_bytes, self._protocol))

    def send(self, said: Said) -> None:
        """Send a message. Raises ClosedError."""
        message, is_text = write(said, self._protocol)
        self.socket.send(message, is_text=is_text)
