"""Look at a page until it is as a test expects.

Playwright looks every half second where it may wait for long, and every tenth where it may not: what comes after 0.3 s
would be seen after 0.8.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from functools import partial
from typing import Any

from playwright.sync_api import APIResponse, Locator, Page
from playwright.sync_api import expect as expect_slowly

from harness.processes import wait_for

SIGHT_MS = 30_000  # until what a test expects is seen, on a machine that has much else to do
OFTEN_MS = 2_400  # the longest for which Playwright looks every tenth of a second


def expect(actual: Page | Locator | APIResponse, message: str | None = None) -> Any:
    """Return what Playwright can expect of a page, a node of it or an answer."""
    return Expectation(actual, message)


class Expectation:
    """What is expected, by the names that Playwright has for it."""

    def __init__(self, actual: Page | Locator | APIResponse, message: str | None) -> None:
        self._slow = expect_slowly(actual, message)
        self._changes = not isinstance(actual, APIResponse)

    def __getattr__(self, name: str) -> Any:
        check = getattr(self._slow, name)
        return partial(see, check) if self._changes else check


def see(check: Callable[..., None], *what: Any, timeout: float = SIGHT_MS, **how: Any) -> None:
    """Wait until it is so, and look often at first."""
    with suppress(AssertionError):
        return check(*what, timeout=OFTEN_MS, **how)
    check(*what, timeout=timeout, **how)


def until(page: Page, condition: Callable[[], bool]) -> None:
    """Wait until something holds of what is seen of a page, or of what listeners and routes have noted of it."""

    def look() -> bool:
        page.wait_for_timeout(10)  # in which listeners are called
        return condition()

    wait_for(look, SIGHT_MS / 1000)
