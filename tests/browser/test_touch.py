"""Cells work on phones, with fingers, on-screen keyboards, small and zoomed screens."""

from __future__ import annotations

import re
from collections.abc import Iterator

import pytest
from playwright.sync_api import Page

from tests.browser.cell import Cell
from tests.browser.conftest import DEADLINE_MS
from tests.browser.sight import expect, until

LONG = "\n".join(f"print({number})" for number in range(80))
FINGER_PX = 40  # WCAG 2.2 asks for 24, phones' own rules for 44 to 48 with their spacing
TYPED_AS_IT_IS = {
    "autocapitalize": "off",
    "autocomplete": "off",
    "autocorrect": "off",
    "spellcheck": "false",
    "translate": "no",
}


@pytest.fixture
def phone(browser, server) -> Iterator[Page]:
    """A phone of 360 × 640 pixels that shows the server's page."""
    context = browser.new_context(
        viewport={"width": 360, "height": 640}, has_touch=True, is_mobile=True, device_scale_factor=2, locale="en-GB"
    )
    context.set_default_timeout(DEADLINE_MS)
    page = context.new_page()
    page.goto(server.url)
    yield page
    context.close()


def test_a_cell_is_run_by_a_finger(phone):
    cell = Cell(phone).ready()
    cell.write("print('tapped')")
    cell.button.tap()
    cell.shows("tapped").ends()
    for button in cell.node.locator("button:visible, select:visible").all():
        assert button.bounding_box()["height"] >= FINGER_PX
    assert phone.evaluate("document.documentElement.scrollWidth") <= 360


def test_keyboards_leave_the_code_as_it_is_typed_and_the_page_is_not_zoomed(phone):
    cell = Cell(phone).ready()
    for name, value in TYPED_AS_IT_IS.items():
        expect(cell.field).to_have_attribute(name, value)
    cell.field.tap()
    # Below 16 pixels phones zoom into a field that gets the focus.
    assert float(cell.field.evaluate("field => parseFloat(getComputedStyle(field).fontSize)")) >= 16


def test_run_stays_in_sight_above_the_keyboard_while_long_code_is_typed(phone):
    cell = Cell(phone).ready()
    cell.write(LONG)
    phone.set_viewport_size({"width": 360, "height": 320})  # what a keyboard leaves
    cell.field.evaluate("field => { field.focus(); field.scrollIntoView({ block: 'start' }) }")
    expect(cell.button).to_be_in_viewport(ratio=1)
    cell.field.evaluate("field => field.blur()")
    expect(cell.button).not_to_be_in_viewport()


def test_keyboards_that_cover_the_page_push_the_bar_up(phone):
    cell = Cell(phone).ready()
    cell.write(LONG)
    # What a phone's browser reports when its keyboard covers the lower part of the window.
    phone.evaluate("Object.defineProperty(visualViewport, 'height', { get: () => innerHeight - 250 })")
    cell.field.evaluate("field => { field.focus(); field.scrollIntoView({ block: 'start' }) }")
    box = cell.button.bounding_box()
    assert box["y"] + box["height"] <= phone.evaluate("innerHeight") - 250


def test_a_row_of_keys_types_what_the_keyboard_hides_and_leaves_the_keyboard_there(phone):
    cell = Cell(phone).ready()
    cell.write("")
    row = cell.node.get_by_role("toolbar", name="Characters")
    expect(row).to_be_hidden()
    cell.field.tap()
    keys = row.get_by_role("button")
    expect(keys).to_have_text(list("⇥()[]{}:='\"#"))
    for key in keys.all():
        box = key.bounding_box()
        assert box["height"] >= FINGER_PX and box["width"] >= 24 and 0 <= box["x"] <= 360 - box["width"]
    for name in ("Tab", "[", "'"):
        row.get_by_role("button", name=name, exact=True).tap()
        expect(cell.field).to_be_focused()
    assert cell.code == "    ['']"
    for name in ("'", "]", "#", "="):
        row.get_by_role("button", name=name, exact=True).tap()
    assert cell.code == "    ['']#="
    phone.keyboard.press("Control+z")
    assert cell.code != "    ['']#="
    cell.field.evaluate("field => field.blur()")
    expect(row).to_be_hidden()


def test_the_key_for_tab_completes_a_name(phone):
    cell = Cell(phone).ready()
    cell.write("").enter()
    cell.field.tap()
    phone.keyboard.type("enumer")
    cell.node.get_by_role("button", name="Tab", exact=True).tap()
    expect(cell.field).to_have_value("enumerate")


def test_code_that_cannot_be_changed_has_no_row_of_keys(phone):
    cell = Cell(phone).ready()
    cell.node.evaluate("cell => cell.setAttribute('readonly', '')")
    cell.field.focus()
    expect(cell.node.get_by_role("toolbar", name="Characters")).to_be_hidden()


def test_the_row_of_keys_stays_above_the_keyboard_with_the_bar(phone):
    cell = Cell(phone).ready()
    cell.write(LONG)
    phone.evaluate("Object.defineProperty(visualViewport, 'height', { get: () => innerHeight - 250 })")
    cell.field.evaluate("field => { field.focus(); field.scrollIntoView({ block: 'start' }) }")
    box = cell.node.locator(".keys").bounding_box()
    assert box["height"] > 0 and box["y"] + box["height"] <= phone.evaluate("innerHeight") - 250


@pytest.mark.parametrize("width", [320, 360, 768, 1280])
def test_the_bar_keeps_its_height_whatever_the_cell_does(embed, page, width):
    page.set_viewport_size({"width": width, "height": 640})
    cell = embed("<meta name=viewport content='width=device-width'><single-cell>print(1)</single-cell>")
    bar = cell.node.locator(".bar")
    cell.node.evaluate(
        """cell => { window.heights = new Set();
          const look = (entries) => entries.forEach(({ borderBoxSize: [{ blockSize }] }) => heights.add(blockSize));
          new ResizeObserver(look).observe(cell.shadowRoot.querySelector(".bar")) }"""
    )
    cell.run()
    cell.run("1 / 0")
    cell.start("import time\nprint('begun')\nwhile True: time.sleep(0.05)").shows("begun")
    expect(cell.status).to_contain_text("Running")
    cell.button.click()
    cell.ends()
    assert len(page.evaluate("[...heights]")) == 1, page.evaluate("[...heights]")
    assert bar.bounding_box()["height"] > 0


def test_what_is_wider_than_a_phone_shows_at_which_side_it_goes_on(phone):
    cell = Cell(phone).ready()
    cell.run("import pandas as pd\npd.DataFrame([range(30)])")
    root = cell.drawn.locator(":root")
    expect(root).to_have_class(re.compile("more-after"))
    expect(root).not_to_have_class(re.compile("more-before"))
    root.evaluate("root => { root.scrollLeft = 50 }")
    expect(root).to_have_class(re.compile("more-before"))
    root.evaluate("root => { root.scrollLeft = 1e6 }")
    expect(root).not_to_have_class(re.compile("more-after"))
    cell.run("import pandas as pd\npd.DataFrame([range(2)])")
    expect(cell.drawn.locator("td")).to_have_count(2)
    expect(root).not_to_have_class(re.compile("more"))
    head, line = "|".join(f"column {number}" for number in range(9)), "|".join(["---"] * 9)
    cell.run(f"from IPython.display import Markdown\nMarkdown('|{head}|\\n|{line}|\\n|{head}|')")
    table = cell.output.locator("table")
    expect(table).to_have_class(re.compile("more-after"))
    assert table.locator("th").first.bounding_box()["height"] < 60, "words are not cut into letters"


def test_a_scene_in_three_dimensions_fits_a_phone(phone):
    cell = Cell(phone).ready()
    cell.run("import plotly.graph_objects as go\ngo.Figure(go.Surface(z=[[1, 2], [3, 1]]), {'height': 200})")
    drawn = cell.drawn.locator(".main-svg").first
    expect(drawn).to_be_visible()
    until(phone, lambda: drawn.evaluate("svg => svg.getBoundingClientRect().right <= innerWidth"))


def test_a_question_is_answered_on_a_phone(phone):
    cell = Cell(phone).ready()
    cell.start("print('Hello', input('Your name? '))")
    field = cell.output.get_by_label("Your name?")
    field.tap()
    field.fill("Ada")
    cell.output.get_by_role("button", name="Send").tap()
    cell.shows("Hello Ada")


def test_everything_is_there_at_twice_the_size(browser, server):
    """A window of 1280 × 800 pixels at 200 % is one of 640 × 400, at 400 % one of 320 × 256 (WCAG 1.4.4, 1.4.10)."""
    for width, height, scale in ((640, 400, 2), (320, 256, 4)):
        context = browser.new_context(viewport={"width": width, "height": height}, device_scale_factor=scale)
        page = context.new_page()
        page.goto(server.url)
        cell = Cell(page).ready()
        cell.run("print('word ' * 100)\n1 / 0")
        assert page.evaluate("document.documentElement.scrollWidth") <= width
        for part in (".run", ".status", "[part=share-button]", ".error-title", ".error summary"):
            box = cell.node.locator(part).bounding_box()
            assert box["x"] >= 0 and box["x"] + box["width"] <= width, part
        context.close()


def test_text_made_twice_as_large_by_the_page_is_not_cut(embed, page):
    page.set_viewport_size({"width": 640, "height": 800})
    cell = embed(
        "<single-cell style='--singlecell-code-size: 28px; zoom: 2'>print('large')</single-cell>",
    )
    cell.run().shows("large")
    assert page.evaluate("document.documentElement.scrollWidth") <= 640
    assert cell.button.evaluate("button => button.scrollWidth <= button.clientWidth + 1")
