"""Move the controls of Sage's interacts as a reader does: by their labels, with keys, text and the pointer."""

from __future__ import annotations

from typing import Any

from playwright.sync_api import FrameLocator, Locator

from tests.browser.sight import expect

PRESSES_MAX = 200
# Of a group of boxes or sliders: each in the order in which they are read, row by row.
IN_ROWS = """group => {
  const parts = [...group.querySelectorAll("input, .noUi-handle")].map((part) => [part, part.getBoundingClientRect()]);
  parts.sort(([, one], [, other]) => Math.round((one.y - other.y) / 8) || one.x - other.x);
  parts.forEach(([part], place) => part.setAttribute("data-place", place));
}"""


def move(drawn: FrameLocator, *said: Any) -> None:
    """Make one move: press a button of this name, or bring the control with a label, or a part of it, to a state."""
    if len(said) == 1:
        drawn.get_by_role("button", name=said[0], exact=True).click()
        return
    label, state = said[0], said[-1]
    if state.get("value") in (True, False):
        drawn.get_by_label(label).set_checked(state["value"])
        return
    control = drawn.get_by_text(label, exact=True).first.locator("..")
    # What a function shows may be there before all of its controls are.
    if len(said) == 3:
        control.locator("input, .noUi-handle").nth(said[1]).wait_for()
        control.evaluate(IN_ROWS)
        control = control.locator(f"[data-place='{said[1]}']")
    (_choose if "index" in state else _set)(control, *state.values())


def _choose(control: Locator, index: int) -> None:
    control.locator("select, input, .noUi-handle, button").first.wait_for()
    if control.locator("select").count():
        control.locator("select").select_option(index=index)
    elif control.locator("input[type=radio]").count():
        control.locator("input[type=radio]").nth(index).check()
    elif control.get_by_role("slider").count():
        handle = control.get_by_role("slider")
        handle.press("Home")
        for _ in range(index):
            handle.press("ArrowRight")
    else:
        control.get_by_role("button").nth(index).click()


def _set(control: Locator, value: Any) -> None:
    if isinstance(value, list):
        expect(control.get_by_role("slider")).to_have_count(len(value))
        for handle, end in zip(control.get_by_role("slider").all(), value, strict=True):
            _step(handle, end)
    elif isinstance(value, str):
        is_field = control.evaluate("node => node.matches('input')")
        field = control if is_field else control.locator("input[type=text], textarea").first
        field.fill(value)
        field.press("Tab" if field.evaluate("node => node.matches('textarea')") else "Enter")
    elif control.evaluate("node => node.matches('.noUi-handle')"):
        _step(control, value)
    else:
        control.locator(".widget-readout").fill(str(value))
        control.locator(".widget-readout").press("Enter")


def _step(handle: Locator, value: float) -> None:
    for _ in range(PRESSES_MAX):
        now = float(handle.get_attribute("aria-valuenow") or "nan")
        if abs(now - value) < 1e-6:
            return
        handle.press("ArrowUp" if now < value else "ArrowDown")
    raise AssertionError(f"a slider did not come to {value}")
