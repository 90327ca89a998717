"""Stops computations in C: cysignals hears SIGINT first, and hands it on where Python is running."""

from __future__ import annotations

import signal
from collections.abc import Callable
from contextlib import suppress
from types import FrameType
from typing import Any

from cysignals.pysignals import getossignal, setossignal
from cysignals.signals import python_check_interrupt

# Made when cysignals was imported: it leaves C code that has said it may be left, and else asks for Python's handler.
_OF_CYSIGNALS = getossignal(signal.SIGINT)


def take_sigint(handle: Callable[[int, FrameType | None], Any]) -> None:
    """Let ``handle`` be Python's handler, below that of cysignals."""

    def forget_and_handle(number: int, frame: FrameType | None) -> None:
        # It has noted this one for its next computation; whether to raise is the handler's to say.
        with suppress(KeyboardInterrupt):
            python_check_interrupt(number, frame)
        handle(number, frame)

    signal.signal(signal.SIGINT, forget_and_handle)
    setossignal(signal.SIGINT, _OF_CYSIGNALS)
