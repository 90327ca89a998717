"""Request bodies: one strict struct for each, read in one place.

A body's length is bounded before it is read; its fields have exactly the types that the struct says, and no others come
with them. ``strict_json`` says what else is refused.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Annotated, Any, Literal, NoReturn, TypeVar

import msgspec
from flask import Response, request
from msgspec import UNSET, Meta, Struct, UnsetType
from werkzeug.exceptions import ClientDisconnected, HTTPException

from settings import Settings
from web import strict_json
from web.connections import BODY_S, DRAIN_S, LEAST_RATE_BYTES_S, Kind
from web.context import connection, here
from web.problems import refuse

JSON_TYPES = ("application/json", "text/plain")  # text/plain: what fetch sends for a string, without a CORS preflight
PIECE_BYTES = 16 << 10
LATE = "The body of the request did not arrive, or too slowly."
JSON_ESCAPE_BYTES = 6  # of JSON for one byte of UTF-8 at worst: \u0001
JSON_REST_BYTES = 16 << 10  # for all that is not code, expressions or a message


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
    return strict_json.decode(_bytes(), body_type, message_text_bytes_max(here().settings))


def json_bytes_max(settings: Settings) -> int:
    """Return how long a JSON body may be: the longest code and the longest expressions at their worst, or a message."""
    code_and_expressions = 2 * JSON_ESCAPE_BYTES * settings.code_bytes_max
    longest: int = max(code_and_expressions, settings.message_bytes_max) + JSON_REST_BYTES
    return min(longest, settings.request_bytes_max)


def message_text_bytes_max(settings: Settings) -> int:
    """Return how long `content` and `metadata` of a comm message may be, each, as JSON; the rest is for buffers."""
    return int(min(JSON_ESCAPE_BYTES * settings.code_bytes_max, settings.message_bytes_max))


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


@contextmanager
def arriving() -> Iterator[None]:
    """Read the body in this block: it is cut when all of it takes too long, or when it is the slowest of too many."""
    within_s = BODY_S + (request.content_length or 0) / LEAST_RATE_BYTES_S
    with here().connections.being(connection(), Kind.BODY, within_s):
        yield


def read_piece(bytes_max: int) -> bytes:
    """Return some of the body, nothing at its end. Raises Problem: it was cut."""
    try:
        return request.stream.read(bytes_max)
    except ClientDisconnected:  # Werkzeug's word for every failure
        if connection().was_cut:
            refuse(408, LATE)
        raise


def read_form() -> None:
    """Read the body as a form, for ``request.values``; it may be as long as JSON. Raises Problem."""
    _check_length()
    try:
        with arriving():
            request.form  # noqa: B018 - Werkzeug reads it now
    except ClientDisconnected:
        if connection().was_cut:
            refuse(408, LATE)
        raise


def drain(response: Response) -> Response:
    """Read what the view left of the body: nginx takes an answer for lost when its own sending is cut."""
    if request.content_length:
        try:
            with here().connections.being(connection(), Kind.BODY, DRAIN_S):
                while request.stream.read(PIECE_BYTES):
                    pass
        except (HTTPException, OSError):
            pass  # larger than allowed, too slow, or the client has gone
    return response


def _bytes() -> bytes:
    bytes_max = _check_length()
    found = bytearray()
    with arriving():
        # A body in chunks does not say its length: it is cut at the bound.
        while len(found) <= bytes_max and (piece := read_piece(PIECE_BYTES)):
            found += piece
    if len(found) > bytes_max:
        _refuse_long(bytes_max)
    return bytes(found)


def _check_length() -> int:
    check_length_is_said()
    bytes_max = json_bytes_max(here().settings)
    if (request.content_length or 0) > bytes_max:
        _refuse_long(bytes_max)
    return bytes_max


def _refuse_long(bytes_max: int) -> NoReturn:
    refuse(413, f"The body is longer than {bytes_max} bytes, the most for one without files.")
