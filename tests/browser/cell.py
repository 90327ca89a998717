"""Use a cell of a page as a reader does."""

from __future__ import annotations

import re

from playwright.sync_api import FrameLocator, Locator, Page

from tests.browser.sight import SIGHT_MS, expect

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
# Presses Run as keys and assistive programs do, which costs half of a press by the pointer, and waits as above.
PRESS = f"""(cell, [code, state, deadline_ms]) => {{
  cell.setAttribute("state", "idle");  // an old end must not be taken for the new one
  if (code !== null) cell.code = code;
  const button = cell.shadowRoot.querySelector(".run");
  if (!button.checkVisibility() || button.ariaDisabled === "true") throw new Error("Nobody could press Run.");
  button.scrollIntoViewIfNeeded();
  button.focus();
  button.click();
  return ({COME_TO})(cell, [state, deadline_ms]);
}}"""


# Resolves when that is drawn, too, whose part was still to be loaded.
DRAWN = """async (output) => {
  for (const node of output.getElementsByTagName("div")) await node.drawn;
}"""


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
        """Press Run with the pointer."""
        if code is not None:
            self.write(code)
        self.button.click()
        return self

    def run(self, code: str | None = None, state: str = "done") -> Cell:
        """Press Run and wait for the end."""
        self.node.evaluate(PRESS, [code, state, SIGHT_MS])
        return self

    def ends(self, state: str = "done") -> Cell:
        """Wait until the run is over, and drawn; until then another one does not begin."""
        self.node.evaluate(COME_TO, [state, SIGHT_MS])
        return self

    def draws(self) -> Cell:
        """Wait until formulas and Markdown are drawn; what draws them is loaded when the first of them comes."""
        self.output.evaluate(DRAWN)
        return self

    def shows(self, text: str) -> Cell:
        """Wait until the output has this text."""
        expect(self.output).to_contain_text(text)
        return self
