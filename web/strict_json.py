"""JSON into structs, by code that is linear for every input; what msgspec lets pass is refused here.

msgspec knows types, unknown fields, syntax and UTF-8. It lets pass a key given twice, numbers of any length, and any
depth that Python's stack takes. A table of the dearest texts is in ``tests/web/test_strict_json.py``.
"""

from __future__ import annotations

import gc
import json
import math
import re
from collections.abc import Hashable, Iterator
from contextlib import contextmanager
from functools import cache
from itertools import accumulate
from typing import Any, TypeVar, cast

import msgspec
from msgspec import UNSET, Raw, Struct, UnsetType

from web.problems import refuse

DEPTH_MAX = 100  # of arrays and objects in each other: far below what Python's parser and writer can take
DIGITS_MAX = 300  # of one number; longer ones only cost time
# The end is optional, so that no search fails: one that did would begin again at the next quotation mark.
_STRING = re.compile(rb'"(?:[^"\\]+|\\.)*"?', re.DOTALL)
_SURROGATE = re.compile(rb"\\u[dD][89a-fA-F]")
# Opening brackets as 1, closing ones as -1: signed bytes.
_STEPS = bytes.maketrans(b"[{]}", b"\x01\x01\xff\xff")
_NO_BRACKETS = bytes(set(range(256)) - set(b"[{]}"))

Body = TypeVar("Body")


class _Texts(Struct):
    """Those fields of a comm message that may hold any JSON, not looked into."""

    content: Raw | UnsetType = UNSET
    metadata: Raw | UnsetType = UNSET


class _Peeked(Struct):
    """A body, of which only the length of these texts is asked."""

    message: _Texts | UnsetType = UNSET


def decode(untrusted_bytes: bytes, body_type: type[Body], text_bytes_max: int) -> Body:
    """Return the body as this struct. ``text_bytes_max``: of `content` and `metadata` of a message. Raises Problem."""
    try:
        untrusted_bytes.decode()
    except UnicodeDecodeError:
        refuse(400, "The body is not UTF-8.")
    _check_depth(untrusted_bytes)
    _check_texts(untrusted_bytes, text_bytes_max)
    with _no_collections():
        try:
            # Its own reading of some numbers takes 18 µs for each: 9e307.
            body: Body = _decoder(cast(Hashable, body_type)).decode(untrusted_bytes)
        except msgspec.ValidationError as error:
            refuse(400, f"The body is not right: {error}.")
        except (msgspec.DecodeError, RecursionError) as error:
            refuse(400, _why_not_json(untrusted_bytes, str(error)))
        _check_strictly(untrusted_bytes.decode())
    return body


@cache
def _decoder(body_type: Any) -> msgspec.json.Decoder[Any]:
    return msgspec.json.Decoder(body_type, float_hook=_float)


def _check_depth(untrusted_bytes: bytes) -> None:
    if untrusted_bytes.count(b"[") + untrusted_bytes.count(b"{") <= DEPTH_MAX:
        return
    steps = memoryview(_STRING.sub(b"", untrusted_bytes).translate(_STEPS, _NO_BRACKETS)).cast("b")
    if max(accumulate(steps), default=0) > DEPTH_MAX:
        refuse(400, f"The body is nested too deeply: more than {DEPTH_MAX} levels.")


def _check_texts(untrusted_bytes: bytes, bytes_max: int) -> None:
    try:
        message = msgspec.json.decode(untrusted_bytes, type=_Peeked).message
    except (msgspec.MsgspecError, RecursionError):
        return  # the whole decoding says why
    for name in ("content", "metadata"):
        text = getattr(message, name, UNSET)
        if isinstance(text, Raw) and len(memoryview(text)) > bytes_max:
            refuse(413, f"`message.{name}` is longer than {bytes_max} bytes of JSON; more has to go into `buffers`.")


def _check_strictly(text: str) -> None:
    try:
        value = json.loads(
            text, object_pairs_hook=_object, parse_constant=_constant, parse_float=_float, parse_int=_int
        )
        if _SURROGATE.search(text.encode()):
            json.dumps(value, ensure_ascii=False).encode()
    except (json.JSONDecodeError, RecursionError) as error:
        refuse(400, f"The body is not JSON: {error}.")
    except UnicodeEncodeError:
        refuse(400, "The body has half of a surrogate pair, which is no character.")


def _why_not_json(untrusted_bytes: bytes, reason: str) -> str:
    try:
        json.loads(untrusted_bytes, parse_constant=_constant)
    except json.JSONDecodeError as error:
        return f"The body is not JSON: {error.msg} at line {error.lineno}, column {error.colno}."
    except (ValueError, RecursionError):
        pass
    if _SURROGATE.search(untrusted_bytes):
        return "The body has half of a surrogate pair, which is no character."
    return f"The body is not JSON: {reason}."


@contextmanager
def _no_collections() -> Iterator[None]:
    """Keep the collector from walking, again and again, what is just being made: that is not linear."""
    was_enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was_enabled:
            gc.enable()


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
