"""Headers of Jupyter messages: made here, never taken from the untrusted side."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timezone
from typing import Any

import msgspec

VERSION = "5.3"  # of the message spec
CHANNELS: dict[str, str] = {"execute_reply": "shell", "input_request": "stdin"}  # all else: iopub


class Letterhead:
    """Makes the messages of one attempt at a computation; ``comm``: the comm message that it is instead of code."""

    def __init__(self, computation: str, session: str, attempt: int, comm: Mapping[str, Any] | None) -> None:
        self.parent_type = comm["msg_type"] if comm else "execute_request"
        self._id, self._session, self._attempt, self._count = computation, session, attempt, 0
        self._parent = msgspec.json.encode(self._header(computation, self.parent_type))

    def text(self, msg_type: str, content: Any, metadata: Any = None, buffers: Any = None) -> bytes:
        """Return a whole message as JSON text, but for ``sequence`` and ``attempt``, which the store gives.

        ``content``, ``metadata``, ``buffers``: values, or msgspec.Raw of texts that are JSON.
        """
        self._count += 1
        header = self._header(f"{self._id}_{self._attempt}_{self._count}", msg_type)
        message = {
            "channel": CHANNELS.get(msg_type, "iopub"),
            "header": header,
            "parent_header": msgspec.Raw(self._parent),
            "metadata": metadata or {},
            "content": content,
        }
        if buffers:
            message["buffers"] = buffers
        return msgspec.json.encode(message)

    def _header(self, msg_id: str, msg_type: str) -> dict[str, Any]:
        date = datetime.now(timezone.utc).isoformat(timespec="microseconds").replace("+00:00", "Z")
        return {"msg_id": msg_id, "session": self._session, "username": "", "date": date, "msg_type": msg_type,
                "version": VERSION}  # fmt: skip
