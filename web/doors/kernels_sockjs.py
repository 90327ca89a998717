"""Serves open sockets of SageMathCell's clients: of one kernel, or by SockJS of many.

Its clients want `channel` in every message, and cut what SockJS brings at a fixed place, behind an id of 36 characters.
"""

from __future__ import annotations

import math
import re

import msgspec

from store import Kernel
from web.doors.kernels import existing
from web.doors.kernels_channel import Channel
from web.doors.kernels_frames import NotAMessageError, read
from web.doors.kernels_sockets import SocketLoop
from web.doors.sagecell_channels import COMPLETER, Completer, Deliver, SageCellChannel
from web.problems import ProblemError
from web.websockets import WebSocket

KERNELS_MAX = 20  # of one SockJS connection
TEXTS_MAX = 20  # in one frame of SockJS's; its clients send one
_FRAME = re.compile(rf"(?:([0-9a-f-]{{36}})/channels|{COMPLETER}),(.*)", re.DOTALL)


class SageCellLoop(SocketLoop):
    """The loop of a socket of SageMathCell's clients."""

    @property
    def due_in_s(self) -> float:
        """In how many seconds a kernel has been idle for long enough."""
        own = [channel.due_in_s for channel in self.channels if isinstance(channel, SageCellChannel)]
        return min(own, default=math.inf)


class SageCellSocket(SageCellLoop):
    """The loop of a socket of one kernel for SageMathCell's clients."""

    def __init__(self, socket: WebSocket, kernel: Kernel) -> None:
        super().__init__(socket)
        self._channel = SageCellChannel(
            self.context, kernel, None, self.event, lambda text: socket.send(text, is_text=True)
        )

    def begin(self) -> None:
        """Begin the one channel. Raises StoreUnavailableError."""
        self.add(self._channel)

    def take(self, untrusted_bytes: bytes) -> None:
        """Do what a message asks for. Raises NotAMessageError."""
        self._channel.hear(read(untrusted_bytes, None))


class SockJsSocket(SageCellLoop):
    """The loop of a connection of SockJS: each message says which kernel it is for.

    Messages for kernels that are not there are passed over, as SageMathCell does.
    """

    def __init__(self, socket: WebSocket, reader: str | None, *, is_framed: bool) -> None:
        super().__init__(socket)
        self._reader, self._is_framed = reader, is_framed
        self._completer = Completer(self.context, self.event, self._sender(COMPLETER))

    def begin(self) -> None:
        """Say that the connection is open."""
        self.add(self._completer)
        if self._is_framed:
            self.socket.send(b"o", is_text=True)

    def take(self, untrusted_bytes: bytes) -> None:
        """Hand each message to its kernel's channel. Raises NotAMessageError."""
        try:
            texts = msgspec.json.decode(untrusted_bytes, type=list[str]) if self._is_framed else [
                untrusted_bytes.decode()
            ]  # fmt: skip
        except (msgspec.MsgspecError, UnicodeDecodeError) as error:
            raise NotAMessageError(str(error)) from error
        if len(texts) > TEXTS_MAX:
            raise NotAMessageError(f"a frame has at most {TEXTS_MAX} messages")
        for place, text in enumerate(texts):
            if place:  # the frame counted for its first one
                self.count()
            addressed = _FRAME.fullmatch(text)
            if addressed is None:
                continue
            channel = self._channel(addressed[1]) if addressed[1] else self._completer
            if channel is not None:
                channel.hear(read(addressed[2].encode(), None))

    def lose(self, channel: Channel) -> None:
        """Go on with the other kernels."""
        channel.leave()
        self.channels.remove(channel)

    def _channel(self, untrusted_id: str) -> Channel | None:
        found = next((channel for channel in self.channels if channel.kernel.id == untrusted_id), None)
        if found is not None or len(self.channels) > KERNELS_MAX:
            return found
        try:
            kernel = existing(untrusted_id)
        except ProblemError:
            return None
        channel = SageCellChannel(
            self.context, kernel, self._reader, self.event, self._sender(f"{kernel.id}/channels")
        )
        self.add(channel)
        return channel

    def _sender(self, address: str) -> Deliver:
        def send(text: bytes) -> None:
            message = f"{address},".encode() + text
            framed = b"a" + msgspec.json.encode([message.decode()]) if self._is_framed else message
            self.socket.send(framed, is_text=True)

        return send
