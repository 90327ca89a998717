"""Serves kernels as SageMathCell does: POST /kernel, a socket for each, or SockJS for many, and their files.

The words are those of SageMathCell's handlers. Its clients leave fields of headers out, want `channel` in every
message, and cut what SockJS brings at a fixed place, behind an id of 36 characters.
"""

from __future__ import annotations

import math
import re
import secrets

from flask import Blueprint, Response, request
from msgspec import Struct

from web import files, request_body, request_schemas, sagecell
from web.context import here
from web.doors import kernels_callers
from web.doors.kernels import CALLER, SOCKET_PROBLEMS, create, end, existing, take_place
from web.doors.kernels import Socket as SocketAnswer
from web.doors.kernels_follower import LATEST_TURNS
from web.doors.kernels_sockjs import SageCellSocket, SockJsSocket
from web.handshakes import check_handshake
from web.message_pages import is_id
from web.operations import operation
from web.parameters import Text
from web.problems import refuse
from web.responses import address, json_answer

routes = Blueprint("kernels_sagecell", __name__)

NO_TIMEOUT = "`timeout` has to be a number of seconds, 0 or more, or `inf`."
CELL_SESSION = Text("CellSessionID", "A name that the page gives itself.", r"[\w-]{1,64}")
_TIMEOUT = re.compile(r"inf|[0-9]{1,9}(\.[0-9]{1,9})?", re.ASCII)
_KERNEL_FORM = {"type": "object", "properties": {
    "accepted_tos": {"type": "string"}, "timeout": {"type": "string", "pattern": f"^({_TIMEOUT.pattern})?$"},
}}  # fmt: skip


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


@routes.post("/kernel")
@operation("Start a kernel, as SageMathCell does", {200: KernelAnswer},
           {**CALLER, 400: "The token is not right, or `timeout`.",
            408: "The body did not arrive, or too slowly.", 411: "The length of the body is missing.",
            413: "The body is too long.", 429: "From this address too many kernels were started.",
            501: "The language cannot be run now."},
           form=_KERNEL_FORM, needs_body=False)  # fmt: skip
def start() -> Response:
    """Store a kernel; of the arguments only `timeout` counts: without one the kernel ends with what it runs."""
    requester = kernels_callers.admit()
    request_body.read_form(request_schemas.json_bytes_max(here().settings))
    kernel = create(sagecell.language_of_links(), requester.client, idle_s=_idle_s())
    answer = json_answer(KernelAnswer(kernel.id, address("/").replace("http", "ws", 1)))
    answer.headers["Jupyter-Kernel-ID"] = kernel.id
    return answer


def _idle_s() -> float | None:
    """Return how long the kernel may be idle, None for as long as any session. Raises ProblemError 400."""
    untrusted_timeout = request.values.get("timeout") or "0"
    if not _TIMEOUT.fullmatch(untrusted_timeout):
        refuse(400, NO_TIMEOUT)
    found = float(untrusted_timeout)
    return None if math.isinf(found) else found


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
