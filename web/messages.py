"""Serves GET /computations/<id>/messages (polls and long polls) and /events (server-sent events)."""

from __future__ import annotations

import logging
import time
from collections.abc import Iterator

import msgspec
from flask import Blueprint, Response
from msgspec import UNSET, Raw

from store import StoreUnavailableError
from web.context import Context, connection, here
from web.form_answers import messages_answer
from web.message_pages import Page, count_for_site, follow_page, read_page, wait_for_page
from web.operations import operation
from web.parameters import AFTER, BUFFERS, LAST_EVENT_ID, WAIT
from web.problems import refuse
from web.responses import MessagesAnswer
from web.stages import Kind

HEARTBEAT_S = 15.0  # a comment that often keeps proxies from cutting the stream and finds clients that went away
RECONNECT_MS = 1000

routes = Blueprint("messages", __name__)
_log = logging.getLogger(__name__)


@routes.get("/computations/<id>/messages")
@operation(
    "Read messages, waiting for new ones if there are none",
    {200: MessagesAnswer},
    {400: "`after` or `wait` is not right, or `after` is beyond the last message.", 404: "No computation has this id."},
    parameters=(AFTER, WAIT, BUFFERS),
)
def read(id: str) -> Response:
    """Answer at once when there is something newer than `after` or the computation is over; else wait."""
    context = here()
    asked_after, wait_s = AFTER.read(), WAIT.read(context.settings)
    after = -1 if asked_after is None else asked_after
    computations, page = context.store.computations, wait_for_page(context, id, after, wait_s)
    if page is None and (far_back := computations.far_back(id)) is not None:
        return messages_answer(MessagesAnswer([], after, "queued", False, far_back.place))
    page = page or read_page(context, id, after)
    messages = [Raw(message) for message in page.messages]
    state = page.computation.state
    position = computations.queue_position(id) if state == "queued" else None
    return messages_answer(
        MessagesAnswer(messages, page.next, state, page.finished, UNSET if position is None else position)
    )


@routes.get("/computations/<id>/events")
@operation(
    "Follow the messages as server-sent events",
    {200: "text/event-stream", 204: None},
    {
        400: "`Last-Event-ID` or `after` is not right, or beyond the last message.",
        404: "No computation has this id.",
        429: "From this address too many event streams are open.",
    },
    parameters=(LAST_EVENT_ID, AFTER),
)
def follow(id: str) -> Response:
    """Stream messages until the computation is over; 204 tells an EventSource that has everything to stop."""
    context = here()
    last_event_id, asked_after = LAST_EVENT_ID.read(), AFTER.read()
    after = next((number for number in (last_event_id, asked_after) if number is not None), -1)
    page = read_page(context, id, after)
    if last_event_id is not None and page.finished and not page.messages:
        return Response(status=204)
    count_for_site(page.computation)
    if not context.connections.move(connection(), Kind.EVENTS):
        if context.connections.is_over_share(connection(), Kind.EVENTS):
            refuse(429, "From your address, or this site, too many event streams are open; ask for the messages.",
                   reason="streams")  # fmt: skip
        refuse(503, "Too many event streams are open; ask for the messages instead, or try again in a moment.",
               reason="streams")  # fmt: skip
    headers = {"Cache-Control": "no-store", "X-Accel-Buffering": "no"}
    return Response(_events(context, id, page), headers=headers, content_type="text/event-stream")


def _events(context: Context, id: str, page: Page) -> Iterator[bytes]:
    yield b"retry: %d\n\n" % RECONNECT_MS
    try:
        heard_at = time.monotonic()
        while True:
            if page.messages:
                yield b"".join(map(_event, range(page.after + 1, page.next + 1), page.messages))
                heard_at = time.monotonic()
            elif time.monotonic() - heard_at >= HEARTBEAT_S:
                yield b": alive\n\n"
                heard_at = time.monotonic()
            if page.finished:
                state = msgspec.json.encode({"state": page.computation.state, "next": page.next})
                yield b"event: end\ndata: %b\n\n" % state
                return
            page = follow_page(context, id, page.next, HEARTBEAT_S)
    except StoreUnavailableError as error:
        # The status has gone out: the stream ends, and the client comes back with Last-Event-ID.
        _log.warning("the event stream of computation %s ends early: %s", id, error)


def _event(sequence: int, message: bytes) -> bytes:
    return b"id: %d\ndata: %b\n\n" % (sequence, message.replace(b"\n", b"\ndata: "))
