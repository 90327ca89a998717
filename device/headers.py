"""Headers of Jupyter messages: made here, never taken from the untrusted side."""

from __future__ import annotations

import json
from base64 import b64encode
from collections.abc import Sequence
from datetime import datetime, timezone
from typing import Any

from device.contents import CHANNELS

VERSION = "5.3"  # of the message spec


def text(session: str, parent: dict[str, Any], msg_type: str, content: Any, metadata: Any = None,
         buffers: Sequence[bytes] = ()) -> bytes:  # fmt: skip
    """Return a whole message as JSON text, but for ``sequence`` and ``attempt``, which the store gives."""
    message: dict[str, Any] = {
        "channel": CHANNELS.get(msg_type, "iopub"),
        "header": header(f"{parent['msg_id']}_{msg_type}_{_now_ns()}", session, msg_type),
        "parent_header": parent,
        "metadata": metadata or {},
        "content": content,
    }
    if buffers:
        message["buffers"] = [b64encode(buffer).decode() for buffer in buffers]
    # Lone surrogates, which JSON can name and UTF-8 cannot, become question marks.
    return json.dumps(message, ensure_ascii=False, allow_nan=False, separators=(",", ":")).encode("utf-8", "replace")


def header(msg_id: str, session: str, msg_type: str) -> dict[str, Any]:
    """Return a header; the date is this machine's, in UTC."""
    date = datetime.now(timezone.utc).isoformat(timespec="microseconds").replace("+00:00", "Z")
    return {
        "msg_id": msg_id, "session": session, "username": "", "date": date, "msg_type": msg_type, "version": VERSION,
    }  # fmt: skip


_counter = 0


def _now_ns() -> int:
    # Unique in this process, and all that a msg_id has to be.
    global _counter
    _counter += 1
    return _counter
