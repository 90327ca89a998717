"""Runs what a kernel's clients ask for, answers what runs, and ends it: every computation is a turn of a session."""

from __future__ import annotations

from contextlib import suppress
from typing import Any

import msgspec

from store import Computation, ComputationOverError, NotAskingError, Submission, Turn
from web import languages, request_schemas, requesters
from web.comms import model_of
from web.computations import check_room, store_submission
from web.context import here
from web.doors import kernels_callers
from web.doors.kernels_asked import Asked
from web.doors.kernels_channel import Channel
from web.doors.kernels_contents import Execute, Reply, Shutdown, content_of, decoded
from web.doors.kernels_follower import LATEST_TURNS
from web.doors.kernels_frames import Heard
from web.problems import ProblemError
from web.request_schemas import ControlMessage

TRIES = 3  # at a session that others end meanwhile


def execute(channel: Channel, heard: Heard) -> None:
    """Run code, after what has to end before."""
    content = content_of(heard, Execute)
    asked = Asked(heard.asked, channel.reader, content.silent, content.stop_on_error)
    if _is_held(channel, heard):
        return
    code = request_schemas.check_code(content.code)
    expressions = request_schemas.check_expressions(content.user_expressions)
    _run(channel, heard, asked, code=code, stdin=content.allow_stdin, user_expressions=expressions)


def deliver(channel: Channel, heard: Heard) -> None:
    """Hand a comm message to the session; where there is none, nobody is there."""
    if _is_held(channel, heard):
        return
    body = b'{"msg_type":"%b","content":%b,"metadata":%b}' % (
        heard.header.msg_type.encode(), heard.content or b"{}", heard.metadata or b"{}",
    )  # fmt: skip
    message = decoded(body, ControlMessage)
    message.buffers = heard.buffers
    model = model_of(message)
    if channel.kernel.session is None:
        # Nothing has run, so there is nothing that it could be for.
        channel.say("iopub", "status", {"execution_state": "busy"}, heard.asked)
        if heard.header.msg_type == "comm_open":
            channel.say("iopub", "comm_close", {"comm_id": model, "data": {}}, heard.asked)
        channel.say("iopub", "status", {"execution_state": "idle"}, heard.asked)
        return
    asked = Asked(heard.asked, channel.reader)
    _run(channel, heard, asked, code="", message=request_schemas.comm_message(message), control=model)


def _is_held(channel: Channel, heard: Heard) -> bool:
    """Hold a message back while code runs after whose error it is not to run; return whether it waits."""
    if channel.is_leaving or not (channel.held or any(_stops(channel, turn) for turn in channel.turns)):
        return False
    if not channel.held and heard.header.msg_type != "execute_request":
        return False
    channel.held.append(heard)
    return True


def _stops(channel: Channel, turn: Turn) -> bool:
    if turn.asked is None:
        return False
    asked = msgspec.json.decode(turn.asked, type=Asked)
    return asked.stops and asked.by == channel.reader


def _run(channel: Channel, heard: Heard, asked: Asked, **fields: Any) -> None:
    """Store a turn of the kernel's session, or of a new one, and follow it."""
    requester = kernels_callers.admit()
    requesters.check_budgets()
    check_room()
    requesters.check_proof(None)
    packed = msgspec.json.encode(asked)
    for _ in range(TRIES):
        kernel = channel.kernel
        language = None if kernel.session else languages.checked(kernel.language, None)
        requesters.check_language(kernel.language, None)
        submission = Submission(
            language=language, session=kernel.session, keep=True, requester=requester,
            lane=kernels_callers.lane(kernel.id), asked=packed, **fields,
        )  # fmt: skip
        computation = _stored(channel, submission)
        if computation is None:
            if channel.turns and not channel.is_leaving:
                channel.held.appendleft(heard)  # until what the session said is read
                return
            channel.begin_anew()
            if submission.message is not None:
                return  # what it was for has gone with the session
            continue
        if kernel.session is None and not channel.bind(computation.session):
            here().store.computations.request_cancel(computation.id)
            continue
        if computation.id != submission.id:  # merged into an update that waits
            channel.say("iopub", "status", {"execution_state": "busy"}, heard.asked)
            channel.say("iopub", "status", {"execution_state": "idle"}, heard.asked)
            return
        here().figures.submitted.labels(computation.language).inc()
        channel.follow(Turn(computation.id, computation.turn, False, False, -1, packed))
        return


def _stored(channel: Channel, submission: Submission) -> Computation | None:
    """Store a submission; return None where its session has ended."""
    try:
        return store_submission(submission)
    except ProblemError as problem:
        if submission.session is not None and problem.status in (404, 410):
            return None
        raise


def answer(channel: Channel, heard: Heard) -> None:
    """Answer what the code asks."""
    value = request_schemas.check_code(content_of(heard, Reply).value, "value")
    kernel, store = channel.kernel, here().store
    latest = store.kernels.last_turns(kernel.session, LATEST_TURNS) if kernel.session else []
    for turn in latest:
        if turn.asking:
            with suppress(ComputationOverError, NotAskingError):  # another client was faster
                store.computations.answer(turn.id, value)
            return


def interrupt(session: str | None) -> None:
    """Interrupt what a session runs, or withdraw what it would run next. Raises StoreUnavailableError."""
    store = here().store
    latest = store.kernels.last_turns(session, LATEST_TURNS) if session else []
    for turn in reversed(latest):
        if not turn.is_over:
            try:
                store.computations.request_interrupt(turn.id)
            except ComputationOverError:
                continue
            return


def interrupt_kernel(channel: Channel, heard: Heard) -> None:
    """Interrupt what the kernel runs."""
    interrupt(channel.kernel.session)
    channel.reply(heard, "interrupt_reply", {"status": "ok"})


def shut_down(channel: Channel, heard: Heard) -> None:
    """End the kernel, or begin it anew."""
    restart = content_of(heard, Shutdown).restart
    kernel, store = channel.kernel, here().store
    if kernel.session is not None:
        store.sessions.request_end(kernel.session)
    channel.reply(heard, "shutdown_reply", {"status": "ok", "restart": restart})
    if restart:
        channel.begin_anew()
    else:
        store.kernels.delete(kernel.id)
        here().notifier.wake(kernel.id)
        channel.end()
