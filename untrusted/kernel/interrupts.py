"""When a SIGINT becomes KeyboardInterrupt: in the student's code, never in the middle of a message or between cells."""

from __future__ import annotations

import signal
import threading
from types import FrameType


class Interrupts:
    """Turns SIGINT into KeyboardInterrupt while ``allowed``; holds it back while shielded; forgets it between cells."""

    def __init__(self) -> None:
        self._allowed = False
        self._pending = False
        self._main_thread = threading.get_ident()

    def install(self) -> None:
        """Take SIGINT over; forget one that came between two cells."""
        self._allowed = self._pending = False
        self._main_thread = threading.get_ident()
        signal.signal(signal.SIGINT, self._handle)

    def allow(self) -> None:
        """Let interrupts through from here on. Raises KeyboardInterrupt when one has come already."""
        self._allowed = True
        self._raise_pending()

    def forbid(self) -> None:
        """Hold interrupts back from here on."""
        self._allowed = False

    def shielded(self) -> Shield:
        """Return a context in which no interrupt is raised; one that came is raised at its end."""
        return Shield(self)

    def _handle(self, _signal: int, _frame: FrameType | None) -> None:
        if self._allowed:
            raise KeyboardInterrupt
        self._pending = True

    def _raise_pending(self) -> None:
        if self._pending and self._allowed:
            self._pending = False
            raise KeyboardInterrupt


class Shield:
    """A context without KeyboardInterrupt; it may be nested. Signals reach the main thread alone: others pass."""

    __slots__ = ("_allowed_before", "_interrupts")

    def __init__(self, interrupts: Interrupts) -> None:
        self._interrupts = interrupts
        self._allowed_before = False

    def __enter__(self) -> None:
        interrupts = self._interrupts
        if threading.get_ident() == interrupts._main_thread:
            self._allowed_before, interrupts._allowed = interrupts._allowed, False

    def __exit__(self, *_: object) -> None:
        if self._allowed_before:
            self._interrupts.allow()
