"""Answers with messages whose buffers are long: as multipart/form-data, buffers as they are, for who asks for that.

In JSON they are base64: a third more bytes, which proxies take long to compress.
"""

from __future__ import annotations

import secrets
from collections.abc import Sequence
from typing import TypeVar

import msgspec
from flask import Response
from msgspec import Raw, Struct

from web.forms import BUFFER, MEDIA_TYPE
from web.parameters import BUFFERS
from web.responses import MessagesAnswer, SubmittedAnswer, json_answer

ANSWER = "answer"  # the part that has the rest, as JSON
BASE64_CHARS_MIN = 32 << 10  # of buffers; fewer cost less than a form
_MARK = b',"buffers":['
_PART = b'--%b\r\nContent-Disposition: form-data; name="%b"%b\r\n\r\n%b\r\n'
_FILE = b'; filename="buffer"\r\nContent-Type: application/octet-stream'
Answer = TypeVar("Answer", SubmittedAnswer, MessagesAnswer)


class _Stored(Struct):
    """A message as the store has it; ``buffers`` are base64 there."""

    channel: Raw
    header: Raw
    parent_header: Raw
    metadata: Raw
    content: Raw
    sequence: Raw
    attempt: Raw
    buffers: list[bytes] = []


class _Counted(Struct):
    """The same, with the number of its buffers."""

    channel: Raw
    header: Raw
    parent_header: Raw
    metadata: Raw
    content: Raw
    sequence: Raw
    attempt: Raw
    buffers: int


def messages_answer(answer: Answer, status: int = 200, location: str | None = None) -> Response:
    """Return the response that carries an answer with messages, in parts where that was asked for and is worth it."""
    messages = answer.messages if isinstance(answer.messages, list) else []
    if BUFFERS.read() is None or not any(map(_is_worth_it, messages)):
        return json_answer(answer, status, location)
    buffers: list[bytes] = []
    rest = [_counted(message, buffers) for message in messages]
    whole = msgspec.json.encode(msgspec.structs.replace(answer, messages=rest))
    response = json_answer(msgspec.structs.replace(answer, messages=[]), status, location)
    boundary = secrets.token_hex(16).encode()
    response.data = _form(boundary, whole, buffers)
    response.content_type = f"{MEDIA_TYPE}; boundary={boundary.decode()}"
    return response


def _is_worth_it(message: Raw) -> bool:
    text = bytes(message)
    return len(text) > BASE64_CHARS_MIN and _MARK in text


def _counted(message: Raw, buffers: list[bytes]) -> Raw:
    """Return a message with the number of its buffers in their place, which are put behind the others."""
    if _MARK not in bytes(message):
        return message
    found = msgspec.json.decode(message, type=_Stored)
    if not found.buffers:  # the words stand in its content
        return message
    buffers += found.buffers
    fields = {name: getattr(found, name) for name in _Counted.__struct_fields__}
    return Raw(msgspec.json.encode(_Counted(**{**fields, "buffers": len(found.buffers)})))


def _form(boundary: bytes, answer: bytes, buffers: Sequence[bytes]) -> bytes:
    parts = [_PART % (boundary, ANSWER.encode(), b"", answer)]
    parts += [_PART % (boundary, BUFFER.encode(), _FILE, buffer) for buffer in buffers]
    return b"".join([*parts, b"--%b--\r\n" % boundary])
