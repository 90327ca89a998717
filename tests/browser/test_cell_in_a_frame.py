"""A page that may have frames and no scripts holds a cell all the same, as high as it has to be."""

from __future__ import annotations

import re
from itertools import cycle
from pathlib import Path
from urllib.parse import quote, urlencode

import pytest
from playwright.sync_api import FrameLocator, Page

from tests.browser.cell import Cell
from tests.browser.sight import expect, until

ROOT = Path(__file__).parents[2]
LISTENER = (
    (ROOT / "docs/embedding.md").read_text().split("needs these lines once:")[1].split("```")[1].removeprefix("html")
)

FIRST_PX = 150  # of a frame that has not been told how high its page is


class FramedCell(Cell):
    """The cell in the first frame of a page."""

    def __init__(self, page: Page, frame: FrameLocator) -> None:
        super().__init__(page)
        self.frame = frame
        self.node = frame.locator("single-cell")
        self.output, self.status = self.node.locator(".output"), self.node.locator(".status")
        self.button, self.field = self.node.locator(".run"), self.node.locator(".pce-textarea")


@pytest.fixture
def framed(server, site, page):
    """Put a cell into a frame of a page of another origin: ``framed(head="", sandbox=None, code="1")``."""

    def framed(
        head: str = LISTENER, sandbox: str | None = None, path: str = "/cell", **arguments: str
    ) -> FramedCell:
        address = f"{server.url}{path}?{urlencode(arguments)}".replace("&", "&amp;")
        allowed = "" if sandbox is None else f'sandbox="{sandbox}"'
        frame = (
            f'<iframe src="{address}" title="A cell" width="100%" height="{FIRST_PX}" '
            f'style="border: 0" {allowed}></iframe>'
        )
        text = f"<!doctype html><html lang=en><title>A page</title><link rel=icon href='data:,'>{head}"
        page.goto(site.put(f"{text}<p id=above>above</p>{frame}<p id=below>below</p>"))
        return FramedCell(page, page.frame_locator("iframe")).ready()

    return framed


def overflow_px(cell: FramedCell) -> int:
    """Return by how much the frame's page is higher than the frame."""
    return cell.frame.locator("html").evaluate("root => root.scrollHeight - root.ownerDocument.defaultView.innerHeight")


def height_px(page: Page) -> int:
    return round(page.locator("iframe").bounding_box()["height"])


def told_px(page: Page, cell: FramedCell) -> int:
    """Wait until a frame is as high as its page, of which the page around it is told; return its height in pixels."""
    until(page, lambda: cell.frame.locator("main").evaluate("main => Math.ceil(main.offsetHeight)") == height_px(page))
    return height_px(page)


def test_a_frame_runs_its_cell_and_is_as_high_as_it(framed, page):
    cell = framed(code="for i in range(30): print(i)", setup="range = lambda n: [n]", language="python")
    before_px = told_px(page, cell)
    cell.run().shows("30")
    cell.run("for i in __import__('builtins').range(30): print(i)").shows("29")
    assert told_px(page, cell) > before_px + 300 and overflow_px(cell) == 0
    cell.node.evaluate("cell => cell.reset()")
    cell.frame.get_by_role("button", name="Undo").click()  # and the note that offers it goes
    expect(page.locator("iframe")).to_have_css("height", f"{before_px}px")
    assert page.watch.errors == []


def test_suggestions_and_the_share_dialog_are_not_cut_off(framed, page):
    cell = framed(path="/iframe", code="1", language="python")
    small_px = told_px(page, cell)
    cell.write("pr").enter()
    page.keyboard.press("Control+End")
    page.keyboard.press("Control+Space")
    expect(cell.node.locator(".popup")).to_be_visible()
    until(page, lambda: overflow_px(cell) == 0)
    page.keyboard.press("Escape")
    cell.node.locator("[part=share-button]").click()
    dialog = cell.node.get_by_role("dialog")
    expect(dialog.locator("#share-long")).to_have_value(re.compile(r"[?]"))
    expect(page.locator("iframe")).not_to_have_css("height", f"{small_px}px")
    until(page, lambda: dialog.evaluate("node => node.scrollHeight - node.clientHeight") == 0)
    page.keyboard.press("Escape")
    expect(dialog).to_have_count(0)


def test_without_a_listener_the_frame_keeps_its_height_and_scrolls(framed, page):
    cell = framed(head="", code="for i in range(100): print(i)", autorun="now")
    cell.shows("99")
    assert height_px(page) == FIRST_PX
    last = cell.frame.locator(".stdout")
    last.evaluate("node => node.scrollIntoView({ block: 'end' })")
    expect(last).to_be_in_viewport()
    assert overflow_px(cell) > 0


def test_course_systems_that_know_the_message_by_its_subject_follow_it(framed, page):
    listener = """<script>addEventListener("message", ({ source, data }) => {
      if (data.subject === "lti.frameResize") (window.heights ??= []).push([data.height, source === frames[0]])
    })</script>"""
    framed(head=listener, code="1")
    page.wait_for_function("window.heights")
    [[height, is_ours], *_] = page.evaluate("heights")
    assert is_ours and height > 80


@pytest.mark.parametrize("sandbox", ["allow-scripts", "allow-scripts allow-same-origin"])
def test_a_cell_runs_in_the_sandbox_that_some_systems_put_around_frames(framed, page, sandbox):
    cell = framed(sandbox=sandbox, code="from IPython.display import HTML; HTML('<b>bold</b>')")
    cell.run()
    expect(cell.drawn.locator("b")).to_have_text("bold")
    until(page, lambda: overflow_px(cell) == 0)


def test_what_is_wrong_with_the_address_stands_in_the_frame(server, site, page):
    page.goto(site.put(f"<!doctype html><title>x</title>{LISTENER}<iframe src='{server.url}/cell?q=none'></iframe>"))
    alert = page.frame_locator("iframe").get_by_role("alert")
    expect(alert).to_have_text("There is no permalink with this id.")


def test_pages_that_the_setting_does_not_name_cannot_frame_the_other_pages(server, site, page):
    page.goto(site.put(f"<!doctype html><title>x</title><iframe src='{server.url}/embed'></iframe>"))
    expect(page.frame_locator("iframe").locator("#embed")).to_have_count(0)


def test_without_javascript_the_code_is_there_and_its_setup_is_not(server, browser):
    context = browser.new_context(java_script_enabled=False)
    page = context.new_page()
    page.goto(f"{server.url}/cell?code={quote('print(1)')}&setup=secret")
    expect(page.get_by_text("print(1)")).to_be_visible()
    expect(page.get_by_text("secret")).to_be_hidden()
    context.close()


THEMES = {"": "light", "light": "light", "dark": "dark", "system": None}


def test_a_frame_is_light_unless_its_address_says_otherwise(framed, page):
    # Each is opened in the scheme in which the one before was left, and sees the other.
    for (theme, shown), systems in zip(THEMES.items(), cycle((("light", "dark"), ("dark", "light")))):
        page.emulate_media(color_scheme=systems[0])
        cell = framed(code="1", **({"theme": theme} if theme else {}))
        for system in systems:
            page.emulate_media(color_scheme=system)
            dark = (shown or system) == "dark"
            expect(cell.node.locator(".cell"), f"{theme} {system}").to_have_class("cell dark" if dark else "cell")
            ground = cell.frame.locator("html").evaluate("root => getComputedStyle(root).colorScheme")
            assert ground == (shown or "light dark"), (theme, system)
