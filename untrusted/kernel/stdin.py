"""Lets ``input()``, ``getpass()`` and what reads ``sys.stdin`` ask the reader."""

from __future__ import annotations

import builtins
import getpass
import sys
import threading
import time
from collections.abc import Callable

from IPython.core.error import StdinNotImplementedError

from untrusted.kernel.json_clean import valid_text
from untrusted.kernel.publisher import Publisher
from untrusted.kernel.standard_input import StandardInput

Ask = Callable[[str, bool], str]
PROMPT_CHARS_MAX = 64 << 10


class InputFunctions:
    """What stands in for ``input``, ``getpass`` and ``sys.stdin``: it sends input requests.

    ``asked_s``: how long the present cell has waited for replies.
    """

    def __init__(self, publisher: Publisher) -> None:
        self._publisher = publisher
        self._ask: Ask | None = None
        self.allowed = False
        self.asked_s = 0.0

    def start(self, ask: Ask) -> None:
        """Put ours in the place of Python's."""
        self._ask = ask
        builtins.input = self.raw_input
        getpass.getpass = self.getpass
        sys.stdin = sys.__stdin__ = StandardInput(self._request)  # type: ignore[misc, assignment]

    def raw_input(self, prompt: object = "", /) -> str:
        """Ask the reader for a line. Raises StdinNotImplementedError when nobody can be asked."""
        return self._request(str(prompt), False)

    def getpass(self, prompt: str = "Password: ", stream: object = None, **_options: object) -> str:
        """Ask the reader for a password, which the page does not show. Raises StdinNotImplementedError."""
        return self._request(str(prompt), True)

    def _request(self, prompt: str, password: bool) -> str:
        if self._ask is None or not self.allowed or self._publisher.forked:
            raise StdinNotImplementedError("raw_input was called, but this frontend does not support input requests.")
        if threading.current_thread() is not threading.main_thread():
            raise StdinNotImplementedError("raw_input was called in a thread; only the cell itself can ask for input.")
        self._publisher.flush()
        asked = time.monotonic()
        try:
            return self._ask(valid_text(prompt[:PROMPT_CHARS_MAX]), password)
        finally:
            self.asked_s += time.monotonic() - asked
