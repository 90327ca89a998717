"""Defines the bodies of requests, one strict struct for each, and reads a JSON body as such a struct.

A body has exactly the fields of its struct, with exactly their types. ``strict_json`` says what else is refused.
"""

from __future__ import annotations

from typing import Annotated, Any, Literal, TypeVar

import msgspec
from flask import request
from msgspec import UNSET, Meta, Struct, UnsetType

from settings import Settings
from web import request_body, strict_json
from web.context import here
from web.problems import refuse

JSON_TYPES = ("application/json", "text/plain")  # text/plain: what fetch sends for a string, without a CORS preflight
JSON_ESCAPE_BYTES = 6  # of JSON for one byte of UTF-8 at worst: \u0001
JSON_REST_BYTES = 16 << 10  # for all that is not code, expressions or a message


# openapi.json says it in this way; who does otherwise is answered with a sentence of ours.
NO_NUL = "^[^\\u0000]*$"
Source = Annotated[str, Meta(extra_json_schema={"pattern": NO_NUL})]

BASE64 = "^([A-Za-z0-9+/]{4})*([A-Za-z0-9+/]{2}(==|[A-Za-z0-9+/]=))?$"
Buffer = Annotated[bytes, Meta(extra_json_schema={"pattern": BASE64})]


COMM_ID_CHARS_MAX = 128
BUFFERS_MAX = 64  # of one message, as the wire has it
CONTROL_CONTENT = {
    "required": ["comm_id"],
    "properties": {
        "comm_id": {"type": "string", "minLength": 1, "maxLength": COMM_ID_CHARS_MAX},
        "data": {"type": "object"},
    },
}


class CommMessage(Struct, forbid_unknown_fields=True):
    """A comm message for the session's kernel; ``buffers`` are base64."""

    msg_type: Literal["comm_open", "comm_msg", "comm_close"]
    content: dict[str, Any]
    metadata: dict[str, Any] = {}
    buffers: Annotated[list[Buffer], Meta(max_length=BUFFERS_MAX)] = []


class ControlMessage(CommMessage):
    """A comm message of a control, whose ``comm_id`` names its model; ``buffers`` are base64."""

    content: Annotated[dict[str, Any], Meta(extra_json_schema=CONTROL_CONTENT)]


class NewComputation(Struct, forbid_unknown_fields=True):
    """Code to run, or a comm message for a session's kernel.

    ``keep``: leave the session alive for further computations. ``stdin``: the code may ask with input().
    ``language``: "python", or that of the session. ``user_expressions``: evaluated after the code, by name, for its
    ``execute_reply``. ``scheme``: what the page is that shows the figures, which then have its colours.
    """

    code: Source | UnsetType = UNSET
    language: str | UnsetType = UNSET
    session: str | None = None
    keep: bool = False
    stdin: bool = True
    message: CommMessage | UnsetType = UNSET
    user_expressions: dict[Source, Source] = {}
    scheme: Literal["light", "dark"] | UnsetType = UNSET


class InputValue(Struct, forbid_unknown_fields=True):
    """The answer to the question that the code asks."""

    value: Source


class CodeAtCursor(Struct, forbid_unknown_fields=True):
    """Code and the cursor in it, counted in characters (Unicode code points); ``language`` for a fresh namespace."""

    code: Source
    cursor_pos: Annotated[int, Meta(ge=0)]
    language: str | UnsetType = UNSET


class CodeToInspect(CodeAtCursor, forbid_unknown_fields=True):
    """The same for inspection; ``detail_level`` 1 asks for the source too."""

    detail_level: Annotated[int, Meta(ge=0, le=1)] = 0


class NewPermalink(Struct, forbid_unknown_fields=True):
    """Code to keep under a short address; ``setup`` is hidden and runs before it."""

    code: Source
    language: str = "python"
    setup: Source = ""


class NewCheck(Struct, forbid_unknown_fields=True):
    """The check of an exercise, code in the language of its answers."""

    source: Source
    language: str = "python"


class VerdictRequest(Struct, forbid_unknown_fields=True):
    """The id of the check that is to judge."""

    check: str


Body = TypeVar("Body")


def describe_rules(components: dict[str, Any], settings: Settings) -> None:
    """Put into the JSON Schemas of the bodies what holds between fields, and what the settings say."""
    for body in (NewComputation, CodeAtCursor, CodeToInspect, NewPermalink):
        components[body.__name__]["properties"]["language"]["enum"] = list(settings.languages)
    either = components[NewComputation.__name__]
    either["properties"]["user_expressions"]["maxProperties"] = settings.user_expressions_max
    of_message = {"session": {"type": "string"}, "user_expressions": {"type": "object", "maxProperties": 0}}
    components["NewCode"] = _without("message", either, ["code"], {})
    components["NewMessage"] = _without("code", either, ["message", "session"], of_message)
    components[NewComputation.__name__] = {
        "title": either["title"],
        "description": either["description"],
        "oneOf": [{"$ref": f"#/components/schemas/{name}"} for name in ("NewCode", "NewMessage")],
    }


def _without(field: str, schema: dict[str, Any], required: list[str], changes: dict[str, Any]) -> dict[str, Any]:
    properties = {name: found for name, found in schema["properties"].items() if name != field}
    return {
        "type": "object",
        "properties": {**properties, **changes},
        "required": required,
        "additionalProperties": False,
    }


def read(body_type: type[Body]) -> Body:
    """Return the request's body as this struct. Raises ProblemError, which names the field."""
    if request.mimetype and request.mimetype not in JSON_TYPES and not request.mimetype.endswith("+json"):
        refuse(415, "The body has to be JSON (`Content-Type: application/json`).")
    settings = here().settings
    untrusted_bytes = request_body.read_bytes(json_bytes_max(settings))
    expressions_bytes_max = JSON_ESCAPE_BYTES * settings.code_bytes_max + JSON_REST_BYTES
    return strict_json.decode(untrusted_bytes, body_type, message_text_bytes_max(settings), expressions_bytes_max)


def json_bytes_max(settings: Settings) -> int:
    """Return how long a JSON body may be: the longest code and the longest expressions at their worst, or a message."""
    code_and_expressions = 2 * JSON_ESCAPE_BYTES * settings.code_bytes_max
    longest: int = max(code_and_expressions, settings.message_bytes_max) + JSON_REST_BYTES
    return min(longest, settings.request_bytes_max)


def message_text_bytes_max(settings: Settings) -> int:
    """Return how long `content` and `metadata` of a comm message may be, each, as JSON; the rest is for buffers."""
    return int(min(JSON_ESCAPE_BYTES * settings.code_bytes_max, settings.message_bytes_max))


def check_code(code: str, field: str = "code") -> str:
    """Return code that a kernel can take. Raises ProblemError for a NUL character, or too many bytes of UTF-8."""
    bytes_max = here().settings.code_bytes_max
    if "\0" in code:
        refuse(400, f"`{field}` has a NUL character, which no program may contain.")
    if len(code.encode()) > bytes_max:
        refuse(413, f"`{field}` is longer than {bytes_max} bytes of UTF-8.", reason="code_long", bytes=bytes_max)
    return code


def check_expressions(expressions: dict[str, str]) -> dict[str, str]:
    """Return expressions that a kernel can take.

    Raises ProblemError for too many of them, a NUL character, or too many bytes.
    """
    most = here().settings.user_expressions_max
    if len(expressions) > most:
        refuse(413, f"`user_expressions` has more than {most} expressions.")
    check_code("".join(text for item in expressions.items() for text in item), "user_expressions")
    return expressions


def comm_message(message: CommMessage) -> dict[str, Any]:
    """Return the comm message as the store takes it."""
    return msgspec.structs.asdict(message)
