"""Gathers the texts that a kernel says in many small messages, so that few longer ones are passed on."""

from __future__ import annotations

import time
from collections.abc import Callable

from untrusted.kernel.json_clean import valid_text
from untrusted.kernel.publisher import GATHER_S, GATHERED_CHARS_MAX, STREAM_CHARS_MAX


class GatheredStreams:
    """Texts of one stream that wait for their neighbours."""

    def __init__(self, send: Callable[[str, str], None]) -> None:
        self._send, self._name, self._texts, self._chars, self._since = send, "", list[str](), 0, 0.0

    def add(self, name: str, text: str) -> None:
        """Take a text; those of another stream before it go out first."""
        if name != self._name:
            self.flush()
            self._name = name
        if not self._texts:
            self._since = time.monotonic()
        self._texts.append(text)
        self._chars += len(text)
        if self._chars > GATHERED_CHARS_MAX:
            self.flush()

    @property
    def wait_s(self) -> float | None:
        """How long the texts may still wait; None where there are none."""
        return max(0.0, self._since + GATHER_S - time.monotonic()) if self._texts else None

    def flush(self) -> None:
        """Send what has been gathered."""
        text, self._texts, self._chars = valid_text("".join(self._texts)), [], 0
        for start in range(0, len(text), STREAM_CHARS_MAX):
            self._send(self._name, text[start : start + STREAM_CHARS_MAX])
