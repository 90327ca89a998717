"""Makes valid JSON of whatever the reader's objects say about themselves."""

from __future__ import annotations

import base64
import json
import math
from collections.abc import Mapping
from typing import Any

from contract import JSON_DEPTH_MAX

Json = None | bool | int | float | str | list[Any] | dict[str, Any]

BUNDLE_CHARS_MAX = 6 << 20  # of one message: together with its envelope it stays below the longest frame
# Of the values and of the payloads in a reply, as they are written: with its error it stays below the longest frame.
REPLY_PART_BYTES_MAX = 3 << 20
BASE64_TYPES = frozenset({"image/png", "image/jpeg", "image/gif", "image/webp", "application/pdf"})
_SAFE_INTEGER = 1 << 63  # beyond it, readers of JSON disagree


class UnfitError(ValueError):
    """A value that has no place in a message; the text says why, for the reader."""


def valid_text(text: str) -> str:
    """Return the text as UTF-8 can hold it: pairs of surrogates joined, lone ones replaced."""
    if text.isascii():
        return text
    try:
        text.encode()
        return text
    except UnicodeEncodeError:
        return text.encode("utf-16", "surrogatepass").decode("utf-16", "replace")


def clean(value: object, depth: int = 0) -> Json:
    """Return a copy of the value that is JSON: no NaN, no bytes, no key but text. Raises UnfitError."""
    if value is None or isinstance(value, bool):
        return value
    if isinstance(value, str):
        return valid_text(str.__str__(value))
    if isinstance(value, int):
        return _number(int(value))
    if isinstance(value, float):
        return float(value) if math.isfinite(value) else None
    if isinstance(value, (bytes, bytearray, memoryview)):
        return base64.b64encode(value).decode()
    if depth >= JSON_DEPTH_MAX:
        raise UnfitError(f"it is nested more than {JSON_DEPTH_MAX} levels deep")
    if isinstance(value, Mapping):
        return {_key(key): clean(item, depth + 1) for key, item in value.items()}
    if isinstance(value, (list, tuple, set, frozenset)):
        return [clean(item, depth + 1) for item in value]
    return _foreign(value, depth)


def clean_bundle(bundle: object) -> tuple[dict[str, Json], list[str]]:
    """Return the parts of a MIME bundle that are fit to be sent, and a sentence for each that is not."""
    if not isinstance(bundle, Mapping):
        return {}, [f"An output was left out: its MIME bundle is of type {type(bundle).__name__}; a dict is needed."]
    fit: dict[str, Json] = {}
    complaints = []
    left = BUNDLE_CHARS_MAX
    for mime, value in bundle.items():
        try:
            if not isinstance(mime, str):
                raise UnfitError(f"its MIME type is of type {type(mime).__name__}; text is needed")
            if not mime.strip():
                raise UnfitError("its MIME type is empty")
            part = clean(value)
            if not (isinstance(part, str) or _is_json(mime)):
                raise UnfitError(f"a {type(value).__name__} stands where text or bytes are needed")
            if mime in BASE64_TYPES and isinstance(value, str) and not _is_base64(value):
                raise UnfitError("its text is not base64")
            size = _chars(part)
            if size > left:
                raise UnfitError(f"it has {size} characters; {left} of the {BUNDLE_CHARS_MAX} of one output are left")
        except Exception as error:  # noqa: BLE001 - the reader's classes may raise anything
            why = error if isinstance(error, UnfitError) else type(error).__name__
            complaints.append(f"The {valid_text(str(mime)[:100])!r} part of an output was left out: {why}.")
        else:
            left -= size
            fit[valid_text(mime)] = part
    return fit, complaints


def clean_object(value: object) -> dict[str, Json]:
    """Return the value as a JSON object; an empty one when it is none."""
    try:
        cleaned = clean(value)
    except Exception:  # noqa: BLE001 - as above
        return {}
    return cleaned if isinstance(cleaned, dict) else {}


def clean_payloads(payloads: object) -> list[Json]:
    """Return the payloads of a reply that are JSON objects with a source, as long as there is room for them."""
    fit: list[Json] = []
    left = REPLY_PART_BYTES_MAX
    for payload in payloads if isinstance(payloads, list) else ():
        cleaned = clean_object(payload)
        left -= _bytes(cleaned)
        if left >= 0 and isinstance(cleaned.get("source"), str):
            fit.append(cleaned)
    return fit


def clean_values(values: Mapping[str, Mapping[str, Any]]) -> dict[str, Json]:
    """Return the values of ``user_expressions`` as a reply has them; where there is no room for one, it says so."""
    fit: dict[str, Json] = {}
    left = REPLY_PART_BYTES_MAX
    for name, value in values.items():
        cleaned = _clean_value(value)
        size = _bytes(cleaned)
        if size > left:
            cleaned = _no_value("OutputLimit", f"it has {size} bytes; {left} of the {REPLY_PART_BYTES_MAX} are left")
        else:
            left -= size
        fit[valid_text(name)] = cleaned
    return fit


def _clean_value(found: Mapping[str, Any]) -> dict[str, Json]:
    if found.get("status") == "ok":
        data, complaints = clean_bundle(found.get("data"))
        if data or not complaints:
            return {"status": "ok", "data": data, "metadata": clean_object(found.get("metadata"))}
        return _no_value("TypeError", " ".join(complaints))
    lines = found.get("traceback")
    traceback = [valid_text(str(line)) for line in lines] if isinstance(lines, list) else []
    name, text = (valid_text(str(found.get(key, ""))) for key in ("ename", "evalue"))
    return {**_no_value(name, text), "traceback": traceback}


def _no_value(ename: str, evalue: str) -> dict[str, Json]:
    return {"status": "error", "ename": ename, "evalue": evalue, "traceback": []}


def _bytes(value: Json) -> int:
    return len(json.dumps(value, ensure_ascii=False, separators=(",", ":")).encode("utf-8", "replace"))


def _is_base64(text: str) -> bool:
    try:
        base64.b64decode("".join(text.split()), validate=True)
    except ValueError:
        return False
    return True


def _is_json(mime: str) -> bool:
    kind = mime.partition(";")[0].strip()
    return kind == "application/json" or kind.endswith("+json")


def _key(key: object) -> str:
    if isinstance(key, str):
        return valid_text(str.__str__(key))
    if key is None or isinstance(key, (bool, int, float)):
        return str(key)
    raise UnfitError(f"a key is of type {type(key).__name__}; text is needed")


def _number(number: int) -> int | float | None:
    if -_SAFE_INTEGER <= number < _SAFE_INTEGER:
        return number
    try:
        return float(number)
    except OverflowError:
        return None


def _foreign(value: object, depth: int) -> Json:
    # NumPy's and pandas' values say themselves what they are in Python; others are no JSON.
    tolist = getattr(value, "tolist", None)
    if callable(tolist) and type(value).__module__.partition(".")[0] in ("numpy", "pandas"):
        return clean(tolist(), depth + 1)
    raise UnfitError(f"a {type(value).__name__} is no JSON value")


def _chars(value: Json) -> int:
    if isinstance(value, str):
        return len(value)
    if isinstance(value, dict):
        return sum(len(key) + _chars(item) + 4 for key, item in value.items())
    if isinstance(value, list):
        return sum(_chars(item) + 1 for item in value)
    return 20
