"""Hears the interrupts of the reader, in a worker that waits for a kernel or for an answer."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from types import FrameType


class Stops:
    """SIGINT as the worker hears it: a note for the cell that runs, KeyboardInterrupt while it waits for an answer.

    ``came``: whether this cell was interrupted; ``is_told``: whether the kernel was told of the last interrupt.
    ``descriptor``: readable when any signal has come, so that whoever polls it wakes up.
    """

    def __init__(self) -> None:
        self.descriptor, write_end = os.pipe()
        for end in (self.descriptor, write_end):
            os.set_blocking(end, False)
        self.is_running = self.came = self.is_told = self._is_asking = False
        signal.signal(signal.SIGINT, self._hear)
        signal.set_wakeup_fd(write_end, warn_on_full_buffer=False)

    def begin(self) -> None:
        """Listen for a cell; one that came before it is forgotten."""
        self.came, self.is_running = False, True

    def empty(self) -> None:
        """Take what was written to ``descriptor``."""
        with suppress(BlockingIOError):
            os.read(self.descriptor, 4096)

    @contextmanager
    def asking(self) -> Iterator[None]:
        """Raise KeyboardInterrupt in the block at an interrupt, or at an earlier one that was not passed on."""
        try:
            self._let_in(True)
            yield
        finally:
            self._is_asking = False

    @contextmanager
    def shielded(self) -> Iterator[None]:
        """Raise nothing in the block; what came during it is raised at its end, where a question may be interrupted."""
        was_asking, self._is_asking = self._is_asking, False
        try:
            yield
        finally:
            self._let_in(was_asking)

    def _let_in(self, is_asking: bool) -> None:
        self._is_asking = is_asking
        if self._is_asking and self.came and not self.is_told:
            self._is_asking = False
            raise KeyboardInterrupt

    def _hear(self, _signal: int, _frame: FrameType | None) -> None:
        if self.is_running:
            self.came, self.is_told = True, False
        self._let_in(self._is_asking)
