"""Waits for the threads that a cell leaves running, so that what they still say is shown with it."""

from __future__ import annotations

import os
import sys
import threading
import time
from collections.abc import Collection
from concurrent.futures import thread as pools

from untrusted.kernel.cell_source import CELL

GRACE_S = 5.0  # at the end of a session: nothing is shown after it
GRACE_KEPT_S = 0.5  # what comes later is shown with the session's next turn
RESERVE_S = 1.0  # of the cell's time
LOOK_S = 0.02

ONE_LEFT = "A thread still ran when the cell had ended; what it says after that is not shown. join() waits for it.\n"
SOME_LEFT = (
    "{count} threads still ran when the cell had ended; what they say after that is not shown. "
    "join() waits for a thread.\n"
)


def wait_for_threads(grace_s: float, earlier: Collection[threading.Thread], with_earlier: bool) -> int:
    """Wait until no thread runs the reader's code, at most so long; return how many do.

    ``earlier``: threads that were there before the cell; unless ``with_earlier`` they are nothing to wait for.
    Raises KeyboardInterrupt.
    """
    end = time.monotonic() + grace_s
    if any(thread not in earlier for thread in threading.enumerate()):
        time.sleep(max(0.0, min(LOOK_S, grace_s)))  # a task that was handed over is taken up meanwhile
    while running := [
        thread for thread in threading.enumerate() if (with_earlier or thread not in earlier) and _runs_code(thread)
    ]:
        left_s = end - time.monotonic()
        if left_s <= 0:
            break
        # An interrupt in the middle of join() would make Python 3.11 believe that the thread has ended.
        time.sleep(min(LOOK_S, left_s))
    return len(running)


def cut_off(count: int) -> str:
    """Return the sentence that says of threads that the rest of what they say is lost."""
    return ONE_LEFT if count == 1 else SOME_LEFT.format(count=count)


def _runs_code(thread: threading.Thread) -> bool:
    """Return whether a thread runs code of the reader's, or will: libraries keep threads that wait for ever."""
    if thread is threading.main_thread():
        return False
    tasks = pools._threads_queues.get(thread)  # of an executor's thread
    if tasks is not None and not tasks.empty():
        return True
    if tasks is None and type(thread) in (threading.Thread, threading.Timer) and not thread.daemon:
        return True
    frame = sys._current_frames().get(thread.ident or 0)
    here = f"{os.getcwd()}/"
    while frame is not None:
        if frame.f_code.co_filename.startswith((CELL, here)):
            return True
        frame = frame.f_back
    return False
