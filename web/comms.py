"""Serves POST /sessions/<id>/comms: what a reader does with a control, at the speed of a hand."""

from __future__ import annotations

from typing import Any

from flask import Blueprint, Response, request
from msgspec import UNSET

from store import Submission
from web import forms, multipart, request_body, request_schemas, requesters
from web.computations import check_room, store_submission
from web.context import here
from web.message_pages import existing_computation, wait_for_end
from web.operations import operation
from web.parameters import BUFFERS, KEY, PAGE, WAIT
from web.problems import refuse
from web.request_schemas import COMM_ID_CHARS_MAX, ControlMessage
from web.responses import SubmittedAnswer
from web.submitted import submitted_answer

_PATHS = "`content.data.buffer_paths` has to list the path of each of `buffers`, which begins with the name of a value."

routes = Blueprint("comms", __name__)


@routes.post("/sessions/<id>/comms")
@operation(
    "Hand a control's comm message to a session's kernel; of what waits for one model the latest value wins",
    {201: SubmittedAnswer},
    {
        **requesters.PROBLEMS,
        400: "The body is not right; the detail names the field.",
        404: "No session has this id.",
        410: "The session is gone.",
        411: "The length of the body is missing.",
        413: "The message is too large.",
        415: "The body is neither JSON nor multipart/form-data.",
        429: "The client, its page, origin or key has its share of what waits, of CPU time or room already.",
    },
    body=ControlMessage,
    multipart=True,
    parameters=(WAIT, BUFFERS, KEY, PAGE),
)
def deliver(id: str) -> Response:
    """Store the message as a turn of the session, or merge it into the update of its model that waits already."""
    context = here()
    wait_s = WAIT.read(context.settings)
    requester = requesters.admit()
    requesters.check_budgets()
    check_room()
    message = _message()
    model = model_of(message)
    requesters.check_language(UNSET, id)
    submission = Submission(
        code="", language=None, session=id, keep=True, message=request_schemas.comm_message(message), control=model,
        requester=requester, lane=requesters.lane(),
    )  # fmt: skip
    # Subscribed before there can be news of the computation.
    with context.notifier.subscribed(submission.id) as event:
        computation = store_submission(submission)
        if computation.id == submission.id:
            context.figures.submitted.labels(computation.language).inc()
            page = wait_for_end(context, event, computation, wait_s) if wait_s else None
            return submitted_answer(computation, page)
    with context.notifier.subscribed(computation.id) as event:
        page = wait_for_end(context, event, existing_computation(computation.id), wait_s) if wait_s else None
        return submitted_answer(computation, page)


def _message() -> ControlMessage:
    if request.mimetype != forms.MEDIA_TYPE:
        return request_schemas.read(ControlMessage)
    settings, boundary = here().settings, request.mimetype_params.get("boundary", "")
    if (request.content_length or 0) > settings.message_bytes_max + forms.HEADS_BYTES:
        forms.refuse_long_message(settings)
    with request_body.arriving() as stream:
        return multipart.read_message(stream, boundary, settings)


def model_of(message: ControlMessage) -> str:
    """Return the id of the comm that a message is for. Raises ProblemError for what is no message of a control."""
    untrusted_id, untrusted_data = message.content.get("comm_id"), message.content.get("data", {})
    if not isinstance(untrusted_id, str) or not 0 < len(untrusted_id) <= COMM_ID_CHARS_MAX:
        refuse(400, f"`content.comm_id` has to be a text of 1 to {COMM_ID_CHARS_MAX} characters.")
    if not isinstance(untrusted_data, dict):
        refuse(400, "`content.data` has to be an object.")
    if untrusted_data.get("method") == "update":
        _check_update(untrusted_data, len(message.buffers))
    return untrusted_id


def _check_update(untrusted_data: dict[str, Any], buffers: int) -> None:
    if not isinstance(untrusted_data.get("state"), dict):
        refuse(400, "`content.data.state` has to be an object of the values that the update sets.")
    untrusted_paths = untrusted_data.get("buffer_paths", [])
    if not isinstance(untrusted_paths, list) or len(untrusted_paths) != buffers:
        refuse(400, _PATHS)
    for untrusted_path in untrusted_paths:
        if not isinstance(untrusted_path, list) or not untrusted_path or not isinstance(untrusted_path[0], str):
            refuse(400, _PATHS)
        if not all(type(step) in (str, int) for step in untrusted_path):
            refuse(400, _PATHS)
