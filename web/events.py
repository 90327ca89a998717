"""Serves GET /events: what happens to computations, as server-sent events for programs (docs/events.md)."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Iterator

from flask import Blueprint, Response

from store import EVENT_KINDS, Event, Silence, StoreUnavailableError, UnknownMarkError
from web import operator, requesters
from web.context import connection, here
from web.messages import HEARTBEAT_S, RECONNECT_MS
from web.operations import operation
from web.parameters import COMPUTATION, KINDS, MARK_HEADER, MARK_QUERY
from web.problems import refuse
from web.stages import Kind

STREAMS_MAX = 8  # of one web process: each of them reads all that changes

routes = Blueprint("events", __name__)
_log = logging.getLogger(__name__)
_places = threading.BoundedSemaphore(STREAMS_MAX)


@routes.get("/events")
@operation(
    "Follow what happens to computations, as server-sent events",
    {200: "text/event-stream"},
    {
        400: "A parameter or `Last-Event-ID` is not right.",
        **requesters.PROBLEMS,
        429: "From this address too many event streams are open.",
    },
    parameters=(MARK_HEADER, MARK_QUERY, COMPUTATION, KINDS),
)
def follow() -> Response:
    """Stream events without an end: to the operator those of all computations, to a program those of its own."""
    context = here()
    own = None if operator.asks() else requesters.program()
    in_header, in_query, kinds = MARK_HEADER.read(), MARK_QUERY.read(), KINDS.read()
    events = context.store.events.follow(
        in_query if in_header is None else in_header, COMPUTATION.read(), kinds.split(",") if kinds else EVENT_KINDS
    )
    if context.connections.is_over_share(connection(), Kind.EVENTS):
        refuse(429, "From your address too many event streams are open.", reason="streams")
    if not _places.acquire(blocking=False):
        refuse(503, "Too many programs listen to events; try again in a moment.", reason="streams")
    try:
        first = next(events)
        if not context.connections.move(connection(), Kind.EVENTS):
            refuse(503, "Too many event streams are open; try again in a moment.", reason="streams")
    except BaseException as error:
        _places.release()
        if isinstance(error, UnknownMarkError):
            refuse(400, f"`Last-Event-ID` or `after` is not right: {error}")
        raise
    headers = {"Cache-Control": "no-store", "X-Accel-Buffering": "no"}
    response = Response(_stream(first, events, own), headers=headers, content_type="text/event-stream")
    response.call_on_close(_places.release)
    return response


def _stream(first: Event | Silence, events: Iterator[Event | Silence], own: str | None) -> Iterator[bytes]:
    yield b"retry: %d\n\n" % RECONNECT_MS
    mark, heard_at, told = None, time.monotonic(), first
    try:
        while True:
            mark = told.mark or mark
            if isinstance(told, Event) and (own is None or told.key == own):
                yield _event(told)
                heard_at = time.monotonic()
            elif time.monotonic() - heard_at >= HEARTBEAT_S:
                # With the mark: who comes back goes on here, however much was told to others.
                yield b": alive\n" + _id(mark) + b"\n"
                heard_at = time.monotonic()
            told = next(events)
    except StoreUnavailableError as error:
        # The status has gone out: the stream ends, and the client comes back with Last-Event-ID.
        _log.warning("an event stream ends early: %s", error)


def _event(event: Event) -> bytes:
    text = event.text().replace(b"\n", b"\ndata: ")
    return b"event: %b\n%bdata: %b\n\n" % (event.kind.encode(), _id(event.mark), text)


def _id(mark: str | None) -> bytes:
    return b"id: %b\n" % mark.encode() if mark else b""
