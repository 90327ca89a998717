"""Serves kernels as SageMathCell does: POST /kernel, a socket for each, or SockJS for many, and their files.

The words are those of SageMathCell's handlers. Its clients leave fields of headers out, want `channel` in every
message, and cut what SockJS brings at a fixed place, behind an id of 36 characters.
"""

from __future__ import annotations

import re
import secrets
from collections.abc import Callable
from typing import Any

import msgspec
from flask import Blueprint, Response, request
from msgspec import Raw, Struct

from store import Kernel
from web import files, request_body, request_schemas, sagecell
from web.context import here
from web.doors import kernels_callers
from web.doors.kernels import CALLER, SOCKET_PROBLEMS, create, end, existing, take_place
from web.doors.kernels import Socket as SocketAnswer
from web.doors.kernels_channel import LATEST_TURNS, Channel
from web.doors.kernels_frames import NotAMessageError, Said, read, write
from web.doors.kernels_requests import hear
from web.doors.kernels_sockets import KernelSocket, SocketLoop
from web.message_pages import is_id
from web.operations import operation
from web.parameters import Text
from web.problems import ProblemError, refuse
from web.responses import address, json_answer
from web.websockets import WebSocket, check_handshake

routes = Blueprint("kernels_sagecell", __name__)

FILES_TYPE = "application/vnd.singlecell.files+json"
KERNELS_MAX = 20  # of one SockJS connection
CELL_SESSION = Text("CellSessionID", "A name that the page gives itself.", r"[\w-]{1,64}")
_FRAME = re.compile(r"([0-9a-f-]{36})/channels,(.*)", re.DOTALL)
_KERNEL_FORM = {"type": "object", "properties": {"accepted_tos": {"type": "string"}, "timeout": {"type": "string"}}}


class KernelAnswer(Struct, frozen=True):
    """A new kernel, and where its sockets are."""

    id: str
    ws_url: str


class SockJsInfo(Struct, frozen=True):
    """What SockJS asks before it connects: of its transports there are WebSockets."""

    websocket: bool
    origins: list[str]
    cookie_needed: bool
    entropy: int


class _Files(Struct):
    files: list[Raw] = []


class _Bundle(Struct):
    data: dict[str, Raw] = {}


class _Reply(Struct):
    payload: list[Any] = []


@routes.post("/kernel")
@operation("Start a kernel, as SageMathCell does", {200: KernelAnswer},
           {**CALLER, 408: "The body did not arrive, or too slowly.", 411: "The length of the body is missing.",
            413: "The body is too long.", 429: "From this address too many kernels were started.",
            501: "The language cannot be run now."},
           form=_KERNEL_FORM, needs_body=False)  # fmt: skip
def start() -> Response:
    """Store a kernel; all arguments are passed over."""
    requester = kernels_callers.admit()
    request_body.read_form(request_schemas.json_bytes_max(here().settings))
    kernel = create(sagecell.language_of_links(), requester.client)
    answer = json_answer(KernelAnswer(kernel.id, address("/").replace("http", "ws", 1)))
    answer.headers["Jupyter-Kernel-ID"] = kernel.id
    return answer


@routes.delete("/kernel/<id>")
@operation("End a kernel, as SageMathCell does, also one that is not there", {200: None}, CALLER)
def stop(id: str) -> Response:
    """End the kernel, if there is one."""
    kernels_callers.admit()
    kernel = here().store.kernels.get(id) if is_id(id) else None
    if kernel is not None:
        end(kernel)
    return Response(status=200)


@routes.get("/kernel/<id>/channels", websocket=True)
@operation("Speak with a kernel, as SageMathCell does: a WebSocket", {101: None}, SOCKET_PROBLEMS)
def channels(id: str) -> Response:
    """Open the socket."""
    kernels_callers.admit()
    check_handshake(request)
    kernel = existing(id)
    take_place()
    return SocketAnswer(lambda socket: SageCellSocket(socket, kernel), None)


@routes.get("/sockjs/info")
@operation("What SockJS asks before it connects", {200: SockJsInfo})
def info() -> Response:
    """Answer that there are WebSockets."""
    return json_answer(SockJsInfo(True, ["*:*"], False, secrets.randbits(32)))


@routes.get("/sockjs/<server>/<session>/websocket", websocket=True)
@operation("Speak with any number of kernels, as SageMathCell does by SockJS", {101: None}, SOCKET_PROBLEMS,
           parameters=(CELL_SESSION,))  # fmt: skip
def sockjs(server: str, session: str) -> Response:
    """Open the socket, with SockJS's frames around its messages."""
    return _opened(is_framed=True)


@routes.get("/sockjs/websocket", websocket=True)
@operation("The same without SockJS's frames", {101: None}, SOCKET_PROBLEMS, parameters=(CELL_SESSION,))
def raw_sockjs() -> Response:
    """Open the socket."""
    return _opened(is_framed=False)


def _opened(*, is_framed: bool) -> Response:
    kernels_callers.admit()
    check_handshake(request)
    reader = CELL_SESSION.read()
    take_place()
    return SocketAnswer(lambda socket: SockJsSocket(socket, reader, is_framed=is_framed), None)


@routes.get("/kernel/<id>/files/<path:name>")
@operation("Get a file that a kernel made, as SageMathCell does",
           {200: "application/octet-stream", 206: "application/octet-stream", 304: None},
           {404: "There is no such file.", 416: "The file has no such range."})  # fmt: skip
def send_file(id: str, name: str) -> Response:
    """Answer with the newest file of this name in the kernel's session."""
    session = existing(id).session
    for turn in here().store.kernels.last_turns(session, LATEST_TURNS) if session and "\0" not in name else ():
        if here().store.files.open(turn.id, name) is not None:
            response = files.send(turn.id, name)
            response.headers["Cache-Control"] = "no-cache"
            return response
    refuse(404, "There is no such file.")


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
