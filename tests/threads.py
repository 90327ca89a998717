"""Run the threads of a test, and wait for them with a deadline: who waits for ever says nothing."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterable

DEADLINE_S = 60.0


def join(threads: Iterable[threading.Thread], deadline_s: float = DEADLINE_S) -> None:
    """Wait for the end of threads; fail when one goes on after the deadline."""
    end, left = time.monotonic() + deadline_s, []
    for thread in threads:
        thread.join(max(0.0, end - time.monotonic()))
        if thread.is_alive():
            left.append(thread.name)
    assert not left, f"not over within {deadline_s} s: {left}"


def run(threads: Iterable[threading.Thread]) -> None:
    """Run threads at once, to their ends."""
    threads = list(threads)
    for thread in threads:
        thread.start()
    join(threads)
