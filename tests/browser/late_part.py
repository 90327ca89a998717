"""Keep a file of the front end back, as a slow line does, until a test lets it come."""

from __future__ import annotations

from playwright.sync_api import Page, Route

from tests.browser.sight import until


class LateFile:
    """A file that a page has asked for, or will, and does not get yet."""

    def __init__(self, page: Page, pattern: str) -> None:
        self._page = page
        self._asked: list[Route] = []
        page.route(pattern, lambda route: self._asked.append(route))

    def wait(self) -> None:
        """Wait until it has been asked for."""
        until(self._page, lambda: len(self._asked) > 0)

    def come(self) -> None:
        """Let it come, when it has been asked for, as who has set up a route before would have it."""
        self.wait()
        for route in self._asked:
            route.fallback()

    def fail(self) -> None:
        """Say that it cannot be had, when it has been asked for; from now on it can."""
        self.wait()
        for route in self._asked:
            route.abort()
        self._page.unroute_all()


class LatePart(LateFile):
    """A part of the front end."""

    def __init__(self, page: Page, name: str) -> None:
        super().__init__(page, f"**/static/singlecell/{name}-*.js")
