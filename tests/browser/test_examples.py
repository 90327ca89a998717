"""Below the cell of ``/``, the examples of a language are offered when the server can run it."""

from __future__ import annotations

import re

import pytest

from harness.languages import is_installed
from tests.browser.cell import Cell
from tests.browser.late_part import LateFile
from tests.browser.sight import expect

# Languages that have a tab where they are installed, by their labels.
OPTIONAL = {
    "R": "r", "C": "c", "C++": "cpp", "Bash": "bash", "JavaScript": "javascript", "Octave": "octave", "Java": "java",
}  # fmt: skip
# What each example of a language shows.
SHOWN = {
    "sage": {
        "a plot": "img.picture",
        "an interact": ".area img.picture",
        "a surface in 3-D": "iframe",
        "an integral": ".katex",
        "an elliptic curve": "img.picture",
        "a Gröbner basis": ".katex",
        "a graph colouring": "img.picture",
    },
    "r": {
        "a plot": "img.picture",
        "a data frame": "iframe",
        "a linear model": "img.picture",
        "a test": "img.picture",
        "a question": ".answered",
        "a random walk": "img.picture",
    },
}
# Those that are seen: other languages have examples of the same names.
PRESS = """(all, names) => all
  .filter((node) => node.checkVisibility() && names.includes(node.textContent))
  .forEach((node) => node.click())"""


def test_one_language_alone_needs_no_tabs(server, page):
    def only_the_first(route):
        answer = route.fetch()
        languages = answer.json()["languages"]
        route.fulfill(response=answer, json={"languages": languages[:1]})

    page.route("**/languages", only_the_first)
    page.goto(server.url)
    cell = Cell(page).ready()
    page.get_by_role("button", name="a file", exact=True).click()
    cell.shows("squares.csv is ready")
    expect(page.get_by_role("tab")).to_have_count(0)


def test_an_example_that_is_pressed_before_the_cell_has_come_runs(server, page):
    script = LateFile(page, "**/embedded_singlecell.js")
    with page.expect_request("**/languages"):  # by the script that hears the press
        page.goto(server.url, wait_until="commit")
    page.get_by_role("button", name="a file", exact=True).click()
    script.come()
    Cell(page).shows("squares.csv is ready")


def test_of_two_examples_that_are_pressed_while_a_program_ends_the_last_one_runs(page, cell):
    cell.start("print('begun')\nwhile True: pass").shows("begun")
    page.locator("button.example").evaluate_all(PRESS, ["a data frame", "a file"])
    cell.shows("squares.csv is ready")
    assert "squares.csv" in cell.code


@pytest.mark.sage
def test_each_language_has_its_tab_and_arrows_move_between_them(page, cell):
    tabs = page.get_by_role("tab")
    optional = [label for label, name in OPTIONAL.items() if is_installed(name)]
    names = ["Python", "Sage", "GAP", "GP", "Maxima", "Singular", *optional, "HTML", "Markdown"]
    expect(tabs).to_have_text(names)
    expect(page.get_by_role("button", name="an elliptic curve")).to_have_count(0)
    tabs.first.focus()
    page.keyboard.press("ArrowRight")
    expect(tabs.nth(1)).to_be_focused()
    expect(tabs.nth(1)).to_have_attribute("aria-selected", "true")
    expect(page.get_by_role("button", name="an elliptic curve")).to_be_visible()
    expect(page.get_by_role("button", name="a data frame")).to_have_count(0)
    for _ in names[1:]:
        page.keyboard.press("ArrowRight")
    expect(page.get_by_role("tab", name="Python")).to_be_focused()
    expect(page.get_by_role("button", name="a formula")).to_be_visible()


@pytest.mark.parametrize(
    "language", [pytest.param("sage", marks=pytest.mark.sage), pytest.param("r", marks=pytest.mark.r)]
)
def test_every_example_runs_and_shows_what_it_promises(page, cell, language):
    page.locator(f"#tab-{language}").click()
    offered = page.get_by_role("tabpanel").get_by_role("button")
    expect(offered).to_have_text(list(SHOWN[language]))
    for name, selector in SHOWN[language].items():
        cell.node.evaluate("cell => cell.setAttribute('state', 'idle')")  # an old end must not be taken for the new one
        page.get_by_role("button", name=name, exact=True).click()
        expect(cell.node).to_have_attribute("language", language)
        if selector == ".answered":
            field = cell.output.get_by_label("What is your name?")
            field.fill("Zoë")
            field.press("Enter")
        expect(cell.node).to_have_attribute("state", re.compile("done|failed|cancelled"))
        expect(cell.output.locator(selector).first).to_be_visible()
        expect(cell.output.locator(".error")).to_have_count(0)
    assert page.watch.errors == []
