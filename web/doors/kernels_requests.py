"""Does what the messages of a kernel's clients ask for: runs code, hands on comm messages, answers questions.

Unknown types and channels are left alone, as the protocol has it: a kernel need not answer what it does not handle.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping
from contextlib import suppress
from typing import Any

import msgspec
from msgspec import Struct

from store import (
    Computation,
    ComputationOverError,
    NotAskingError,
    StoreError,
    StoreUnavailableError,
    Submission,
    Turn,
)
from web import languages, request_schemas, requesters, strict_json
from web.client_shares import INTROSPECTION_WAIT_S
from web.comms import model_of
from web.computations import check_room, store_submission
from web.context import connection, here
from web.doors import kernels_callers
from web.doors.kernels_channel import LATEST_TURNS, Asked, Channel
from web.doors.kernels_frames import Heard
from web.doors.kernels_specs import kernel_info
from web.problems import ProblemError
from web.request_schemas import ControlMessage
from web.sessions import REPLY_S

AWAY = "The database does not answer just now; try again."
REFUSED = "Refused"  # the name of the error of what is not run
HISTORY_MAX = 1000
INTROSPECTIONS_MAX = 4  # of one socket at once
TRIES = 3  # at a session that others end meanwhile
Answer = Callable[[Channel, Heard], None]


class Execute(Struct):
    """The content of an execute_request; what is left out is as Jupyter has it."""

    code: str
    silent: bool = False
    store_history: bool = True
    user_expressions: dict[str, str] = {}
    allow_stdin: bool = True
    stop_on_error: bool = True


class AtCursor(Struct):
    """The content of a complete_request or an inspect_request."""

    code: str
    cursor_pos: int = -1
    detail_level: int = 0


class Shutdown(Struct):
    """The content of a shutdown_request."""

    restart: bool = False


class Reply(Struct):
    """The content of an input_reply."""

    value: str = ""


class History(Struct):
    """The content of a history_request, as far as it is looked at."""

    n: int = HISTORY_MAX
    hist_access_type: str = "tail"


def hear(channel: Channel, heard: Heard) -> None:
    """Do what a message asks for; whatever is in its way, its client is told in Jupyter's words."""
    answer = _ANSWERS.get(heard.channel, {}).get(heard.header.msg_type)
    if answer is None:
        return
    try:
        answer(channel, heard)
    except ProblemError as problem:
        _refuse(channel, heard, problem.detail)
    except StoreUnavailableError:
        _refuse(channel, heard, AWAY)
    except StoreError as error:
        _refuse(channel, heard, str(error))


def _refuse(channel: Channel, heard: Heard, sentence: str) -> None:
    error = {"ename": REFUSED, "evalue": sentence, "traceback": [f"{REFUSED}: {sentence}"]}
    kind = heard.header.msg_type
    channel.say("iopub", "status", {"execution_state": "busy"}, heard.asked)
    if kind in ("execute_request", "comm_open", "comm_msg"):
        channel.say("iopub", "error", error, heard.asked)
    if kind.endswith("_request"):
        reply = {"status": "error", "execution_count": 0, "user_expressions": {}, "payload": [], **error}
        channel.say(heard.channel, kind.replace("_request", "_reply"), reply, heard.asked)
    channel.say("iopub", "status", {"execution_state": "idle"}, heard.asked)


# --- what runs --------------------------------------------------------------------------------------------------------
def _execute(channel: Channel, heard: Heard) -> None:
    content = _content(heard, Execute)
    asked = Asked(heard.asked, channel.reader, content.silent, content.stop_on_error)
    if _is_held(channel, heard):
        return
    code = request_schemas.check_code(content.code)
    expressions = request_schemas.check_expressions(content.user_expressions)
    _run(channel, heard, asked, code=code, stdin=content.allow_stdin, user_expressions=expressions)


def _comm(channel: Channel, heard: Heard) -> None:
    if _is_held(channel, heard):
        return
    body = b'{"msg_type":"%b","content":%b,"metadata":%b}' % (
        heard.header.msg_type.encode(), heard.content or b"{}", heard.metadata or b"{}",
    )  # fmt: skip
    message = _decoded(body, ControlMessage)
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


def _input(channel: Channel, heard: Heard) -> None:
    value = request_schemas.check_code(_content(heard, Reply).value, "value")
    kernel, store = channel.kernel, here().store
    latest = store.kernels.last_turns(kernel.session, LATEST_TURNS) if kernel.session else []
    for turn in latest:
        if turn.asking:
            with suppress(ComputationOverError, NotAskingError):  # another client was faster
                store.computations.answer(turn.id, value)
            return


# --- what ends --------------------------------------------------------------------------------------------------------
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


def _interrupt(channel: Channel, heard: Heard) -> None:
    interrupt(channel.kernel.session)
    channel.reply(heard, "interrupt_reply", {"status": "ok"})


def _shutdown(channel: Channel, heard: Heard) -> None:
    restart = _content(heard, Shutdown).restart
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


# --- what is known here -----------------------------------------------------------------------------------------------
def _kernel_info(channel: Channel, heard: Heard) -> None:
    channel.reply(heard, "kernel_info_reply", kernel_info(here().settings, channel.kernel.language))


def _is_complete(channel: Channel, heard: Heard) -> None:
    channel.reply(heard, "is_complete_reply", {"status": "unknown"})


def _comm_info(channel: Channel, heard: Heard) -> None:
    # Controls come back by `jupyter.widget.control`, which the kernel itself answers.
    channel.reply(heard, "comm_info_reply", {"status": "ok", "comms": {}})


def _history(channel: Channel, heard: Heard) -> None:
    content, session = _content(heard, History), channel.kernel.session
    count = min(HISTORY_MAX, max(1, content.n))
    known = content.hist_access_type in ("tail", "range") and session is not None
    codes = here().store.kernels.codes(session, count) if known and session is not None else []
    history = [[0, turn + 1, code] for turn, code in codes]
    channel.reply(heard, "history_reply", {"status": "ok", "history": history})


def _complete(channel: Channel, heard: Heard) -> None:
    content = _content(heard, AtCursor)
    position = _position(content)
    nothing = {"status": "ok", "matches": [], "cursor_start": position, "cursor_end": position, "metadata": {}}
    _introspect(channel, heard, "complete", content, nothing)


def _inspect(channel: Channel, heard: Heard) -> None:
    nothing = {"status": "ok", "found": False, "data": {}, "metadata": {}}
    _introspect(channel, heard, "inspect", _content(heard, AtCursor), nothing)


def _introspect(channel: Channel, heard: Heard, kind: str, content: AtCursor, nothing: Mapping[str, Any]) -> None:
    """Ask the session, or a fresh one, beside what the socket goes on with; without an answer there is nothing."""
    kernels_callers.admit()
    code = request_schemas.check_code(content.code)
    language = languages.checked(channel.kernel.language, None)
    context, client, session = here(), connection().client, channel.kernel.session
    level, reply = min(1, max(0, content.detail_level)), heard.header.msg_type.replace("_request", "_reply")
    if channel.introspecting >= INTROSPECTIONS_MAX:
        channel.reply(heard, reply, nothing)
        return

    def ask() -> None:
        found: Mapping[str, Any] | msgspec.Raw = nothing
        try:
            with context.client_shares.introspections.taken(client, INTROSPECTION_WAIT_S) as granted:
                if granted:
                    store = context.store.introspections
                    subject = store.put(session, language, kind, code, _position(content), level)
                    answer = context.notifier.wait_until(
                        subject, REPLY_S, lambda: store.reply_to(subject), lambda found: found is not None
                    )
                    if answer is not None and answer.status == "ok":
                        found = msgspec.Raw(answer.content)
        except StoreError:
            pass  # nothing is known, then
        finally:
            channel.introspecting -= 1
            channel.reply(heard, reply, found)

    channel.introspecting += 1
    threading.Thread(target=ask, name="introspection", daemon=True).start()


def _position(content: AtCursor) -> int:
    return content.cursor_pos if 0 <= content.cursor_pos <= len(content.code) else len(content.code)


# --- contents ---------------------------------------------------------------------------------------------------------
def _content(heard: Heard, kind: type[Any]) -> Any:
    """Return the content of a message. Raises ProblemError 400, 413."""
    return _decoded(heard.content or b"{}", kind)


def _decoded(untrusted_bytes: bytes, kind: type[Any]) -> Any:
    settings = here().settings
    bytes_max = request_schemas.json_bytes_max(settings)
    if len(untrusted_bytes) > bytes_max:
        raise ProblemError(413, f"The message is longer than {bytes_max} bytes of JSON.")
    return strict_json.decode(untrusted_bytes, kind, request_schemas.message_text_bytes_max(settings), bytes_max)


_SHELL: dict[str, Answer] = {
    "execute_request": _execute,
    "comm_open": _comm,
    "comm_msg": _comm,
    "comm_close": _comm,
    "comm_info_request": _comm_info,
    "kernel_info_request": _kernel_info,
    "is_complete_request": _is_complete,
    "history_request": _history,
    "complete_request": _complete,
    "inspect_request": _inspect,
    "shutdown_request": _shutdown,
    "interrupt_request": _interrupt,
}
_CONTROL = ("kernel_info_request", "shutdown_request", "interrupt_request")
_ANSWERS: dict[str, dict[str, Answer]] = {
    "shell": _SHELL,
    "control": {name: _SHELL[name] for name in _CONTROL},
    "stdin": {"input_reply": _input},
}
