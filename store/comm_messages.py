"""Packs comm messages for the database: foreign JSON is stored as text.

As a document of MongoDB's it would have to keep bounds on depth, names and numbers that JSON does not have.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any


def pack_message(message: Mapping[str, Any] | None) -> dict[str, Any] | None:
    """Return a comm message as it is stored."""
    if message is None:
        return None
    return {
        "msg_type": message["msg_type"],
        "content": json_bytes(message["content"]),
        "metadata": json_bytes(message.get("metadata") or {}),
        "buffers": [bytes(buffer) for buffer in message.get("buffers") or ()],
    }


def unpack_message(stored: Mapping[str, Any] | None) -> dict[str, Any] | None:
    """Return the comm message that pack_message stored."""
    if stored is None:
        return None
    return {
        "msg_type": stored["msg_type"],
        "content": json.loads(stored["content"]),
        "metadata": json.loads(stored["metadata"]),
        "buffers": list(stored["buffers"]),
    }


def json_bytes(value: Any) -> bytes:
    """Return a foreign value as JSON text."""
    return json.dumps(value, ensure_ascii=False, separators=(",", ":")).encode()
