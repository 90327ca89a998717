"""Serves open sockets of SageMathCell's clients: of one kernel, or by SockJS of many.

Its clients want `channel` in every message, and cut what SockJS brings at a fixed place, behind an id of 36 characters.
"""

from __future__ import annotations

import re
from collections.abc import Callable

import msgspec
from msgspec import Raw, Struct

from store import Kernel
from web.doors.kernels import existing
from web.doors.kernels_channel import Channel
from web.doors.kernels_frames import NotAMessageError, Said, read, write
from web.doors.kernels_requests import hear
from web.doors.kernels_sockets import KernelSocket, SocketLoop
from web.problems import ProblemError
from web.websockets import WebSocket

FILES_TYPE = "application/vnd.singlecell.files+json"
KERNELS_MAX = 20  # of one SockJS connection
_FRAME = re.compile(r"([0-9a-f-]{36})/channels,(.*)", re.DOTALL)


class _Files(Struct):
    files: list[Raw] = []


class _Bundle(Struct):
    data: dict[str, Raw] = {}


class Words:
    """Puts a kernel's messages into SageMathCell's words: files come with the reply, and buffers not at all."""

    def __init__(self) -> None:
        self._files: list[Raw] = []

    def text(self, said: Said) -> bytes | None:
        """Return the message as a text; None where SageMathCell has none."""
        msg_type, said.buffers = said.header.msg_type, []
        if msg_type == "display_data" and FILES_TYPE.encode() in bytes(said.content):
            bundle = msgspec.json.decode(said.content, type=_Bundle)
            if FILES_TYPE in bundle.data:
                self._files += msgspec.json.decode(bundle.data[FILES_TYPE], type=_Files).files
                return None
        if msg_type == "execute_reply" and self._files:
            names = [msgspec.json.decode(file)["name"] for file in self._files]
            content = msgspec.json.decode(said.content)
            content["payload"] = [{"new_files": names}, *content.get("payload", [])]
            said.content, self._files = Raw(msgspec.json.encode(content)), []
        return write(said, None)[0]


class SageCellSocket(KernelSocket):
    """The loop of a socket of one kernel for SageMathCell's clients."""

    def __init__(self, socket: WebSocket, kernel: Kernel) -> None:
        super().__init__(socket, kernel, None, None)
        self._words = Words()

    def send(self, said: Said) -> None:
        """Send a message."""
        text = self._words.text(said)
        if text is not None:
            self.socket.send(text, is_text=True)


class SockJsSocket(SocketLoop):
    """The loop of a connection of SockJS: each message says which kernel it is for.

    Messages for kernels that are not there are passed over, as SageMathCell does.
    """

    def __init__(self, socket: WebSocket, reader: str | None, *, is_framed: bool) -> None:
        super().__init__(socket)
        self._reader, self._is_framed = reader, is_framed

    def begin(self) -> None:
        """Say that the connection is open."""
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
        for text in texts:
            addressed = _FRAME.fullmatch(text)
            channel = self._channel(addressed[1]) if addressed else None
            if addressed and channel is not None:
                channel.hear(read(addressed[2].encode(), None))

    def lose(self, channel: Channel) -> None:
        """Go on with the other kernels."""
        channel.leave()
        self.channels.remove(channel)

    def _channel(self, untrusted_id: str) -> Channel | None:
        found = next((channel for channel in self.channels if channel.kernel.id == untrusted_id), None)
        if found is not None or len(self.channels) >= KERNELS_MAX:
            return found
        try:
            kernel = existing(untrusted_id)
        except ProblemError:
            return None
        channel = Channel(self.context, kernel, self._reader, self.event, self._sender(kernel.id), hear)
        self.add(channel)
        return channel

    def _sender(self, kernel_id: str) -> Callable[[Said], None]:
        words = Words()

        def send(said: Said) -> None:
            text = words.text(said)
            if text is None:
                return
            message = f"{kernel_id}/channels,".encode() + text
            framed = b"a" + msgspec.json.encode([message.decode()]) if self._is_framed else message
            self.socket.send(framed, is_text=True)

        return send
