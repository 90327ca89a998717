"""Gives cells their ``sys.stdout`` and ``sys.stderr``: text streams in front of the publisher."""

from __future__ import annotations

import codecs
import io
from typing import Any

from untrusted.kernel.fd_capture import DESCRIPTORS
from untrusted.kernel.publisher import Publisher


class Stream(io.TextIOBase):
    """A text stream that nothing can close, so that what comes later is not lost."""

    def __init__(self, name: str, publisher: Publisher) -> None:
        self._name, self._publisher = name, publisher
        self.write = publisher.writer(name)  # type: ignore[method-assign]
        self._bytes = ByteStream(self)

    @property
    def name(self) -> str:
        """The name that Python gives this stream."""
        return f"<{self._name}>"

    @property
    def buffer(self) -> Any:
        """The stream of bytes below this one."""
        return self._bytes

    @property
    def encoding(self) -> str:  # type: ignore[override]
        """Always UTF-8."""
        return "utf-8"

    @property
    def errors(self) -> str:  # type: ignore[override]
        """Characters that UTF-8 cannot hold are replaced."""
        return "replace"

    @property
    def line_buffering(self) -> bool:
        """Texts are sent by time and by size, not by lines."""
        return False

    def writable(self) -> bool:
        return True

    def fileno(self) -> int:
        """Return the file descriptor beside this stream, which programs started by the cell write to."""
        return DESCRIPTORS[self._name]

    def flush(self) -> None:
        self._publisher.flush()

    def close(self) -> None:
        """Flush; stay open."""
        self._publisher.flush()

    def reconfigure(self, **_options: object) -> None:
        """Accept what ``io.TextIOWrapper`` accepts; nothing of it applies."""


class ByteStream(io.RawIOBase):
    """The stream of bytes below a text stream: UTF-8, whose characters may come in pieces."""

    def __init__(self, stream: Stream) -> None:
        self._stream = stream
        self._decoder = codecs.getincrementaldecoder("utf-8")("replace")

    def writable(self) -> bool:
        return True

    def fileno(self) -> int:
        return self._stream.fileno()

    def write(self, data: Any) -> int:
        text = self._decoder.decode(bytes(data))
        if text:
            self._stream.write(text)
        return memoryview(data).nbytes

    def flush(self) -> None:
        self._stream.flush()

    def close(self) -> None:
        """Flush; stay open."""
        self._stream.flush()
