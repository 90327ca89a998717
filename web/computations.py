"""Serves POST /computations, GET and DELETE /computations/<id>, interrupt and input."""

from __future__ import annotations

from contextlib import ExitStack
from dataclasses import replace

import msgspec
from flask import Blueprint, Response, request
from msgspec import UNSET, Raw

import store as stores
from store import Computation, Submission
from web import body_digest, forms, languages, multipart, request_body, request_schemas, requesters
from web.context import here
from web.message_pages import existing_computation, wait_for_end
from web.operations import operation
from web.parameters import BUFFERS, FIRST, KEY, ONCE_HEADER, ONCE_QUERY, PAGE, PROOF, WAIT
from web.problems import QUEUE_FULL, refuse
from web.request_schemas import InputValue, NewComputation
from web.responses import AcceptedAnswer, ComputationAnswer, SubmittedAnswer, Usage, json_answer
from web.submitted import OTHER_BODY, as_repeat, links, repeated, submitted_answer

routes = Blueprint("computations", __name__)

NO_COMPUTATION = "No computation has this id."
OVER = "The computation is over."
OTHER_UPLOADS = "From your address, or this site, other files are on their way; try again in a moment."


@routes.post("/computations")
@operation(
    "Run code, or hand a comm message to a session's kernel",
    {201: SubmittedAnswer},
    {
        **requesters.PROBLEMS,
        400: "The body is not right; the detail names the field.",
        404: "No session has this id.",
        410: "The session is gone.",
        411: "The length of the body is missing.",
        413: "The code, a file or the whole request is too large.",
        415: "The body is neither JSON nor multipart/form-data.",
        422: "The language is unknown, not available, or another one; or the idempotency key had another body.",
        429: "The client, its page, origin or key has its share of what waits, of CPU time, uploads or room already, "
             "or `challenge` asks for a proof of work.",
    },
    body=NewComputation,
    multipart=True,
    parameters=(WAIT, BUFFERS, KEY, PAGE, PROOF, ONCE_HEADER, ONCE_QUERY, FIRST),
)
def submit() -> Response:
    """Store the computation; answer when it is on disk, or with `wait` when it is over or the time is.

    What is sent again under its idempotency key is answered with the computation that is there.
    """
    context = here()
    wait_s = WAIT.read(context.settings)
    with ExitStack() as waiting:
        with ExitStack() as closing:
            uploads: forms.Uploads = []
            requesters.admit()
            once, is_first, untrusted_proof = requesters.once(), FIRST.read() is not None, PROOF.read()
            PAGE.read()  # in what is sent again, too, though only what is new has a lane
            first = context.store.repeats.find(once) if once and not is_first else None
            if first is None:
                requesters.check_budgets()
                check_room()
                requesters.check_proof(untrusted_proof)
            if request.mimetype == forms.MEDIA_TYPE:
                boundary = request.mimetype_params.get("boundary", "")
                if not closing.enter_context(context.client_shares.upload(*requesters.shares())):
                    refuse(429, OTHER_UPLOADS, reason="uploads")
                with request_body.arriving() as stream:
                    with stream.before_the_first_byte():  # for uploads wait on a disk
                        closing.enter_context(context.store.space.reserve(request.content_length or 0))
                        _check_client_room(request.content_length or 0)
                    body, uploads = multipart.read_computation(stream, boundary, context.settings, closing)
            else:
                body = request_schemas.read(NewComputation)
            digest = body_digest.of(body, uploads) if once else b""
            if first is not None:
                return repeated(first, digest, wait_s)
            submission = replace(_submission(body, uploads), once=once, digest=digest)
            # Subscribed before there can be news of the computation.
            event = waiting.enter_context(context.notifier.subscribed(submission.id))
            computation = store_submission(submission)
        if computation.id != submission.id:  # the same came twice at once
            return as_repeat(submitted_answer(computation, None))
        context.figures.submitted.labels(computation.language).inc()
        return submitted_answer(computation, wait_for_end(context, event, computation, wait_s) if wait_s else None)


@routes.get("/computations/<id>")
@operation("Look at a computation", {200: ComputationAnswer}, {404: NO_COMPUTATION})
def look(id: str) -> Response:
    """Answer with the computation as it is now."""
    computation = existing_computation(id)
    position = here().store.computations.queue_position(id) if computation.state == "queued" else None
    usage = computation.usage
    return json_answer(
        ComputationAnswer(
            id=computation.id,
            session=computation.session,
            language=computation.language,
            state=computation.state,
            attempt=computation.attempt,
            submitted=computation.submitted,
            links=links(computation.id),
            # Its last part, which tells nothing of the host.
            device=(computation.device or "").rpartition("-")[2] or UNSET,
            reason=computation.reason or UNSET,
            queue_position=UNSET if position is None else position,
            started=computation.started or UNSET,
            finished=computation.finished or UNSET,
            usage=msgspec.convert(usage, Usage) if usage else UNSET,
            verdict=Raw(computation.verdict) if computation.verdict else UNSET,
        )
    )


@routes.delete("/computations/<id>")
@operation("Kill a computation now", {202: AcceptedAnswer}, {404: NO_COMPUTATION, 409: OVER})
def cancel(id: str) -> Response:
    """Ask for the end; a computation that is queued ends at once and never runs."""
    existing_computation(id)
    try:
        here().store.computations.request_cancel(id)
    except stores.ComputationOverError:
        refuse(409, "The computation is already over.")
    return _accepted(id)


@routes.post("/computations/<id>/interrupt")
@operation("Raise KeyboardInterrupt in the code", {202: AcceptedAnswer}, {404: NO_COMPUTATION, 409: OVER})
def interrupt(id: str) -> Response:
    """Ask for the interrupt; code that does not stop is killed after a grace period, code that waits never runs."""
    existing_computation(id)
    try:
        here().store.computations.request_interrupt(id)
    except stores.ComputationOverError:
        refuse(409, "The computation is already over.")
    return _accepted(id)


@routes.post("/computations/<id>/input")
@operation(
    "Answer the question that the code asks with input()",
    {202: AcceptedAnswer},
    {
        400: "The body is not right; the detail names the field.",
        404: NO_COMPUTATION,
        409: "The code asks nothing now.",
        411: "The length of the body is missing.",
        413: "The value is too long.",
        415: "The body is not JSON.",
    },
    body=InputValue,
)
def answer_input(id: str) -> Response:
    """Hand the value to the code that waits for it."""
    value = request_schemas.check_code(request_schemas.read(InputValue).value, "value")
    existing_computation(id)
    try:
        here().store.computations.answer(id, value)
    except stores.ComputationOverError:
        refuse(409, "The computation is already over.")
    except stores.NotAskingError:
        refuse(409, "The code asks nothing now, or it has been answered already.")
    return _accepted(id)


def _submission(body: NewComputation, uploads: forms.Uploads) -> Submission:
    if (body.code is UNSET) == (body.message is UNSET):
        refuse(400, "The body has to have either `code` or `message`.")
    if body.message is not UNSET and body.session is None:
        refuse(400, "A `message` needs the `session` whose kernel it is for.")
    if body.message is not UNSET and body.user_expressions:
        refuse(400, "`user_expressions` are evaluated after `code`; a `message` has none.")
    code = request_schemas.check_code(body.code) if isinstance(body.code, str) else ""
    message = None if body.message is UNSET else request_schemas.comm_message(body.message)
    language = body.language if isinstance(body.language, str) else None
    if body.session is None:
        language = languages.checked(body.language, None)
    requesters.check_language(body.language, body.session)
    return Submission(
        code=code,
        language=language,
        session=body.session,
        keep=body.keep,
        stdin=body.stdin,
        message=message,
        uploads=tuple(uploads),
        requester=requesters.admit(),
        lane=requesters.lane(),
        user_expressions=request_schemas.check_expressions(body.user_expressions),
        scheme=body.scheme if isinstance(body.scheme, str) else "",
    )


def check_room() -> None:
    """Refuse a submission when devices found that too much is stored. Raises NoSpaceError, ClientFullError."""
    room = here().device_reports.room()
    if room.is_full:
        raise stores.NoSpaceError(stores.FULL)
    if requesters.admit().client in room.full_clients:
        raise stores.ClientFullError(stores.client_full(here().settings.client_stored_bytes_max))


def _check_client_room(body_bytes: int) -> None:
    """Refuse uploads that their client has no room for before they are read. Raises ClientFullError."""
    client = requesters.admit().client
    if client is not None:
        here().store.clients.check(client, body_bytes - forms.HEADS_BYTES)


def store_submission(submission: Submission) -> Computation:
    """Store a computation. Raises ProblemError, NoSpaceError, ClientFullError, StoreUnavailableError."""
    try:
        return here().store.computations.submit(submission)
    except stores.OtherBodyError:
        refuse(422, OTHER_BODY)
    except stores.QueueFullError:
        refuse(503, QUEUE_FULL, {"Retry-After": str(here().return_times.next_s())}, reason="queue_full")
    except stores.UnknownSessionError:
        refuse(404, "There is no session with this id.")
    except stores.OtherLanguageError as other:
        refuse(422, f"The session runs {other.language}; `language` says otherwise.")
    except stores.SessionGoneError:
        refuse(410, "The session has ended; run the code without `session` to begin a new one.")


def _accepted(id: str) -> Response:
    return json_answer(AcceptedAnswer(id, existing_computation(id).state), 202)
