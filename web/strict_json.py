"""Decodes JSON into structs, in linear time for every input.

msgspec refuses wrong types, unknown fields and wrong syntax. What it lets pass is refused here: a key that is given
twice, numbers that are too long or too large, depth, and wrong UTF-8 where it does not look. The texts that cost most
are in ``tests/web/test_strict_json.py``.
"""

from __future__ import annotations

import gc
import json
import math
import re
from collections.abc import Hashable, Iterator
from contextlib import contextmanager
from functools import cache
from typing import Any, NoReturn, TypeVar, cast

import msgspec
from msgspec import UNSET, Raw, Struct, UnsetType

from contract import nests_deeper
from web.problems import refuse

DEPTH_MAX = 100  # of arrays and objects in each other; Python's parser and writer can take far more
DIGITS_MAX = 300  # of one number; a longer one only costs time
_SURROGATE = re.compile(rb"\\u[dD][89a-fA-F]")
Body = TypeVar("Body")


class _Texts(Struct):
    """The fields of a comm message that may hold any JSON, undecoded."""

    content: Raw | UnsetType = UNSET
    metadata: Raw | UnsetType = UNSET


class _Peeked(_Texts):
    """A body, of which only the length of these texts is looked at, or a message that is a body by itself."""

    message: _Texts | UnsetType = UNSET
    user_expressions: Raw | UnsetType = UNSET


def decode(
    untrusted_bytes: bytes, body_type: type[Body], text_bytes_max: int, expressions_bytes_max: int
) -> Body:
    """Return the body as this struct. Raises ProblemError.

    ``text_bytes_max``: the bound of `content` and of `metadata` of a message, as JSON. ``expressions_bytes_max``: that
    of `user_expressions`.
    """
    try:
        untrusted_bytes.decode()
    except UnicodeDecodeError:
        refuse(400, "The body is not UTF-8.")
    _check_depth(untrusted_bytes)
    _check_texts(untrusted_bytes, text_bytes_max, expressions_bytes_max)
    with _no_collections():
        try:
            # With a hook for floats, because msgspec's own reading of some (9e307) takes 18 µs for each.
            body: Body = _decoder(cast(Hashable, body_type)).decode(untrusted_bytes)
        except msgspec.ValidationError as error:
            refuse(400, f"The body is not right: {error}.")
        except msgspec.DecodeError as error:
            refuse(400, _why_not_json(untrusted_bytes, str(error)))
        json.loads(untrusted_bytes, object_pairs_hook=_check_keys, parse_int=_check_digits)
    return body


@cache
def _decoder(body_type: Any) -> msgspec.json.Decoder[Any]:
    return msgspec.json.Decoder(body_type, float_hook=_finite_float)


def _check_depth(untrusted_bytes: bytes) -> None:
    if nests_deeper(untrusted_bytes, DEPTH_MAX):
        refuse(400, f"The body is nested too deeply: more than {DEPTH_MAX} levels.")


def _check_texts(untrusted_bytes: bytes, bytes_max: int, expressions_bytes_max: int) -> None:
    try:
        body = msgspec.json.decode(untrusted_bytes, type=_Peeked)
    except msgspec.MsgspecError:
        return  # decoding the whole body says why
    # In these, many small values can be dear; the rest of a body is a few long texts.
    if isinstance(body.user_expressions, Raw) and len(memoryview(body.user_expressions)) > expressions_bytes_max:
        refuse(413, f"`user_expressions` is longer than {expressions_bytes_max} bytes of JSON.")
    for place, found in (("message.", body.message), ("", body)):
        for name in ("content", "metadata"):
            text = getattr(found, name, UNSET)
            if isinstance(text, Raw) and len(memoryview(text)) > bytes_max:
                said = f"`{place}{name}` is longer than {bytes_max} bytes of JSON; more has to go into `buffers`."
                refuse(413, said)


def _why_not_json(untrusted_bytes: bytes, reason: str) -> str:
    try:
        json.loads(untrusted_bytes, parse_constant=_refuse_constant)
    except json.JSONDecodeError as error:
        return f"The body is not JSON: {error.msg} at line {error.lineno}, column {error.colno}."
    except ValueError:
        pass  # a number that is too long for Python
    if _SURROGATE.search(untrusted_bytes):
        return "The body has half of a surrogate pair, which is no character."
    return f"The body is not JSON: {reason}."


@contextmanager
def _no_collections() -> Iterator[None]:
    """Keep the garbage collector from walking the growing values again and again, which is not linear."""
    was_enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was_enabled:
            gc.enable()


def _check_keys(pairs: list[tuple[str, Any]]) -> None:
    if len(dict(pairs)) < len(pairs):
        seen: set[str] = set()
        twice = next(name for name, _ in pairs if name in seen or seen.add(name))  # type: ignore[func-returns-value]
        refuse(400, f"The body gives {json.dumps(twice[:100])} more than once.")


def _refuse_constant(name: str) -> NoReturn:
    refuse(400, f"The body has {name}, which JSON does not have.")


def _finite_float(digits: str) -> float:
    value = float(digits)
    if not math.isfinite(value):
        refuse(400, "The body has a number that is too large.")
    return value


def _check_digits(digits: str) -> None:
    if len(digits) > DIGITS_MAX:
        refuse(400, "The body has a number that is too large.")
