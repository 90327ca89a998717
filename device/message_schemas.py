"""Says which contents a kernel's Jupyter messages may have: each type has one strict shape, of the message spec 5.3."""

from __future__ import annotations

from math import isfinite
from typing import Any, Literal

import msgspec
from msgspec import UNSET, UnsetType

from contract import JSON_DEPTH_MAX, nests_deeper
from device.errors import KernelProtocolError, printable

ENVELOPE_DEPTH = 2  # the content, and in it the bundle, around what code hands out
REPLY_ENVELOPE_DEPTH = 4  # the content, its user_expressions, one of them, its bundle
Bundle = dict[str, Any]  # of MIME types, known or not: their values pass untouched


class Content(msgspec.Struct, forbid_unknown_fields=True):
    """The base of all contents; it refuses a field that the spec does not know."""


class Status(Content):
    execution_state: Literal["busy", "idle"]


class ExecuteInput(Content):
    code: str
    execution_count: int


class Stream(Content):
    name: Literal["stdout", "stderr"]
    text: str


class Transient(Content):
    display_id: str | UnsetType = UNSET


class DisplayData(Content):
    data: Bundle
    metadata: Bundle
    transient: Transient | UnsetType = UNSET


class NamedTransient(Content):
    display_id: str


class UpdateDisplayData(Content):
    data: Bundle
    metadata: Bundle
    transient: NamedTransient


class ExecuteResult(Content):
    execution_count: int
    data: Bundle
    metadata: Bundle
    transient: Transient | UnsetType = UNSET


class Error(Content):
    ename: str
    evalue: str
    traceback: list[str]


class ClearOutput(Content):
    wait: bool


class Value(Content, tag_field="status", tag="ok"):
    data: Bundle
    metadata: Bundle


class NoValue(Content, tag_field="status", tag="error"):
    ename: str
    evalue: str
    traceback: list[str]


Values = dict[str, Value | NoValue]  # of user_expressions


class OkReply(Content, tag_field="status", tag="ok"):
    execution_count: int
    user_expressions: Values
    payload: list[Bundle]


class ErrorReply(Content, tag_field="status", tag="error"):
    execution_count: int
    ename: str
    evalue: str
    traceback: list[str]
    user_expressions: Values | UnsetType = UNSET
    payload: list[Bundle] | UnsetType = UNSET


class InputRequest(Content):
    prompt: str
    password: bool


class CommOpen(Content):
    comm_id: str
    target_name: str
    data: Bundle
    target_module: str | UnsetType = UNSET


class CommData(Content):
    comm_id: str
    data: Bundle


class CompleteReply(Content):
    status: Literal["ok"]
    matches: list[str]
    cursor_start: int
    cursor_end: int
    metadata: Bundle


class InspectReply(Content):
    status: Literal["ok"]
    found: bool
    data: Bundle
    metadata: Bundle


class CommTarget(Content):
    target_name: str


class CommInfoReply(Content):
    status: Literal["ok"]
    comms: dict[str, CommTarget]


class ProbeReply(Content):
    status: Literal["ok"]
    values: list[Bundle]  # what the answer's code says of itself; the check's session reads it


SHAPES: dict[str, Any] = {
    "status": Status,
    "execute_input": ExecuteInput,
    "stream": Stream,
    "display_data": DisplayData,
    "update_display_data": UpdateDisplayData,
    "execute_result": ExecuteResult,
    "error": Error,
    "clear_output": ClearOutput,
    "execute_reply": OkReply | ErrorReply,
    "input_request": InputRequest,
    "comm_open": CommOpen,
    "comm_msg": CommData,
    "comm_close": CommData,
}
REPLIES: dict[str, Any] = {
    "complete": CompleteReply,
    "inspect": InspectReply,
    "probe": ProbeReply,
    "comm_info": CommInfoReply,
}


def check(msg_type: str, untrusted_json: bytes) -> Any:
    """Return the content of a kernel's message as plain values. Raises KernelProtocolError."""
    shape = SHAPES.get(msg_type)
    if shape is None:
        raise KernelProtocolError(f"a message of the unknown type {printable(msg_type)!r}")
    envelope_depth = REPLY_ENVELOPE_DEPTH if msg_type == "execute_reply" else ENVELOPE_DEPTH
    return _convert(decode(untrusted_json, JSON_DEPTH_MAX + envelope_depth), shape, msg_type)


def check_introspect_reply(kind: str, untrusted_json: bytes) -> bytes:
    """Return the content of a reply to an introspection, written anew. Raises KernelProtocolError."""
    return msgspec.json.encode(_convert(decode(untrusted_json), REPLIES[kind], f"{kind}_reply"))


def decode_object(untrusted_json: bytes) -> dict[str, Any]:
    """Return a JSON object of no particular shape. Raises KernelProtocolError."""
    value = decode(untrusted_json)
    if not isinstance(value, dict):
        raise KernelProtocolError("metadata that are not a JSON object")
    return value


def decode(untrusted_json: bytes, depth_max: int = JSON_DEPTH_MAX) -> Any:
    """Return the plain values of a JSON text: UTF-8, without NaN, at most so deep. Raises KernelProtocolError."""
    try:
        value = _decoder.decode(untrusted_json)
    except (msgspec.DecodeError, ValueError, RecursionError) as error:
        raise KernelProtocolError(f"a text that is not JSON: {error}") from error
    if nests_deeper(untrusted_json, depth_max):
        raise KernelProtocolError(f"JSON that nests deeper than {depth_max}")
    return value


def _float(untrusted_text: str) -> float:
    # By itself the decoder takes 20 µs for numbers like 9e307, a hundred times what Python takes.
    value = float(untrusted_text)
    if not isfinite(value):
        raise ValueError("a number that is out of range")
    return value


_decoder = msgspec.json.Decoder(float_hook=_float)


def _convert(value: Any, shape: Any, msg_type: str) -> Any:
    try:
        msgspec.convert(value, shape)
    except msgspec.ValidationError as error:
        raise KernelProtocolError(f"a {msg_type} whose content is not right: {error}") from error
    return value
