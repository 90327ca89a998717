"""The language that a reader chooses is remembered where the same ones are offered, and links carry it."""

from __future__ import annotations

import re

import pytest

from tests.browser.cell import Cell
from tests.browser.late_part import LateFile
from tests.browser.sight import expect

CELLS = """
<single-cell id=a languages='python sage'></single-cell>
<single-cell id=b languages='sage, python'></single-cell>
<single-cell id=c languages='python sage'>a = 1</single-cell>
<single-cell id=d languages='python sage r'></single-cell>
"""
NO_STORAGE = """for (const name of ["localStorage", "sessionStorage"])
    Object.defineProperty(window, name, { get() { throw new DOMException("no", "SecurityError"); } });"""


@pytest.fixture
def offered(page) -> None:
    """Languages that need not be installed: nothing is run in them."""
    languages = [{"name": name, "label": name.title(), "available": True} for name in ("python", "sage", "r")]
    page.route("**/languages", lambda route: route.fulfill(json={"languages": languages}))


def languages_of(page) -> list[str]:
    return [Cell(page, f"#{id}").ready().node.evaluate("cell => cell.language") for id in "abcd"]


def test_an_empty_cell_is_in_the_language_chosen_last_among_the_same_ones(embed, page, offered):
    cell = embed(CELLS)
    menu = cell.node.get_by_role("combobox")
    menu.select_option("sage")
    page.reload()
    assert languages_of(page) == ["sage", "sage", "python", "python"]
    expect(Cell(page, "#b").node.get_by_role("combobox")).to_have_value("sage")
    Cell(page, "#b").node.get_by_role("combobox").select_option("python")
    page.reload()
    assert languages_of(page) == ["python", "python", "python", "python"]


def test_where_nothing_can_be_remembered_a_language_is_chosen_all_the_same(embed, page, offered):
    page.add_init_script(NO_STORAGE)
    cell = embed(CELLS)
    cell.node.get_by_role("combobox").select_option("sage")
    expect(cell.node).to_have_attribute("language", "sage")
    assert page.watch.errors == []


def test_a_language_that_is_set_while_their_list_is_on_its_way_is_the_chosen_one(embed, page, offered):
    answer = LateFile(page, "**/languages")
    cell = embed("<single-cell languages=all></single-cell>")
    cell.node.evaluate("cell => { cell.language = 'r' }")
    answer.come()
    expect(cell.node.get_by_label("Language")).to_have_value("r")


@pytest.mark.bash
def test_a_link_shows_a_language_and_links_to_its_code_carry_it(server, page):
    page.goto(f"{server.url}/?lang=bash")
    cell = Cell(page).ready()
    expect(cell.node).to_have_attribute("language", "bash")
    expect(page.get_by_role("tab", selected=True)).to_have_text("Bash")
    expect(page.get_by_role("button", name="a question")).to_be_visible()
    assert "sort | uniq -c" in cell.code
    cell.run("echo $((6 * 7))").shows("42")
    cell.node.locator("[part=share-button]").click()
    dialog = cell.node.get_by_role("dialog")
    expect(dialog.locator("#share-long")).to_have_value(re.compile("lang=bash"))
    dialog.get_by_role("button", name="Make a short link").click()
    expect(dialog.locator("#share-short")).to_have_value(re.compile("[?]q="))
    for link in ("#share-long", "#share-short"):
        address = dialog.locator(link).input_value()
        page.context.new_page().goto(address)
        other = Cell(page.context.pages[-1]).ready()
        expect(other.node).to_have_attribute("language", "bash")
        other.shows("42")


def test_a_link_to_a_language_without_examples_shows_an_empty_cell_in_it(server, page):
    page.goto(f"{server.url}/?lang=fortran")
    cell = Cell(page).ready()
    expect(cell.node).to_have_attribute("language", "fortran")
    assert cell.code == ""


def test_the_code_of_a_cell_has_the_colours_of_its_language(embed, page):
    codes = {"html": "<b>bold</b>", "markdown": "# Title", "java": "int x;"}
    cell = "<single-cell language={}><script type='text/plain'>{}</script></single-cell>"
    embed("".join(cell.format(language, code) for language, code in codes.items()))
    for language in codes:
        token = page.locator(f"single-cell[language={language}] .pce-line .token")
        expect(token.first, language).to_be_visible()
