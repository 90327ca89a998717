"""Validate every Jupyter message that a kernel of ours may emit: content, types of MIME bundles, valid JSON.

From jupyter_client's ``docs/messaging.rst``, protocol 5.3, and what front ends rely on beyond it.
"""

from __future__ import annotations

import base64
import json
from collections.abc import Callable, Iterable
from typing import Any

Content = dict[str, Any]


class InvalidMessage(AssertionError):
    """A message that a front end could not rely on."""


def need(condition: bool, sentence: str) -> None:
    """Raise InvalidMessage unless the condition holds."""
    if not condition:
        raise InvalidMessage(sentence)


def has(content: Content, required: dict[str, type], optional: dict[str, type] | None = None) -> None:
    """Check the fields of a content: all that are required, none that is unknown, each of its type."""
    optional = optional or {}
    missing = required.keys() - content.keys()
    unknown = content.keys() - required.keys() - optional.keys()
    need(not missing, f"fields are missing: {sorted(missing)}")
    need(not unknown, f"fields are unknown: {sorted(unknown)}")
    for name, value in content.items():
        kind = required.get(name) or optional[name]
        need(isinstance(value, kind) and not (kind is int and isinstance(value, bool)), f"{name} is {value!r:.80}")


def mime_bundle(data: Content) -> None:
    """Check a MIME bundle: JSON types hold JSON, all others text; images other than SVG are base64."""
    for mime, value in data.items():
        need(isinstance(mime, str) and mime != "", f"a MIME type is {mime!r}")
        kind = mime.partition(";")[0].strip()
        if kind == "application/json" or kind.endswith("+json"):
            continue
        need(isinstance(value, str), f"{mime} is a {type(value).__name__}")
        if kind in ("image/png", "image/jpeg", "image/gif", "image/webp", "application/pdf"):
            base64.b64decode("".join(value.split()), validate=True)


def text_lines(lines: list) -> None:
    """Check a traceback."""
    need(all(isinstance(line, str) for line in lines), "a line of the traceback is no text")


def stream(content: Content) -> None:
    has(content, {"name": str, "text": str})
    need(content["name"] in ("stdout", "stderr"), f"the stream is called {content['name']!r}")
    need(content["text"] != "", "the text is empty")


def display_data(content: Content) -> None:
    has(content, {"data": dict, "metadata": dict}, {"transient": dict})
    need(content["data"] != {}, "the MIME bundle is empty")
    mime_bundle(content["data"])
    has(content.get("transient", {}), {}, {"display_id": str})


def update_display_data(content: Content) -> None:
    display_data(content)
    need("display_id" in content.get("transient", {}), "an update names no display")


def execute_result(content: Content) -> None:
    has(content, {"execution_count": int, "data": dict, "metadata": dict})
    mime_bundle(content["data"])


def execute_input(content: Content) -> None:
    has(content, {"code": str, "execution_count": int})
    need(content["execution_count"] >= 1, "counting starts at 1")


def error(content: Content) -> None:
    has(content, {"ename": str, "evalue": str, "traceback": list})
    text_lines(content["traceback"])


def execute_reply(content: Content) -> None:
    common = {"status": str, "execution_count": int}
    if content.get("status") == "ok":
        has(content, {**common, "user_expressions": dict, "payload": list})
    else:
        need(content.get("status") == "error", f"the status is {content.get('status')!r}")
        failed = {**common, "ename": str, "evalue": str, "traceback": list}
        has(content, failed, {"user_expressions": dict, "payload": list})
        text_lines(content["traceback"])
    for value in content.get("user_expressions", {}).values():
        if value.get("status") == "ok":
            has(value, {"status": str, "data": dict, "metadata": dict})
        else:
            has(value, {"status": str, "ename": str, "evalue": str, "traceback": list})
            need(value["status"] == "error", f"the status of an expression is {value['status']!r}")
    for payload in content.get("payload", []):
        need(isinstance(payload, dict), "a payload is no object")
        PAYLOADS[payload.get("source", "")](payload)


def page(payload: Content) -> None:
    has(payload, {"source": str, "data": dict, "start": int})
    mime_bundle(payload["data"])


def set_next_input(payload: Content) -> None:
    has(payload, {"source": str, "text": str, "replace": bool})


def status(content: Content) -> None:
    has(content, {"execution_state": str})
    need(content["execution_state"] in ("busy", "idle", "starting"), f"the state is {content['execution_state']!r}")


def clear_output(content: Content) -> None:
    has(content, {"wait": bool})


def input_request(content: Content) -> None:
    has(content, {"prompt": str, "password": bool})


def comm_open(content: Content) -> None:
    has(content, {"comm_id": str, "target_name": str, "data": dict}, {"target_module": str})


def comm_msg(content: Content) -> None:
    has(content, {"comm_id": str, "data": dict})


def complete_reply(content: Content) -> None:
    has(content, {"status": str, "matches": list, "cursor_start": int, "cursor_end": int, "metadata": dict})
    need(all(isinstance(match, str) for match in content["matches"]), "a match is no text")
    need(0 <= content["cursor_start"] <= content["cursor_end"], "the cursor's range is no range")


def inspect_reply(content: Content) -> None:
    has(content, {"status": str, "found": bool, "data": dict, "metadata": dict})
    mime_bundle(content["data"])


PAYLOADS: dict[str, Callable[[Content], None]] = {"page": page, "set_next_input": set_next_input}
CONTENTS: dict[str, Callable[[Content], None]] = {
    "stream": stream,
    "display_data": display_data,
    "update_display_data": update_display_data,
    "execute_result": execute_result,
    "execute_input": execute_input,
    "execute_reply": execute_reply,
    "error": error,
    "status": status,
    "clear_output": clear_output,
    "input_request": input_request,
    "comm_open": comm_open,
    "comm_msg": comm_msg,
    "comm_close": comm_msg,
    "complete_reply": complete_reply,
    "inspect_reply": inspect_reply,
}


def validate_message(msg_type: str, content: Content) -> None:
    """Check one message. Raises InvalidMessage, which names the type."""
    if msg_type not in CONTENTS:
        raise InvalidMessage(f"{msg_type}: no such message")
    try:
        need(isinstance(content, dict), "the content is no object")
        json.dumps(content, allow_nan=False, ensure_ascii=False).encode()
        CONTENTS[msg_type](content)
    except (ValueError, KeyError, InvalidMessage) as fault:
        raise InvalidMessage(f"{msg_type}: {fault}") from fault


def validate_order(messages: Iterable[tuple[str, Content]], comm: bool = False) -> None:
    """Check the messages of one computation: busy first, idle last, the reply right before it.

    ``comm`` is for a computation that delivered a comm message: it has neither input nor reply.
    """
    messages = list(messages)
    for msg_type, content in messages:
        validate_message(msg_type, content)
    types = [content["execution_state"] if kind == "status" else kind for kind, content in messages]
    need(types[:1] == ["busy"] and types[-1:] == ["idle"], f"not from busy to idle: {types[:3]} … {types[-3:]}")
    need(types.count("busy") == types.count("idle") == 1, "it is busy or idle more than once")
    replies = 0 if comm else 1
    need(types.count("execute_reply") == types.count("execute_input") == replies, f"it has not one reply: {types[-4:]}")
    if not comm:
        need("execute_input" in types and types[-2] == "execute_reply", f"the reply does not come last: {types[-4:]}")
