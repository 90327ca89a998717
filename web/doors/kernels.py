"""Serves Jupyter's kernels: what Thebe, JupyterLab's gateway and other clients start, stop and speak with.

A kernel is a name for our sessions (``store/kernels.py``), with their limits, budgets and messages.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from contextlib import suppress
from typing import TYPE_CHECKING, Any

import msgspec
from flask import Blueprint, Response, request

from store import Kernel
from web import requesters
from web.computations import check_room
from web.context import connection, here
from web.doors import kernels_callers, kernels_models, kernels_runs
from web.doors.kernels_callers import TOKEN
from web.doors.kernels_frames import V1
from web.doors.kernels_models import KernelModel, NewKernel, kernel_model
from web.doors.kernels_sockets import KernelSocket, SocketLoop
from web.doors.kernels_specs import language_of
from web.handshakes import accept, check_handshake, offered
from web.message_pages import is_id
from web.operations import operation
from web.parameters import Text
from web.problems import refuse
from web.responses import address, json_answer
from web.stages import Kind
from web.websockets import ClosedError, WebSocket

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIEnvironment

routes = Blueprint("kernels", __name__)

LISTED_MAX = 100
NO_KERNEL = "No kernel has this id."
SESSION = Text("session_id", "A name that the client gives itself: under it, it goes on where it was.", r"[\w-]{1,64}")
CALLER = {
    400: "The token is not right, or the body.",
    401: "A key is required, or the one that came along is not known.",
    403: "The token is not right, or nothing is run for this caller.",
}
SOCKET_PROBLEMS = {
    **CALLER,
    400: "The request opens no WebSocket, or offers other subprotocols only.",
    404: NO_KERNEL,
    429: "From this address too many sockets are open.",
    501: "The server runs without uWSGI.",
}
CROWDED = "Too many sockets are open; try again in a moment."
OVER_SHARE = "From your address too many sockets are open."


@routes.get("/api/kernels")
@operation("List the caller's kernels", {200: "application/json"}, CALLER, parameters=(TOKEN,))
def list_kernels() -> Response:
    """Answer with the kernels that were started with the same token."""
    kernels_callers.admit()
    kernels = here().store.kernels.of_owner(kernels_callers.owner_who_lists(), LISTED_MAX)
    return models_answer([kernel_model(kernel) for kernel in kernels])


@routes.post("/api/kernels")
@operation(
    "Start a kernel; it runs nothing, and costs nothing, until it is sent something",
    {201: KernelModel},
    {**CALLER, 411: "The length of the body is missing.",
     413: "The body is too long.", 429: "From this address too many kernels were started.",
     501: "There is no kernel of this name."},
    body=NewKernel, parameters=(TOKEN,), needs_body=False,
)  # fmt: skip
def start() -> Response:
    """Store the kernel, and answer with it."""
    requester = kernels_callers.admit()
    name = kernels_models.read(NewKernel).name
    kernel = create(name, requester.client)
    return json_answer(kernel_model(kernel), 201, address(f"/api/kernels/{kernel.id}"))


@routes.get("/api/kernels/<id>")
@operation("Look at a kernel", {200: KernelModel}, {**CALLER, 404: NO_KERNEL}, parameters=(TOKEN,))
def look(id: str) -> Response:
    """Answer with the kernel as it is now."""
    kernels_callers.admit()
    return json_answer(kernel_model(existing(id)))


@routes.delete("/api/kernels/<id>")
@operation("End a kernel, with what it runs", {204: None}, {**CALLER, 404: NO_KERNEL}, parameters=(TOKEN,))
def shut_down(id: str) -> Response:
    """End its session, and forget it."""
    kernels_callers.admit()
    end(existing(id))
    return Response(status=204)


@routes.post("/api/kernels/<id>/interrupt")
@operation("Interrupt what a kernel runs", {204: None}, {**CALLER, 404: NO_KERNEL}, parameters=(TOKEN,))
def interrupt(id: str) -> Response:
    """Raise KeyboardInterrupt in its code."""
    kernels_callers.admit()
    kernels_runs.interrupt(existing(id).session)
    return Response(status=204)


@routes.post("/api/kernels/<id>/restart")
@operation("Begin a kernel anew", {200: KernelModel}, {**CALLER, 404: NO_KERNEL}, parameters=(TOKEN,))
def restart(id: str) -> Response:
    """End its session; what it runs next begins another one."""
    kernels_callers.admit()
    kernel = existing(id)
    begun = here().store.kernels.unbind(kernel.id, kernel.generation)
    if kernel.session is not None:
        here().store.sessions.request_end(kernel.session)
    here().notifier.wake(kernel.id)
    return json_answer(kernel_model(begun or kernel))


@routes.get("/api/kernels/<id>/channels", websocket=True)
@operation(
    "Speak with a kernel: a WebSocket, with the subprotocol v1.kernel.websocket.jupyter.org or without",
    {101: None},
    SOCKET_PROBLEMS,
    parameters=(TOKEN, SESSION),
)
def channels(id: str) -> Response:
    """Open the socket; from then on ``kernels_sockets`` serves it."""
    kernels_callers.admit()
    check_handshake(request)
    kernel, reader = existing(id), SESSION.read()
    protocols = offered(request)
    if protocols and V1 not in protocols:
        refuse(400, f"Of subprotocols this server speaks {V1}; without one, Jupyter's default.")
    take_place()
    protocol = V1 if protocols else None
    return Socket(lambda socket: KernelSocket(socket, kernel, reader, protocol), protocol)


class Socket(Response):
    """The answer to a handshake, which lasts as long as the socket. ``loop``: makes what serves it."""

    def __init__(self, loop: Callable[[WebSocket], SocketLoop], protocol: str | None) -> None:
        super().__init__(status=101)
        self._loop, self._protocol = loop, protocol

    def __call__(self, environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        """Serve the socket in the request's own greenlet; nothing is left for WSGI to answer."""
        with suppress(ClosedError):
            self._loop(accept(request, self._protocol)).run()
        return []


def take_place() -> None:
    """Make the connection of the admitted request one of the sockets. Raises ProblemError 429, 503."""
    connection().sites = requesters.shares()[1]
    if not here().connections.move(connection(), Kind.SOCKET):
        if here().connections.is_over_share(connection(), Kind.SOCKET):
            refuse(429, OVER_SHARE, reason="sockets")
        refuse(503, CROWDED, reason="sockets")


def create(name: str | None, client: str | None, **fields: Any) -> Kernel:
    """Start a kernel under this name, None meaning the first.

    Raises ProblemError 501, OverShareError, NoSpaceError, ClientFullError, StoreUnavailableError.
    """
    settings, owner = here().settings, kernels_callers.owner()
    wanted = name or next(iter(settings.languages))
    language = language_of(wanted)
    check_room()
    return here().store.kernels.create(language, kernels_models.shortened(wanted), client, owner, **fields)


def existing(untrusted_id: str) -> Kernel:
    """Return the kernel with this id. Raises ProblemError 404, StoreUnavailableError."""
    kernel = here().store.kernels.get(untrusted_id) if is_id(untrusted_id) else None
    if kernel is None:
        refuse(404, f"Kernel does not exist: {re.sub(r'[^0-9a-f-]', '?', untrusted_id[:36])}")
    return kernel


def end(kernel: Kernel) -> None:
    """End a kernel and its session, and tell its sockets. Raises StoreUnavailableError."""
    store = here().store
    store.kernels.delete(kernel.id)
    if kernel.session is not None:
        store.sessions.request_end(kernel.session)
    here().notifier.wake(kernel.id)


def models_answer(models: list[msgspec.Struct]) -> Response:
    """Return the answer that carries a list of models."""
    return Response(msgspec.json.encode(models), headers={"Cache-Control": "no-store"}, content_type="application/json")
