"""Makes the answer to a submission: the 201 of a computation, new or sent again."""

from __future__ import annotations

from flask import Response
from msgspec import UNSET, Raw

from store import Computation, First, OtherBodyError
from web.context import here
from web.form_answers import messages_answer
from web.headers import REPEATED
from web.message_pages import Page, wait_for_end
from web.problems import refuse
from web.responses import Links, SubmittedAnswer, address

OTHER_BODY = "This idempotency key came with another body before; a new computation needs a new key."


def links(id: str) -> Links:
    """Return the addresses of a computation and of what belongs to it."""
    self = address(f"/computations/{id}")
    return Links(self, f"{self}/messages", f"{self}/files", f"{self}/interrupt", f"{self}/input")


def submitted_answer(computation: Computation, page: Page | None) -> Response:
    """Return the 201 of a computation, with the page of its messages where that was waited for."""
    store, position = here().store, None
    if page and page.computation.state == "queued" and store.computations.has_long_line():
        position = store.computations.queue_position(computation.id)  # so that its next question is not one for it
    return messages_answer(
        SubmittedAnswer(
            id=computation.id,
            session=computation.session,
            language=computation.language,
            state=page.computation.state if page else computation.state,
            sequence=page.next if page else -1,
            links=links(computation.id),
            messages=[Raw(message) for message in page.messages] if page else UNSET,
            finished=page.finished if page else UNSET,
            queue_position=UNSET if position is None else position,
        ),
        201,
        location=address(f"/computations/{computation.id}"),
    )


def repeated(first: First, digest: bytes, wait_s: float) -> Response:
    """Answer what was sent again with the computation that is there, as it is now."""
    context, id = here(), first.computation.id
    try:
        first.check(digest)
    except OtherBodyError:
        refuse(422, OTHER_BODY)
    with context.notifier.subscribed(id) as event:
        computation = None if first.is_deleted else context.store.computations.get(id)
        if computation is None or not wait_s:
            return as_repeat(submitted_answer(computation or first.computation, None))
        return as_repeat(submitted_answer(computation, wait_for_end(context, event, computation, wait_s)))


def as_repeat(response: Response) -> Response:
    """Return the answer marked as that to a repeat."""
    response.headers[REPEATED] = "true"
    return response
