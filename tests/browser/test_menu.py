"""The menu of a cell copies its output, downloads its code, fills the screen, and leads to what is installed."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from playwright.sync_api import Locator

from tests.browser.cell import Cell
from tests.browser.late_part import LatePart
from tests.browser.sight import expect


def opened(cell: Cell) -> Locator:
    """Open the menu."""
    cell.node.get_by_role("button", name="More").click()
    menu = cell.node.get_by_role("menu")
    expect(menu).to_be_visible()
    return menu


def choose(cell: Cell, name: str) -> None:
    """Choose something in the menu."""
    opened(cell).get_by_role("menuitem", name=name).click()


def test_the_output_is_copied_as_text(page, cell):
    page.context.grant_permissions(["clipboard-read", "clipboard-write"])
    code = "import sys\nprint('\\x1b[31mred\\x1b[0m'); print('10 %\\r20 %', end='\\r'); print('done')\n40 + 2"
    cell.run(code)
    choose(cell, "Copy output")
    expect(cell.node.locator(".unseen[role=status]")).to_have_text("Copied")
    assert page.evaluate("navigator.clipboard.readText()") == "red\ndone\n42"
    cell.run("1 / 0")
    choose(cell, "Copy output")
    expect(cell.node.locator(".unseen[role=status]")).to_have_text("Copied")
    copied = page.evaluate("navigator.clipboard.readText()")
    assert "ZeroDivisionError" in copied and "\x1b" not in copied


def test_a_figure_alone_is_copied_as_a_picture(page, cell):
    page.context.grant_permissions(["clipboard-read", "clipboard-write"])
    cell.run("import matplotlib.pyplot as plt\nplt.plot([1]);")
    choose(cell, "Copy output")
    expect(cell.node.locator(".unseen[role=status]")).to_have_text("Copied")
    types = page.evaluate("navigator.clipboard.read().then(([item]) => item.types)")
    assert types == ["image/png"]


def test_a_cell_without_output_has_nothing_to_copy(cell):
    expect(opened(cell).get_by_role("menuitem", name="Copy output")).to_have_count(0)


def test_who_presses_again_while_menu_or_dialog_comes_gets_one_of_each(page, cell):
    menu, share = (LatePart(page, name) for name in ("menu", "share"))
    for _ in range(2):
        cell.node.get_by_role("button", name="More").click()
    menu.come()
    expect(cell.node.get_by_role("menu")).to_have_count(1)
    for _ in range(2):
        cell.node.locator("[part=share-button]").click()
    share.come()
    expect(cell.node.locator("dialog")).to_have_count(1)
    page.keyboard.press("Escape")
    expect(cell.node.locator("dialog")).to_have_count(0)


def test_the_code_is_downloaded_under_a_name_of_its_language(page, cell):
    cell.write("print('é')\n")
    with page.expect_download() as download:
        choose(cell, "Download code")
    assert download.value.suggested_filename == "try.py"
    assert Path(download.value.path()).read_text() == "print('é')\n"


def test_a_cell_fills_the_screen_and_leaves_it(page, cell):
    choose(cell, "Full screen")
    expect(page.locator("single-cell:fullscreen")).to_have_count(1)
    whole = "node => node.offsetWidth === innerWidth && node.offsetHeight === innerHeight"
    page.wait_for_function(whole, arg=cell.node.element_handle())
    cell.run("print('here')").shows("here")
    choose(cell, "Leave full screen")
    expect(page.locator("single-cell:fullscreen")).to_have_count(0)


def test_the_menu_leads_to_what_is_installed(page, cell, server):
    with page.context.expect_page() as opening:
        choose(cell, "What is installed")
    installed = opening.value
    expect(installed).to_have_url(f"{server.url}/installed#python")
    python = installed.get_by_role("region", name=re.compile("Python 3"))
    expect(python.get_by_text("numpy", exact=True)).to_be_visible()
    field = installed.get_by_label("Find a package")
    field.fill("scikit_le")
    expect(python.get_by_role("listitem")).to_have_text([re.compile(r"^scikit-learn \d")])
    field.fill("no such thing")
    expect(installed.locator("#filter [role=status]")).to_have_text(re.compile("^0 of"))


def test_the_keyboard_moves_in_the_menu_and_the_page_hears_none_of_it(page, embed):
    cell = embed("<single-cell>1</single-cell>", "<script>var keys = []; onkeydown = e => keys.push(e.key)</script>")
    button = cell.node.get_by_role("button", name="More")
    button.focus()
    page.keyboard.press("Enter")
    items = cell.node.get_by_role("menuitem")
    expect(items.first).to_be_focused()
    expect(button).to_have_attribute("aria-expanded", "true")
    for key, at in (("ArrowUp", -1), ("ArrowDown", 0), ("End", -1), ("Home", 0)):
        page.keyboard.press(key)
        expect(items.nth(at)).to_be_focused()
    page.keyboard.press("Escape")
    expect(cell.node.get_by_role("menu")).to_have_count(0)
    expect(button).to_be_focused()
    expect(button).to_have_attribute("aria-expanded", "false")
    assert page.evaluate("keys") == []


def test_a_click_elsewhere_or_on_the_button_closes_the_menu(page, cell):
    opened(cell)
    cell.node.get_by_role("button", name="More").click()
    expect(cell.node.get_by_role("menu")).to_have_count(0)
    opened(cell)
    cell.field.click()
    expect(cell.node.get_by_role("menu")).to_have_count(0)


@pytest.mark.parametrize("attribute", ["hide=menu", "template=minimal"])
def test_a_cell_may_have_no_menu(embed, attribute):
    cell = embed(f"<single-cell {attribute}>1</single-cell>")
    expect(cell.node.get_by_role("button", name="More")).to_have_count(0)
