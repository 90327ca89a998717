"""Raises KeyboardInterrupt at a SIGINT in the reader's code, never in the middle of a message or between cells."""

from __future__ import annotations

import os
import signal
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, suppress
from types import FrameType

from untrusted.languages import SigintHandler, take_sigint

NUDGE = signal.SIGURG  # nobody sends it, and a program that does not handle it ignores it

AGAIN = 0  # no signal's number


class Interrupts:
    """The handler of SIGINT: it raises KeyboardInterrupt while allowed, waits while shielded, forgets between cells.

    Two ways in which Python loses one are mended by the thread that waits at ``arrivals`` and calls ``nudge``. The
    system may give a signal to any thread, and then the main thread is not woken from a lock or a read. And a
    KeyboardInterrupt in a place that cannot raise (a destructor, a hook around fork) is told and dropped.
    """

    def __init__(self, take: Callable[[SigintHandler], None] = take_sigint) -> None:
        self._take = take
        self._allowed = False
        self._pending = False
        self.came = False  # whether the present computation was interrupted
        self._main_thread = threading.get_ident()
        self._process = os.getpid()
        self.arrivals = self._arrivals_write = -1

    def start(self) -> None:
        """Open ``arrivals``: after the fork, so that children do not hear of each other's interrupts."""
        self.arrivals, self._arrivals_write = os.pipe()
        os.set_blocking(self.arrivals, False)
        os.set_blocking(self._arrivals_write, False)
        self._process = os.getpid()
        sys.unraisablehook = self._dropped
        self.install()

    def install(self) -> None:
        """Take SIGINT over; forget one that came between two cells."""
        self._allowed = self._pending = self.came = False
        self._main_thread = threading.get_ident()
        self._take(self._handle)
        signal.signal(NUDGE, _wake_up)
        signal.set_wakeup_fd(self._arrivals_write, warn_on_full_buffer=False)

    def nudge(self) -> None:
        """Wake the main thread when an interrupt has arrived, so that it sees it; repeat one that was dropped."""
        with suppress(BlockingIOError):
            arrived = os.read(self.arrivals, 64)
            if AGAIN in arrived:
                signal.pthread_kill(self._main_thread, signal.SIGINT)
            elif signal.SIGINT in arrived:
                signal.pthread_kill(self._main_thread, NUDGE)

    def allow(self) -> None:
        """Let interrupts through from here on. Raises KeyboardInterrupt when one has come already."""
        self._allowed = True
        self._raise_pending()

    def forbid(self) -> None:
        """Hold interrupts back from here on."""
        self._allowed = False

    @contextmanager
    def allowed(self) -> Iterator[None]:
        """Let interrupts through inside the block. Raises KeyboardInterrupt."""
        self.install()
        self.allow()
        try:
            yield
        finally:
            self.forbid()

    def shielded(self) -> Shield:
        """Return a context in which no interrupt is raised; one that came is raised at its end."""
        return Shield(self)

    def _handle(self, _signal: int, _frame: FrameType | None) -> None:
        self.came = True
        if self._allowed:
            raise KeyboardInterrupt
        self._pending = True

    def _dropped(self, unraisable: sys.UnraisableHookArgs) -> None:
        if issubclass(unraisable.exc_type, KeyboardInterrupt) and os.getpid() == self._process:
            with suppress(BlockingIOError):
                os.write(self._arrivals_write, bytes([AGAIN]))
        else:
            sys.__unraisablehook__(unraisable)

    def _raise_pending(self) -> None:
        if self._pending and self._allowed:
            self._pending = False
            raise KeyboardInterrupt


def _wake_up(_signal: int, _frame: FrameType | None) -> None:
    """Do nothing: that the signal is handled at all ends the wait."""


class Shield(AbstractContextManager[None]):
    """A context in which no KeyboardInterrupt is raised; it may be nested. Signals reach the main thread alone."""

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
