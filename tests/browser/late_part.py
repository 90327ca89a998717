"""Keep a part of the front end back, as a slow line does, until a test lets it come."""

from __future__ import annotations

from playwright.sync_api import Page, Route

from tests.browser.cell import until


class LatePart:
    """A part of the front end that a page has asked for, or will, and does not get yet."""

    def __init__(self, page: Page, name: str) -> None:
        self._page = page
        self._asked: list[Route] = []
        page.route(f"**/static/singlecell/{name}-*.js", lambda route: self._asked.append(route))

    def come(self) -> None:
        """Let it come, when it has been asked for."""
        until(self._page, lambda: len(self._asked) > 0)
        for route in self._asked:
            route.continue_()

    def fail(self) -> None:
        """Say that it cannot be had, when it has been asked for; from now on it can."""
        until(self._page, lambda: len(self._asked) > 0)
        for route in self._asked:
            route.abort()
        self._page.unroute_all()
