"""``input()`` and ``getpass()``: questions to the student."""

from __future__ import annotations

import builtins
import getpass
import threading
from collections.abc import Callable

from IPython.core.error import StdinNotImplementedError

from untrusted.kernel.json_clean import valid_text
from untrusted.kernel.publisher import Publisher

Introspect = Callable[[str, bool], str]
PROMPT_CHARS_MAX = 64 << 10


class Questions:
    """Stands in for ``input`` and ``getpass``."""

    def __init__(self, outbox: Publisher) -> None:
        self._outbox = outbox
        self._ask: Introspect | None = None
        self.allowed = False

    def start(self, ask: Introspect) -> None:
        """Put our functions in the place of Python's."""
        self._ask = ask
        builtins.input = self.raw_input
        getpass.getpass = self.getpass

    def raw_input(self, prompt: object = "", /) -> str:
        """Ask the student for a line. Raises StdinNotImplementedError when nobody can be asked."""
        return self._answer(str(prompt), False)

    def getpass(self, prompt: str = "Password: ", stream: object = None, **_options: object) -> str:
        """Ask the student for a password, which the page does not show. Raises StdinNotImplementedError."""
        return self._answer(str(prompt), True)

    def _answer(self, prompt: str, password: bool) -> str:
        if self._ask is None or not self.allowed or self._outbox.forked:
            raise StdinNotImplementedError("raw_input was called, but this frontend does not support input requests.")
        if threading.current_thread() is not threading.main_thread():
            raise StdinNotImplementedError("raw_input was called in a thread; only the cell itself can ask for input.")
        self._outbox.flush()
        return self._ask(valid_text(prompt[:PROMPT_CHARS_MAX]), password)
