"""Moves the connection of each request through its stages, and refuses the request when too many are under way."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING

from flask import Flask, Response, request

from web import accepting, clients, early_refusals, operator
from web.client_shares import TOO_MANY
from web.connections import ANSWER_S, BODY_S, LEAST_RATE_BYTES_S, Connection
from web.context import CONNECTION, Context, connection
from web.early_refusals import ALWAYS_SERVED
from web.problems import refuse
from web.stages import Kind

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIEnvironment

Wsgi = Callable[["WSGIEnvironment", "StartResponse"], Iterable[bytes]]


def install(app: Flask, context: Context) -> None:
    """Have every request of the application take a place among the connections of this process."""
    connections = context.connections

    def begin() -> None:
        ours = connection()
        if request.path == ALWAYS_SERVED:
            connections.move(ours, Kind.FREE)
            return
        ours.client = None if operator.asks() else clients.address()
        context.client_shares.count_request(ours.client)
        if not connections.move(ours, Kind.WORK):
            if connections.is_over_share(ours, Kind.WORK):
                refuse(429, TOO_MANY, reason="requests")
            refuse(503, "The server has too much to do just now; try again in a moment.", reason="crowded")

    def end(response: Response) -> Response:
        ours = connection()
        if ours.kind not in (Kind.EVENTS, Kind.SOCKET):
            length = response.content_length
            connections.move(ours, Kind.ANSWER, ANSWER_S if length is None else BODY_S + length / LEAST_RATE_BYTES_S)
        return response

    app.before_request(begin)
    app.after_request(end)
    app.wsgi_app = _entered(app.wsgi_app, context)  # type: ignore[method-assign, assignment]


def _entered(inner: Wsgi, context: Context) -> Wsgi:
    def serve(environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        accepted = accepting.current()
        ours = environ[CONNECTION] = accepted or Connection()
        try:
            refused = early_refusals.answer(environ, start_response, context)
            return inner(environ, start_response) if refused is None else refused
        finally:
            if accepted is None:
                # Another server than uWSGI: how its answers go out is its own matter.
                context.connections.leave(ours)

    return serve
