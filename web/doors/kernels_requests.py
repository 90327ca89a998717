"""Does what the messages of a kernel's clients ask for, or refuses it in Jupyter's words.

Unknown types and channels are left alone, as the protocol has it: a kernel need not answer what it does not handle.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping
from typing import Any

import msgspec

from store import StoreError, StoreUnavailableError
from web import languages, request_schemas, requesters
from web.context import here
from web.doors import kernels_callers, kernels_runs
from web.doors.kernels_channel import Channel
from web.doors.kernels_contents import HISTORY_MAX, AtCursor, CommInfo, History, content_of
from web.doors.kernels_frames import Heard
from web.doors.kernels_specs import kernel_info
from web.problems import ProblemError
from web.sessions import REPLY_S

AWAY = "The database does not answer just now; try again."
REFUSED = "Refused"  # the name of the error of what is not run
INTROSPECTIONS_MAX = 4  # of one socket at once
Answer = Callable[[Channel, Heard], None]


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


def _kernel_info(channel: Channel, heard: Heard) -> None:
    channel.reply(heard, "kernel_info_reply", kernel_info(here().settings, channel.kernel.language))


def _is_complete(channel: Channel, heard: Heard) -> None:
    channel.reply(heard, "is_complete_reply", {"status": "unknown"})


def _comm_info(channel: Channel, heard: Heard) -> None:
    target_name = content_of(heard, CommInfo).target_name or ""
    nothing = {"status": "ok", "comms": {}}
    if channel.kernel.session is None:
        channel.reply(heard, "comm_info_reply", nothing)
    else:
        _introspect(channel, heard, "comm_info", AtCursor(target_name), nothing)


def _history(channel: Channel, heard: Heard) -> None:
    content, session = content_of(heard, History), channel.kernel.session
    count = min(HISTORY_MAX, max(1, content.n))
    known = content.hist_access_type in ("tail", "range") and session is not None
    codes = here().store.kernels.codes(session, count) if known and session is not None else []
    # With results, as IPython has it that keeps none.
    history = [[0, turn + 1, [code, None] if content.output else code] for turn, code in codes]
    channel.reply(heard, "history_reply", {"status": "ok", "history": history})


def _complete(channel: Channel, heard: Heard) -> None:
    content = content_of(heard, AtCursor)
    position = _position(content)
    nothing = {"status": "ok", "matches": [], "cursor_start": position, "cursor_end": position, "metadata": {}}
    _introspect(channel, heard, "complete", content, nothing)


def _inspect(channel: Channel, heard: Heard) -> None:
    nothing = {"status": "ok", "found": False, "data": {}, "metadata": {}}
    _introspect(channel, heard, "inspect", content_of(heard, AtCursor), nothing)


def _introspect(channel: Channel, heard: Heard, kind: str, content: AtCursor, nothing: Mapping[str, Any]) -> None:
    """Ask the session, or a fresh one, beside what the socket goes on with; without an answer there is nothing."""
    kernels_callers.admit()
    code = request_schemas.check_code(content.code)
    language = languages.checked(channel.kernel.language, None)
    context, shares, session = here(), requesters.shares(), channel.kernel.session
    level, reply = min(1, max(0, content.detail_level)), heard.header.msg_type.replace("_request", "_reply")
    if channel.introspecting >= INTROSPECTIONS_MAX:
        channel.reply(heard, reply, nothing)
        return

    def ask() -> None:
        found: Mapping[str, Any] | msgspec.Raw = nothing
        try:
            with context.client_shares.question(*shares) as granted:
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


_SHELL: dict[str, Answer] = {
    "execute_request": kernels_runs.execute,
    "comm_open": kernels_runs.deliver,
    "comm_msg": kernels_runs.deliver,
    "comm_close": kernels_runs.deliver,
    "comm_info_request": _comm_info,
    "kernel_info_request": _kernel_info,
    "is_complete_request": _is_complete,
    "history_request": _history,
    "complete_request": _complete,
    "inspect_request": _inspect,
    "shutdown_request": kernels_runs.shut_down,
    "interrupt_request": kernels_runs.interrupt_kernel,
}
_CONTROL = ("kernel_info_request", "shutdown_request", "interrupt_request")
_ANSWERS: dict[str, dict[str, Answer]] = {
    "shell": _SHELL,
    "control": {name: _SHELL[name] for name in _CONTROL},
    "stdin": {"input_reply": kernels_runs.answer},
}
