"""The contents of Jupyter messages as the untrusted side may send them: one strict shape a type (spec 5.x)."""

from __future__ import annotations

import json
from typing import Any, Literal

import msgspec

from device.refusal import Nonsense

DEPTH_MAX = 64
Bundle = dict[str, Any]


class Content(msgspec.Struct, forbid_unknown_fields=True):
    """Base of all contents: a field that the spec does not know is nonsense."""


class Status(Content):
    execution_state: Literal["busy", "idle"]


class ExecuteInput(Content):
    code: str
    execution_count: int


class Stream(Content):
    name: Literal["stdout", "stderr"]
    text: str


class Transient(Content):
    display_id: str | None = None


class DisplayData(Content):
    data: Bundle
    metadata: Bundle
    transient: Bundle | None = None


class UpdateTransient(Content):
    display_id: str


class UpdateDisplayData(Content):
    data: Bundle
    metadata: Bundle
    transient: UpdateTransient


class ExecuteResult(Content):
    execution_count: int
    data: Bundle
    metadata: Bundle
    transient: Bundle | None = None


class Error(Content):
    ename: str
    evalue: str
    traceback: list[str]


class ClearOutput(Content):
    wait: bool


class ExecuteReply(Content):
    status: Literal["ok", "error", "aborted"]
    execution_count: int | None = None
    user_expressions: Bundle | None = None
    payload: list[Bundle] | None = None
    ename: str | None = None
    evalue: str | None = None
    traceback: list[str] | None = None


class InputRequest(Content):
    prompt: str
    password: bool


class CommOpen(Content):
    comm_id: str
    target_name: str
    data: Bundle
    target_module: str | None = None


class CommData(Content):
    comm_id: str
    data: Bundle


CHANNELS: dict[str, str] = {"execute_reply": "shell", "input_request": "stdin"}  # all else: iopub
SHAPES: dict[str, type[Content]] = {
    "status": Status,
    "execute_input": ExecuteInput,
    "stream": Stream,
    "display_data": DisplayData,
    "update_display_data": UpdateDisplayData,
    "execute_result": ExecuteResult,
    "error": Error,
    "clear_output": ClearOutput,
    "execute_reply": ExecuteReply,
    "input_request": InputRequest,
    "comm_open": CommOpen,
    "comm_msg": CommData,
    "comm_close": CommData,
}
_decoders = {msg_type: msgspec.json.Decoder(shape) for msg_type, shape in SHAPES.items()}


def check(msg_type: str, untrusted_json: bytes) -> dict[str, Any]:
    """Return the content of a message of this type. Raises Nonsense."""
    decoder = _decoders.get(msg_type)
    if decoder is None:
        raise Nonsense(f"a message of the unknown type {msg_type[:64]!r}")
    check_depth(untrusted_json)
    try:
        decoder.decode(untrusted_json)
        return json.loads(untrusted_json, parse_constant=_refuse_constant)
    except (msgspec.DecodeError, ValueError, RecursionError) as error:
        raise Nonsense(f"a {msg_type} whose content is not right: {str(error)[:200]}") from error


def check_object(untrusted_json: bytes) -> dict[str, Any]:
    """Return a JSON object of no particular shape (metadata). Raises Nonsense."""
    check_depth(untrusted_json)
    try:
        value = json.loads(untrusted_json, parse_constant=_refuse_constant)
    except (ValueError, RecursionError) as error:
        raise Nonsense(f"metadata that are no JSON: {str(error)[:200]}") from error
    if not isinstance(value, dict):
        raise Nonsense("metadata that are no JSON object")
    return value


def check_depth(untrusted_json: bytes) -> None:
    """Refuse JSON that nests deeper than ``DEPTH_MAX``, before a parser that recurses sees it. Raises Nonsense."""
    if untrusted_json.count(b"[") + untrusted_json.count(b"{") <= DEPTH_MAX:
        return  # nearly every message
    depth, in_string, escaped = 0, False, False
    for byte in untrusted_json:
        if in_string:
            if escaped:
                escaped = False
            elif byte == 0x5C:
                escaped = True
            elif byte == 0x22:
                in_string = False
        elif byte == 0x22:
            in_string = True
        elif byte in (0x5B, 0x7B):
            depth += 1
            if depth > DEPTH_MAX:
                raise Nonsense(f"JSON that nests deeper than {DEPTH_MAX}")
        elif byte in (0x5D, 0x7D):
            depth -= 1


def _refuse_constant(name: str) -> None:
    raise ValueError(f"{name} is not JSON")
