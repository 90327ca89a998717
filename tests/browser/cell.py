"""Use a cell of a page as a reader does."""

from __future__ import annotations

import re
from collections.abc import Callable

from playwright.sync_api import FrameLocator, Locator, Page, expect

from harness.processes import wait_for

# Resolves when the cell has come to a state, and what was said last is drawn: with the next frame, and in a page in the
# background, which has no frames, a little later. To hear of it is sooner than to look again and again.
COME_TO = """(cell, [state, deadline_ms]) => new Promise((done, fail) => {
  const drawn = () => { setTimeout(done, 200); requestAnimationFrame(() => requestAnimationFrame(done)) };
  const look = () => cell.getAttribute("state") === state && (watcher.disconnect(), drawn());
  const watcher = new MutationObserver(look);
  watcher.observe(cell, { attributeFilter: ["state"] });
  look();
  setTimeout(() => fail(new Error(`The cell is ${cell.getAttribute("state")}, not ${state}.`)), deadline_ms);
})"""

SIGHT_MS = 30_000  # until what a test expects is seen, on a machine that has much else to do


def until(page: Page, condition: Callable[[], bool]) -> None:
    """Wait until something holds of what is seen of a page, or of what listeners and routes have noted of it."""

    def look() -> bool:
        page.wait_for_timeout(10)  # in which listeners are called
        return condition()

    wait_for(look, SIGHT_MS / 1000)


class Cell:
    """One ``<single-cell>`` of a page."""

    def __init__(self, page: Page, selector: str = "single-cell") -> None:
        self.page = page
        self.node = page.locator(selector).first
        self.output: Locator = self.node.locator(".output")
        self.status: Locator = self.node.locator(".status")
        self.button: Locator = self.node.locator(".run")
        self.field: Locator = self.node.locator(".pce-textarea")

    @property
    def drawn(self) -> FrameLocator:
        """The document of the first output that is drawn in frames: one that holds it, and its own."""
        return self.output.frame_locator(".frame").first.frame_locator("iframe")

    def ready(self) -> Cell:
        """Wait until the element has come to life."""
        expect(self.node).to_have_attribute("state", re.compile("."))
        return self

    @property
    def code(self) -> str:
        return self.node.evaluate("cell => cell.code")

    def write(self, code: str) -> Cell:
        """Put code into the editor."""
        self.node.evaluate("(cell, code) => { cell.code = code }", code)
        return self

    def enter(self) -> Cell:
        """Go into the editor, and wait for what suggests names there."""
        self.field.focus()
        expect(self.field).to_have_attribute("aria-autocomplete", "list")
        return self

    def start(self, code: str | None = None) -> Cell:
        """Press Run."""
        if code is not None:
            self.write(code)
        self.button.click()
        return self

    def run(self, code: str | None = None, state: str = "done") -> Cell:
        """Press Run and wait for the end."""
        # An old end must not be taken for the new one.
        self.node.evaluate("cell => cell.setAttribute('state', 'idle')")
        return self.start(code).ends(state)

    def ends(self, state: str = "done") -> Cell:
        """Wait until the run is over, and drawn; until then another one does not begin."""
        self.node.evaluate(COME_TO, [state, SIGHT_MS])
        return self

    def shows(self, text: str) -> Cell:
        """Wait until the output has this text."""
        expect(self.output).to_contain_text(text)
        return self
