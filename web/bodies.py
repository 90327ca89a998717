"""Request bodies: one strict struct for each, read in one place.

A body is UTF-8 JSON without duplicate keys, lone surrogates or numbers that JSON does not have; its fields have exactly
the types that the struct says, and no others come with them.
"""

from __future__ import annotations

import json
import math
import re
from typing import Annotated, Any, Literal, TypeVar

import msgspec
from flask import Response, request
from msgspec import UNSET, Meta, Struct, UnsetType
from werkzeug.exceptions import HTTPException

from web.context import here
from web.problems import refuse

JSON_TYPES = ("application/json", "text/plain")  # text/plain: what fetch sends for a string, without a CORS preflight
DRAINED_BYTES = 64 << 10
DEPTH_MAX = 100  # of arrays and objects in each other: far below what Python's parser and writer can take
DIGITS_MAX = 300  # of one number; longer ones only cost time
_SURROGATE = re.compile(rb"\\u[dD][89a-fA-F]")


class CommMessage(Struct, forbid_unknown_fields=True):
    """A comm message for the session's kernel; ``buffers`` are base64."""

    msg_type: Literal["comm_open", "comm_msg", "comm_close"]
    content: dict[str, Any]
    metadata: dict[str, Any] = {}
    buffers: Annotated[list[bytes], Meta(max_length=64)] = []


class NewComputation(Struct, forbid_unknown_fields=True):
    """Code to run, or a comm message for a session's kernel.

    ``keep``: leave the session alive for further computations. ``stdin``: the code may ask with input().
    ``language``: "python", or that of the session. ``user_expressions``: evaluated after the code, by name, for its
    ``execute_reply``.
    """

    code: str | UnsetType = UNSET
    language: str | UnsetType = UNSET
    session: str | None = None
    keep: bool = False
    stdin: bool = True
    message: CommMessage | UnsetType = UNSET
    user_expressions: dict[str, str] = {}


class InputValue(Struct, forbid_unknown_fields=True):
    """The answer to the question that the code asks."""

    value: str


class CodeAtCursor(Struct, forbid_unknown_fields=True):
    """Code and the cursor in it, counted in characters (Unicode code points); ``language`` for a fresh namespace."""

    code: str
    cursor_pos: Annotated[int, Meta(ge=0)]
    language: str | UnsetType = UNSET


class CodeToInspect(CodeAtCursor, forbid_unknown_fields=True):
    """The same for inspection; ``detail_level`` 1 asks for the source too."""

    detail_level: Annotated[int, Meta(ge=0, le=1)] = 0


class NewPermalink(Struct, forbid_unknown_fields=True):
    """Code to keep under a short address."""

    code: str
    language: str = "python"


Body = TypeVar("Body")


def read(body_type: type[Body]) -> Body:
    """Return the request's body as this struct. Raises Problem, which names the field."""
    if request.mimetype and request.mimetype not in JSON_TYPES and not request.mimetype.endswith("+json"):
        refuse(415, "The body has to be JSON (`Content-Type: application/json`).")
    value = _json(_bytes())
    try:
        return msgspec.convert(value, body_type)
    except msgspec.ValidationError as error:
        refuse(400, f"The body is not right: {error}.")


def check_code(code: str, field: str = "code") -> str:
    """Return code that a kernel can take. Raises Problem: a NUL character, or more bytes of UTF-8 than allowed."""
    bytes_max = here().settings.code_bytes_max
    if "\0" in code:
        refuse(400, f"`{field}` has a NUL character, which no program may contain.")
    if len(code.encode()) > bytes_max:
        refuse(413, f"`{field}` is longer than {bytes_max} bytes of UTF-8.")
    return code


def check_expressions(expressions: dict[str, str]) -> dict[str, str]:
    """Return expressions that a kernel can take. Raises Problem: too many of them, a NUL character, too many bytes."""
    most = here().settings.user_expressions_max
    if len(expressions) > most:
        refuse(413, f"`user_expressions` has more than {most} expressions.")
    check_code("".join(text for item in expressions.items() for text in item), "user_expressions")
    return expressions


def comm_message(message: CommMessage) -> dict[str, Any]:
    """Return the comm message as the store takes it."""
    return msgspec.structs.asdict(message)


def check_length_is_said() -> None:
    """Refuse a body of unknown length, which WSGI would show as an empty one. Raises Problem."""
    chunked = "chunked" in request.headers.get("Transfer-Encoding", "").lower()
    if chunked and request.content_length is None and not request.environ.get("wsgi.input_terminated"):
        refuse(411, "A request with a body has to say its length.")


def drain(response: Response) -> Response:
    """Read what the view left of the body: nginx takes an answer for lost when its own sending is cut."""
    try:
        while request.stream.read(DRAINED_BYTES):
            pass
    except (HTTPException, OSError):
        pass  # larger than allowed, or the client has gone
    return response


def _bytes() -> bytes:
    check_length_is_said()
    bytes_max = here().settings.wall_frame_bytes_max  # what a message for a kernel may weigh further on
    if (request.content_length or 0) > bytes_max:
        refuse(413, f"The body is longer than {bytes_max} bytes.")
    return request.get_data(cache=False)


def _json(untrusted_bytes: bytes) -> Any:
    try:
        text = untrusted_bytes.decode()
    except UnicodeDecodeError:
        refuse(400, "The body is not UTF-8.")
    try:
        value = json.loads(
            text, object_pairs_hook=_object, parse_constant=_constant, parse_float=_float, parse_int=_int
        )
        if _SURROGATE.search(untrusted_bytes):
            json.dumps(value, ensure_ascii=False).encode()
    except json.JSONDecodeError as error:
        refuse(400, f"The body is not JSON: {error.msg} at line {error.lineno}, column {error.colno}.")
    except RecursionError:
        refuse(400, "The body is nested too deeply.")
    except UnicodeEncodeError:
        refuse(400, "The body has half of a surrogate pair, which is no character.")
    if text.count("[") + text.count("{") > DEPTH_MAX and _is_deep(value):
        refuse(400, f"The body is nested too deeply: more than {DEPTH_MAX} levels.")
    return value


def _is_deep(value: Any) -> bool:
    level = [value]
    for _ in range(DEPTH_MAX + 1):
        containers = [found for found in level if isinstance(found, (dict, list))]
        level = [inner for found in containers for inner in (found.values() if isinstance(found, dict) else found)]
        if not containers:
            return False
    return True


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    value = dict(pairs)
    if len(value) < len(pairs):
        seen: set[str] = set()
        twice = next(name for name, _ in pairs if name in seen or seen.add(name))  # type: ignore[func-returns-value]
        refuse(400, f"The body gives {json.dumps(twice[:100])} more than once.")
    return value


def _constant(name: str) -> Any:
    refuse(400, f"The body has {name}, which JSON does not have.")


def _float(digits: str) -> float:
    value = float(digits)
    if not math.isfinite(value):
        refuse(400, "The body has a number that is too large.")
    return value


def _int(digits: str) -> int:
    if len(digits) > DIGITS_MAX:
        refuse(400, "The body has a number that is too large.")
    return int(digits)
