"""Gives cells their ``sys.stdin``: what reads from it asks the reader, a line at a time."""

from __future__ import annotations

import io
from collections.abc import Callable

Request = Callable[[str, bool], str]
DESCRIPTOR = 0
END = "\x04"  # what a terminal takes for the end of a text
# Said where code reads lines until there are no more: nobody would know how to come to that end.
PROMPT_TO_THE_END = "A line (none: the end): "


class StandardInput(io.TextIOBase):
    """A text stream that nothing can close: each line is asked for, as ``input`` asks.

    Code that reads to the end asks until the answer is empty. Raises StdinNotImplementedError when nobody can be asked.
    """

    name = "<stdin>"
    encoding = "utf-8"
    errors = "strict"

    def __init__(self, request: Request) -> None:
        self._request = request
        self._rest = ""  # of an answer of several lines
        self.buffer = InputBytes(self)

    def readable(self) -> bool:
        return True

    def fileno(self) -> int:
        """Return the file descriptor that programs started by the cell read; it is at its end."""
        return DESCRIPTOR

    def close(self) -> None:
        """Stay open."""

    def readline(self, size: int | None = -1, /) -> str:  # type: ignore[override]
        """Return a line with its end; "" when the answer is the sign for the end of a text."""
        return self._take(size) if size == 0 or self._rest or self._ask("", "\n") else ""

    def read(self, size: int | None = -1, /) -> str:
        """Return so many characters of a line, or all lines."""
        if size is None or size < 0:
            return "".join(self)
        if not size:
            return ""
        if not self._rest:
            self._ask("", "\n")
        taken, self._rest = self._rest[:size], self._rest[size:]
        return taken

    def readlines(self, hint: int | None = -1, /) -> list[str]:  # type: ignore[override]
        """Return all lines."""
        return list(self)

    def __next__(self) -> str:  # type: ignore[override]
        if self._rest or self._ask(PROMPT_TO_THE_END, ""):
            return self._take(-1)
        raise StopIteration

    def _ask(self, prompt: str, empty: str) -> bool:
        """Ask for text; return whether there is any. ``empty``: what an empty answer is."""
        answer = self._request(prompt, False)
        self._rest = "" if answer == END else f"{answer}\n" if answer else empty
        return bool(self._rest)

    def _take(self, size: int | None) -> str:
        end = self._rest.find("\n") + 1 or len(self._rest)
        end = end if size is None or size < 0 else min(size, end)
        taken, self._rest = self._rest[:end], self._rest[end:]
        return taken


class InputBytes(io.BufferedIOBase):
    """The stream of bytes below standard input: the same lines, in UTF-8."""

    name = "<stdin>"

    def __init__(self, text: StandardInput) -> None:
        self._text = text
        self._rest = b""

    def readable(self) -> bool:
        return True

    def fileno(self) -> int:
        return DESCRIPTOR

    def close(self) -> None:
        """Stay open."""

    def readline(self, size: int | None = -1, /) -> bytes:
        """Return a line with its end."""
        return self._take(self._rest or self._text.readline().encode(), size)

    def read(self, size: int | None = -1, /) -> bytes:
        """Return so many bytes of a line, or all lines."""
        if size is None or size < 0:
            return self._take(self._rest + self._text.read().encode(), -1)
        return self._take(self._rest or self._text.readline().encode(), size) if size else b""

    read1 = read

    def readlines(self, hint: int | None = -1, /) -> list[bytes]:
        """Return all lines."""
        return list(self)

    def __next__(self) -> bytes:
        if self._rest:
            return self._take(self._rest, -1)
        return next(self._text).encode()

    def _take(self, data: bytes, size: int | None) -> bytes:
        end = len(data) if size is None or size < 0 else size
        self._rest = data[end:]
        return data[:end]
