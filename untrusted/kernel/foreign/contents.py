"""Makes of what a kernel says the contents that are passed on: the fields of Jupyter's specification, and no others."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from untrusted.kernel.json_clean import Json, clean_bundle, clean_object, clean_payloads, clean_values, valid_text
from wire import BUFFERS_MAX

MATCHES_MAX = 1000
COUNT_MAX = 1 << 53  # of an execution_count: what every reader of JSON takes
STOPPED: dict[str, Json] = {
    "ename": "KeyboardInterrupt",
    "evalue": "",
    "traceback": ["KeyboardInterrupt: the cell was stopped"],
}


class UnfitMessageError(ValueError):
    """A message has no place in an output; the text says why, for the reader."""


def execution(
    code: str, stdin: bool = False, expressions: Mapping[str, str] | None = None, is_silent: bool = False
) -> dict[str, Any]:
    """Return the content of an execute_request. ``is_silent``: it is no cell, and nothing is said of it."""
    return {
        "code": code,
        "silent": is_silent,
        "store_history": not is_silent,
        "user_expressions": dict(expressions or {}),
        "allow_stdin": stdin,
        "stop_on_error": True,
    }


def count_of(content: Mapping[str, Any], otherwise: int) -> int:
    """Return the number of the cell that a message names."""
    count = content.get("execution_count")
    return count if type(count) is int and abs(count) <= COUNT_MAX else otherwise


def fit(msg_type: str, content: dict[str, Any], count: int) -> tuple[dict[str, Json], list[str]] | None:
    """Return the content to be passed on, and sentences about parts that were left out; None for other types.

    ``count``: the number of the cell. Raises UnfitMessageError.
    """
    if msg_type in ("display_data", "update_display_data", "execute_result"):
        return _display(msg_type, content, count)
    if msg_type == "error":
        return error(content), []
    if msg_type == "clear_output":
        return {"wait": bool(content.get("wait"))}, []
    if msg_type in ("comm_open", "comm_msg", "comm_close"):
        return _comm(msg_type, content), []
    return None


def error(content: Mapping[str, Any]) -> dict[str, Json]:
    """Return the content of an error."""
    lines = content.get("traceback")
    return {
        "ename": _text(content.get("ename")) or "Error",
        "evalue": _text(content.get("evalue")),
        "traceback": [_text(line) for line in lines] if isinstance(lines, list) else [],
    }


def reply(content: Mapping[str, Any], count: int, failure: dict[str, Json] | None) -> dict[str, Json]:
    """Return the content of an execute_reply. ``failure``: the error that was sent, if any."""
    values = content.get("user_expressions")
    rest: dict[str, Json] = {
        "execution_count": count_of(content, count),
        "user_expressions": clean_values(_objects(values)) if isinstance(values, dict) else {},
        "payload": clean_payloads([made for payload in payloads(content) if (made := _payload(payload))]),
    }
    if content.get("status") == "ok" and failure is None:
        return {"status": "ok", **rest}
    return {"status": "error", **rest, **(failure or error(content))}


def payloads(content: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Return the payloads of an execute_reply."""
    found = content.get("payload")
    return [payload for payload in found if isinstance(payload, dict)] if isinstance(found, list) else []


def buffers_of(buffers: list[bytes]) -> list[bytes]:
    """Return the buffers of a comm message. Raises UnfitMessageError."""
    if len(buffers) > BUFFERS_MAX:
        raise UnfitMessageError(f"A message was left out: it has {len(buffers)} buffers; {BUFFERS_MAX} are allowed.")
    return buffers


def completions(content: Mapping[str, Any], cursor_pos: int) -> dict[str, Json]:
    """Return the content of a complete_reply; nothing is offered where the kernel has none."""
    matches = content.get("matches")
    start, end = content.get("cursor_start"), content.get("cursor_end")
    texts: list[Json] = [_text(match) for match in matches[:MATCHES_MAX]] if isinstance(matches, list) else []
    sound = type(start) is int and type(end) is int and 0 <= start <= end
    return {
        "status": "ok",
        "matches": texts if sound else [],
        "cursor_start": start if sound else cursor_pos,
        "cursor_end": end if sound else cursor_pos,
        "metadata": clean_object(content.get("metadata")) if sound else {},
    }


def inspection(content: Mapping[str, Any]) -> dict[str, Json]:
    """Return the content of an inspect_reply."""
    data, _complaints = clean_bundle(content.get("data") or {})
    found = bool(content.get("found")) and bool(data)
    return {"status": "ok", "found": found, "data": clean_object(data) if found else {}, "metadata": {}}


def _payload(payload: dict[str, Any]) -> dict[str, Any] | None:
    """Return a text for the pager or for the next cell; None for what no page obeys."""
    source = payload.get("source")
    if source == "page":
        data, _complaints = clean_bundle(payload.get("data"))
        return {"source": source, "data": data, "start": 0}
    if source == "set_next_input" and isinstance(payload.get("text"), str):
        return {"source": source, "text": payload["text"], "replace": bool(payload.get("replace"))}
    return None


def _display(msg_type: str, content: dict[str, Any], count: int) -> tuple[dict[str, Json], list[str]] | None:
    data, complaints = clean_bundle(content.get("data"))
    if not data:
        if complaints:
            raise UnfitMessageError(" ".join(complaints))
        return None
    made: dict[str, Json] = {"data": clean_object(data), "metadata": clean_object(content.get("metadata"))}
    transient = content.get("transient")
    named = _text(transient.get("display_id")) if isinstance(transient, dict) else ""
    if msg_type == "execute_result":
        made["execution_count"] = count_of(content, count)
    elif msg_type == "update_display_data" and not named:
        raise UnfitMessageError("An output was left out: it changes a display and does not say which.")
    if named:
        made["transient"] = {"display_id": named}
    return made, complaints


def _comm(msg_type: str, content: dict[str, Any]) -> dict[str, Json]:
    made: dict[str, Json] = {"comm_id": _text(content.get("comm_id")), "data": clean_object(content.get("data") or {})}
    if msg_type == "comm_open":
        made["target_name"] = _text(content.get("target_name"))
        if isinstance(content.get("target_module"), str):
            made["target_module"] = valid_text(content["target_module"])
    return made


def _objects(values: dict[str, Any]) -> dict[str, dict[str, Any]]:
    return {name: value for name, value in values.items() if isinstance(value, dict)}


def _text(value: object) -> str:
    if value is None:
        return ""
    return valid_text(value if isinstance(value, str) else str(value))
