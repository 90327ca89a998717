"""Makes computations and comm messages of multipart/form-data: fields as in JSON, files, and buffers as they are."""

from __future__ import annotations

from contextlib import ExitStack
from typing import Any

import msgspec

from settings import Settings
from web import forms, request_schemas, strict_json
from web.forms import BUFFER, MESSAGE, Form, Stream, Uploads
from web.problems import refuse
from web.request_schemas import NO_NUL, CommMessage, ControlMessage, NewComputation

FIELDS = ("code", "language", "session", "keep", "stdin", "scheme", MESSAGE)
SCHEMES = ["light", "dark"]
_BOOLEANS = {b"true": True, b"false": False}
_BYTES = {"type": "array", "items": {"type": "string", "contentMediaType": "application/octet-stream"}}


def schema(body: type, settings: Settings) -> dict[str, object]:
    """Return the JSON Schema of the form that stands for a JSON body."""
    if body is ControlMessage:
        return {
            "type": "object",
            "required": [MESSAGE],
            "additionalProperties": False,
            "properties": {MESSAGE: {"$ref": "#/components/schemas/ControlMessage"}, BUFFER: _BYTES},
        }
    return {
        "type": "object",
        "required": ["code"],
        "additionalProperties": False,
        "properties": {
            "code": {"type": "string", "pattern": NO_NUL},
            "language": {"enum": list(settings.languages)},
            "session": {"type": "string"},
            "keep": {"enum": ["true", "false"]},
            "stdin": {"enum": ["true", "false"]},
            "scheme": {"enum": SCHEMES},
            "file": _BYTES,
        },
    }


def read_computation(
    stream: Stream, boundary: str, settings: Settings, closing: ExitStack
) -> tuple[NewComputation, Uploads]:
    """Return the fields and files of a body; ``closing`` closes the files. Raises ProblemError."""
    parts = forms.read(stream, boundary, settings, FIELDS, closing)
    body = msgspec.convert(_values(parts), NewComputation)
    if MESSAGE in parts.fields:
        body.message = _message(parts, CommMessage, settings)
    if parts.uploads if MESSAGE in parts.fields else parts.buffers:
        refuse(400, "Files go with `code`, and buffers with a `message`.")
    return body, parts.uploads


def read_message(stream: Stream, boundary: str, settings: Settings) -> ControlMessage:
    """Return a message of a control that came in parts. Raises ProblemError."""
    parts = forms.read(stream, boundary, settings, (MESSAGE,))
    if MESSAGE not in parts.fields:
        refuse(400, f"The body has to have the field `{MESSAGE}`.")
    return _message(parts, ControlMessage, settings)


def _message(parts: Form, kind: type[Any], settings: Settings) -> Any:
    text_bytes_max = request_schemas.message_text_bytes_max(settings)
    message = strict_json.decode(bytes(parts.fields[MESSAGE]), kind, text_bytes_max, text_bytes_max)
    message.buffers = [*message.buffers, *map(bytes, parts.buffers)]
    if len(message.buffers) > request_schemas.BUFFERS_MAX:
        refuse(400, f"A message has more than {request_schemas.BUFFERS_MAX} `buffers`.")
    return message


def _values(parts: Form) -> dict[str, object]:
    values: dict[str, object] = {}
    for name, untrusted_bytes in parts.fields.items():
        if name in ("keep", "stdin"):
            if bytes(untrusted_bytes) not in _BOOLEANS:
                refuse(400, f"`{name}` has to be true or false.")
            values[name] = _BOOLEANS[bytes(untrusted_bytes)]
        elif name != MESSAGE:
            try:
                values[name] = untrusted_bytes.decode()
            except UnicodeDecodeError:
                refuse(400, f"`{name}` is not UTF-8.")
    if values.get("scheme", "light") not in SCHEMES:
        refuse(400, "`scheme` has to be light or dark.")
    return values
