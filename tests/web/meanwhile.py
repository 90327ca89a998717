"""Plays the device for a request that waits until its code has run."""

from __future__ import annotations

import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

from werkzeug.test import TestResponse

from store import Claim
from tests.web.conftest import DEADLINE_S, Device

LOOK_S = 0.005


def answered(
    device: Device, ask: Callable[[], TestResponse], end: Callable[[Claim], None]
) -> tuple[TestResponse, Claim | None]:
    """Return the answer to what is asked, and the one computation that was claimed and ended meanwhile."""
    answer_came = threading.Event()

    def work() -> Claim | None:
        while not answer_came.wait(LOOK_S):
            claim = device.store.claims.claim("device-1", languages=["python"], sessions=[], new_sessions=True)
            if claim is not None:
                end(claim)
                return claim
        return None

    with ThreadPoolExecutor(1) as pool:
        working = pool.submit(work)
        try:
            answer = ask()
        finally:
            answer_came.set()
        return answer, working.result(DEADLINE_S)
