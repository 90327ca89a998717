"""Completion, signatures and documentation know the names that the code itself makes, and those of linked cells."""

from __future__ import annotations

import re

import pytest

from tests.browser.cell import Cell
from tests.browser.late_part import LatePart
from tests.browser.sight import expect


def typed(page, cell: Cell, *lines: str) -> None:
    """Type code into an empty editor; the last line is left where it ends."""
    cell.write("").enter()
    for line in lines[:-1]:
        page.keyboard.insert_text(f"{line}\n")
    page.keyboard.type(lines[-1])


def test_tab_completes_with_what_the_code_imports(page, cell):
    typed(page, cell, "import math", "math.sq")
    page.keyboard.press("Tab")
    expect(cell.field).to_have_value("import math\nmath.sqrt")


def test_names_of_the_code_are_offered_and_chosen(page, cell):
    typed(page, cell, "def area_of_a_circle(radius): pass", "def area_of_a_square(side): pass", "area")
    page.keyboard.press("Tab")
    expect(cell.node.locator(".popup [role=option]")).to_have_text(["area_of_a_circle", "area_of_a_square"])
    page.keyboard.press("ArrowDown")
    page.keyboard.press("Enter")
    assert cell.code.endswith("\narea_of_a_square")


def test_what_is_asked_before_suggestions_have_come_is_answered_when_they_have(page, cell):
    suggestions = LatePart(page, "suggestions")
    cell.write("").field.focus()
    page.keyboard.type("enumer")
    page.keyboard.press("Tab")
    suggestions.come()
    expect(cell.field).to_have_value("enumerate")


def test_a_bracket_that_is_typed_before_suggestions_have_come_gets_its_signature(page, cell):
    suggestions = LatePart(page, "suggestions")
    cell.write("").field.focus()
    page.keyboard.type("print(")
    suggestions.come()
    expect(cell.node.locator(".signature")).to_contain_text("sep=")


def test_where_suggestions_cannot_be_had_tab_indents_until_they_can(page, cell):
    suggestions = LatePart(page, "suggestions")
    cell.write("").field.focus()
    page.keyboard.type("enumer")
    page.keyboard.press("Tab")
    suggestions.fail()
    expect(cell.field).to_have_value(re.compile("^enumer +$"))
    cell.button.focus()
    cell.enter()


def test_a_bracket_shows_the_signature_until_it_is_closed(page, cell):
    typed(page, cell, "import math", "x = math.sqrt(")
    signature = cell.node.locator(".signature")
    expect(signature).to_contain_text("math.sqrt(x, /)")
    expect(signature).to_contain_text("square root")
    page.keyboard.type("math.gcd(4")
    expect(signature).to_contain_text("math.gcd(*integers)")
    page.keyboard.type(") + 2")
    expect(signature).to_have_count(0)
    assert "math.sqrt(math.gcd(4) + 2" in cell.code


def test_escape_and_leaving_the_editor_close_the_signature(page, cell):
    typed(page, cell, "print(")
    signature = cell.node.locator(".signature")
    expect(signature).to_contain_text("sep=")
    page.keyboard.press("Escape")
    expect(signature).to_have_count(0)
    typed(page, cell, "print(")
    expect(signature).to_be_visible()
    cell.button.focus()
    expect(signature).to_have_count(0)


def test_documentation_of_a_function_of_the_cell_comes_on_demand(page, cell):
    typed(page, cell, 'def mean(numbers):\n    """Return the average, which is no median."""', "mean(")
    expect(cell.node.locator(".signature")).to_contain_text("mean(numbers)")
    page.keyboard.press("Shift+Tab")
    expect(cell.node.locator(".popup")).to_contain_text("no median")
    expect(cell.node.locator(".popup")).to_contain_text("Docstring")


def test_a_bracket_of_no_function_shows_nothing(page, cell):
    for text in ("x = (", "x = nothing_of_this_name("):
        typed(page, cell, text)
        # What is asked after it is answered after it.
        typed(page, cell, "print(")
        expect(cell.node.locator(".popup"), text).to_contain_text("sep=")
        typed(page, cell, text)
        page.keyboard.type("enumer")
        page.keyboard.press("Tab")
        expect(cell.field, text).to_have_value(re.compile("enumerate"))
        expect(cell.node.locator(".popup"), text).to_have_count(0)


def test_a_linked_cell_knows_what_the_cells_before_it_have_defined(page, embed):
    html = "<single-cell linked id=a><pre>table = {'apples': 3}; helper = table.keys</pre></single-cell>"
    embed(f"{html}<single-cell linked id=b></single-cell>").run()
    second = Cell(page, "#b")
    typed(page, second, "helpe")
    page.keyboard.press("Control+Space")
    expect(second.field).to_have_value("helper")


SYNTAX_ERRORS = {
    "x = 1\ny = (2 +\nz = 3": "Line 2",
    "x = 1\ny = 'abc": "Line 2",
    "\nx = = 2": "Line 2",
    "2x + 1": "Line 1",
    "for i in [1..3]\n    print(i)": "Line 1",
    "R.<x> = QQ[]\nx^2 +* 3": "Line 2",
}


@pytest.mark.sage
def test_a_syntax_error_of_sage_shows_its_line(embed):
    cell = embed("<single-cell language=sage></single-cell>")
    for code, line in SYNTAX_ERRORS.items():
        expect(cell.run(code).output.locator(".error-number"), code).to_have_text(line)
        expect(cell.node.locator(".guilty-line"), code).to_have_count(1)


@pytest.mark.sage
def test_sage_completes_what_the_code_makes(page, embed):
    cell = embed("<single-cell language=sage></single-cell>")
    typed(page, cell, "R.<x> = QQ[]", "x.facto")
    page.keyboard.press("Tab")
    expect(cell.node.locator(".popup [role=option]").first).to_have_text(".factor")
    typed(page, cell, "R.<t> = QQ[]", "M = matrix([[1, 2], [3, 4]])", "M.charpo")
    page.keyboard.press("Tab")
    expect(cell.field).to_have_value("R.<t> = QQ[]\nM = matrix([[1, 2], [3, 4]])\nM.charpoly")
