"""Lend one page of the browser to test after test, as long as no test leaves anything in it.

A page of its own costs a test a process: 190 to 290 ms of a processor, of which 70 to 110 are the page that is shown.
"""

from __future__ import annotations

from collections.abc import Callable
from urllib.parse import urlsplit

from playwright.sync_api import Browser, Error, Page

# What a test does by these stays with the page, or with what is around it; such a page is lent to nobody else.
LASTING = {
    "add_init_script", "add_locator_handler", "clock", "close", "context", "expect_popup", "expose_binding",
    "expose_function", "once", "route_web_socket", "set_default_timeout", "set_extra_http_headers", "touchscreen",
}  # fmt: skip
# And what a test does by these is undone.
UNDONE = {"emulate_media", "mouse", "on", "route", "set_viewport_size"}
AS_IT_WAS = dict.fromkeys(("color_scheme", "contrast", "forced_colors", "media", "reduced_motion"), "null")
SIZE = {"width": 1280, "height": 720}


class Watch:
    """What went wrong in a page, whom it spoke to, and the origins that it has shown."""

    def __init__(self, page: Page) -> None:
        self.errors: list[str] = []
        self.hosts: set[str] = set()
        self.shown: set[str] = set()
        page.on("pageerror", lambda error: self.errors.append(str(error)))
        page.on("console", lambda line: self.errors.append(line.text) if line.type == "error" else None)
        page.on("request", lambda request: self._note(request.url))
        page.on("framenavigated", lambda frame: None if frame.parent_frame else self._note_shown(frame.url))

    def _note(self, url: str) -> None:
        parts = urlsplit(url)
        if parts.scheme in ("http", "https", "ws", "wss"):
            self.hosts.add(parts.netloc)

    def _note_shown(self, url: str) -> None:
        parts = urlsplit(url)
        if parts.scheme in ("http", "https"):
            self.shown.add(f"{parts.scheme}://{parts.netloc}")

    def forget(self) -> None:
        """Begin anew."""
        self.errors.clear()
        self.hosts.clear()
        self.shown.clear()


class LentPage(Page):
    """A page that notes what is done with it that lasts, and undoes what can be undone."""

    watch: Watch
    is_used_up = False
    used: set[str]
    listeners: list[tuple[str, Callable[..., object]]]

    def begin(self) -> None:
        """Be as new."""
        self.is_used_up, self.used, self.listeners = False, set(), []
        self.watch.forget()

    def __getattribute__(self, name: str) -> object:
        if name in LASTING:
            self.is_used_up = True
        elif name in UNDONE:
            self.used.add(name)
        return super().__getattribute__(name)

    def on(self, event: str, f: Callable[..., object]) -> None:
        """Add a listener, until the page is given back."""
        self.listeners.append((event, f))
        super().on(event, f)

    def undo(self) -> None:
        """Take back what was done: listeners, routes, the window's size, a reader's wishes, a button that is down."""
        for event, listener in self.listeners:
            self.remove_listener(event, listener)
        if "route" in self.used:
            self.unroute_all(behavior="ignoreErrors")
        if "set_viewport_size" in self.used:
            self.set_viewport_size(SIZE)
        if "emulate_media" in self.used:
            self.emulate_media(**AS_IT_WAS)
        if "mouse" in self.used:
            self.mouse.up()


def new_page(browser: Browser, deadline_ms: int) -> Page:
    """Return a fresh page with an empty memory; its ``watch`` has its errors and the hosts it asked."""
    context = browser.new_context(locale="en-GB")
    context.set_default_timeout(deadline_ms)
    page = context.new_page()
    page.watch = Watch(page)
    return page


class Lender:
    """Has the page that is lent, or none."""

    def __init__(self, browser: Browser, deadline_ms: int) -> None:
        self._browser = browser
        self._deadline_ms = deadline_ms
        self._page: Page | None = None

    def lend(self) -> Page:
        """Return a page in which nothing is left of other tests."""
        if self._page is None:
            self._page = new_page(self._browser, self._deadline_ms)
            self._context = self._page.context
            self._devtools = self._context.new_cdp_session(self._page)
            self._page.__class__ = LentPage
        self._page.begin()
        return self._page

    def take_back(self) -> None:
        """Make the page empty for the next test, or part with it."""
        page = self._page
        try:
            if page.is_used_up or len(page.watch.shown) != 1 or len(self._context.pages) != 1:
                return self.close()
            [origin] = page.watch.shown
            page.undo()
            page.evaluate("sessionStorage.clear()")
            page.goto("about:blank")
            self._devtools.send("Storage.clearDataForOrigin", {"origin": origin, "storageTypes": "all"})
            page.mouse.move(0, 0)  # where it was, something of the next page may lie
        except Error:
            self.close()

    def close(self) -> None:
        """Part with the page."""
        if self._page is not None:
            self._context.close()
            self._page = None
