"""Interacts of Sage are moved by hands and keys: each family of controls, one in another, and in the page."""

from __future__ import annotations

from html import escape

import pytest
from playwright.sync_api import FrameLocator, Locator, Page

from tests.browser.cell import Cell
from tests.browser.sight import expect
from tests.browser.test_accessibility import RULES

pytestmark = pytest.mark.sage

FAMILIES = {
    "sliders": "@interact\ndef f(n=slider(1, 9, 1, 4), ends=range_slider(0, 10, 1, (2, 6), 'from, to'), t=(0, 1),\n"
    "      k=(1..9), several=MultiSlider(2, interval=[(0, 4)], stepsize=[1])):\n    print(n, ends, t, k, several)",
    "boxes": "@interact\ndef f(e=x^2, word='abc', draw=True, number=input_box(7, type=ZZ, width=10)):\n"
    "    print(diff(e, x), word, draw, number)",
    "choices": "@interact\ndef f(map=['turn', 'shear'], n=selector([1..6], nrows=2), ring=selector([ZZ, QQ], 'ring'),\n"
    "      op=Selector(['+', '*'], selector_type='radio'), c=Color('red')):\n    print(map, n, ring, op, c)",
    "grids": "@interact\ndef f(A=matrix([[1, 2], [3, 4]]), v=vector([1, 1])):\n    print(A * v)",
    "buttons": "total = 0\n@interact\ndef f(step=ButtonBar([(5, 'up'), (-1, 'down')], default=0), n=InputBox('a'),\n"
    "      auto_update=False):\n    global total\n    total += step\n    print(total, n)",
    "nested": "@interact(layout={'left': [['n']]})\ndef f(n=(1..3)):\n"
    "    @interact(controls=[('a%d' % k, (0, 2)) for k in range(n)])\n    def inner(**a):\n        print(sorted(a))",
}
IN_PAGE = """@interact(locations={"speed": "#speed", "_output": "#seen", "hidden": "#elsewhere"})
def drive(speed=slider(1, 9, 1, 3), hidden=slider(1, 5, 1, 1), here=("note", "a")):
    print("at", speed, hidden, here)"""


def cell_of(name: str, code: str) -> str:
    return f"<h2>{name}</h2><single-cell id={name} language=sage link-key=one><pre>{escape(code)}</pre></single-cell>"


def said(cell: Cell, text: str) -> None:
    """Wait until what the interact says is this."""
    expect(cell.output.locator(".area .stdout").last).to_have_text(f"{text}\n")


def press(page: Page, node: Locator, *keys: str) -> None:
    node.focus()
    for key in keys:
        page.keyboard.press(key)


def write(page: Page, node: Locator, text: str) -> None:
    node.fill(text)
    page.keyboard.press("Enter")


def check_access(page: Page, packages) -> None:
    """Fail where axe finds something in the document of an output."""
    for frame in [frame for frame in page.frames if frame.url == "about:srcdoc"]:
        frame.evaluate("() => (document.documentElement.style.background = '#ffffff')")
        frame.evaluate((packages / "axe-core/axe.min.js").read_text())
        found = frame.evaluate("rules => axe.run(document, { runOnly: rules })", RULES)["violations"]
        assert [f"{one['id']}: {node['html'][:160]}" for one in found for node in one["nodes"]] == []


def test_each_family_of_controls_is_moved_and_its_function_follows(embed, page, packages):
    embed("".join(cell_of(name, code) for name, code in FAMILIES.items()))
    cells = {name: Cell(page, f"#{name}").ready() for name in FAMILIES}
    for cell in cells.values():
        # To press a button while what is above it grows is to miss it.
        assert cell.node.evaluate("cell => cell.run()") == "done"

    drawn = cells["sliders"].drawn
    press(page, drawn.get_by_role("slider", name="n", exact=True), "ArrowRight", "ArrowRight")
    said(cells["sliders"], "6 (2, 6) 0.0 1 [0.0, 0.0]")
    press(page, drawn.get_by_role("slider", name="from, to ≤"), "End")
    press(page, drawn.get_by_role("slider", name="t", exact=True), "End")
    press(page, drawn.get_by_role("slider", name="k", exact=True), "ArrowRight")
    press(page, drawn.get_by_role("slider", name="2", exact=True), "ArrowUp")
    said(cells["sliders"], "6 (2, 10) 1.0 2 [0.0, 1.0]")

    drawn = cells["boxes"].drawn
    write(page, drawn.get_by_label("e", exact=True), "sin(x)")
    write(page, drawn.get_by_label("word"), "xyz")
    drawn.get_by_label("draw").uncheck()
    write(page, drawn.get_by_label("number"), "2^5")
    said(cells["boxes"], "cos(x) xyz False 32")

    drawn = cells["choices"].drawn
    drawn.get_by_role("button", name="shear").click()
    drawn.get_by_role("button", name="5", exact=True).click()
    drawn.get_by_label("ring").select_option("Rational Field")
    drawn.get_by_label("*", exact=True).check()
    write(page, drawn.locator("input[type=text]"), "#0000ff")
    said(cells["choices"], "shear 5 Rational Field * RGB color (0.0, 0.0, 1.0)")
    tops = [drawn.get_by_role("button", name=str(n), exact=True).bounding_box()["y"] for n in (1, 3, 4, 6)]
    assert tops[0] == tops[1] < tops[2] == tops[3]

    drawn = cells["grids"].drawn
    write(page, drawn.get_by_role("textbox").nth(3), "10")
    write(page, drawn.get_by_role("textbox").nth(5), "2")
    said(cells["grids"], "(5, 23)")

    drawn = cells["buttons"].drawn
    drawn.get_by_role("button", name="up", exact=True).click()
    write(page, drawn.get_by_role("textbox"), "b")
    said(cells["buttons"], "0 a")
    drawn.get_by_role("button", name="Update").click()
    said(cells["buttons"], "5 b")

    press(page, cells["nested"].drawn.get_by_role("slider"), "ArrowRight")
    said(cells["nested"], "['a0', 'a1']")
    inner = cells["nested"].output.frame_locator(".area .frame").frame_locator("iframe")
    expect(inner.get_by_role("slider")).to_have_count(2)
    check_access(page, packages)
    assert page.watch.errors == []


def in_page(page: Page, place: str) -> FrameLocator:
    """Return the document of a control that stands in an element of the page."""
    return page.frame_locator(f"{place} .frame").frame_locator("iframe")


def test_controls_stand_in_the_page_where_its_author_allows_it_and_leave_it(embed, page):
    html = "<main><p>Speed: <span id=speed></span></p><div id=seen></div></main><p id=elsewhere></p>"
    cell = embed(f"{html}<single-cell language=sage locations=main><pre>{escape(IN_PAGE)}</pre></single-cell>").run()
    seen = page.locator("#seen .area .stdout")
    expect(seen).to_have_text("at 3 1 a\n")
    press(page, in_page(page, "#speed").get_by_role("slider"), "ArrowRight")
    expect(seen).to_have_text("at 4 1 a\n")
    # The author allows places in <main> alone: this one stays in the cell.
    expect(page.locator("#elsewhere .frame")).to_have_count(0)
    frames = cell.output.locator(".frame")
    expect(frames).to_have_count(2)
    write(page, frames.first.content_frame.frame_locator("iframe").get_by_label("note"), "b")
    press(page, frames.last.content_frame.frame_locator("iframe").get_by_role("slider"), "ArrowRight")
    expect(seen).to_have_text("at 4 2 b\n")
    cell.run()
    expect(seen).to_have_text("at 3 1 a\n")
    expect(page.locator("#speed .frame")).to_have_count(1)
    cell.run("print('no interact')")
    expect(page.locator("#speed .frame, #seen .frame")).to_have_count(0)
    assert page.watch.errors == []


def test_no_code_puts_a_control_where_it_would_stand_for_something_else(embed, page):
    html = "<a href='#x'><span id=theirs></span></a>"
    places = {"a": "#theirs", "b": "a", "c": "single-cell", "d": "head", "e": "p {", "g": "#nowhere"}
    code = f"@interact(locations={places})\ndef f({', '.join(f'{name}=1' for name in places)}): print(1)"
    cell = embed(f"{html}<single-cell language=sage locations='*'><pre>{escape(code)}</pre></single-cell>").run()
    expect(cell.output.locator(".frame")).to_have_count(1 + len(places))
    assert page.watch.errors == []


def test_what_an_interact_showed_goes_when_its_function_shows_nothing(embed, page):
    code = "@interact\ndef f(n=slider(1, 5)):\n    if n != 2:\n        print('n is', n)"
    cell = embed(f"<single-cell language=sage><pre>{escape(code)}</pre></single-cell>").run()
    said(cell, "n is 1")
    press(page, cell.drawn.get_by_role("slider"), "ArrowRight")
    expect(cell.output.locator(".area .stdout")).to_have_count(0)
    press(page, cell.drawn.get_by_role("slider"), "ArrowRight")
    said(cell, "n is 3")


def test_labels_and_texts_have_formulas_also_those_that_come_later(embed, page):
    code = "@interact\ndef f(self, x0=slider(1, 9, label='$x_0$'), a=input_box(2, r'$\\alpha$'), more=False,\n"
    code += "      words=text_control('of $x^2$'), **others):\n    if more and not others:\n"
    code += "        self.later = ('$y_1$', (0, 1))\n    print(x0, a)"
    cell = embed(f"<single-cell language=sage><pre>{escape(code)}</pre></single-cell>").run()
    expect(cell.drawn.locator(".widget-label .katex-html")).to_have_count(2)
    expect(cell.drawn.locator(".widget-htmlmath-content .katex-html")).to_have_text("x2")
    write(page, cell.drawn.get_by_role("textbox", name=r"\alpha"), "3")
    cell.drawn.get_by_label("more").check()
    press(page, cell.drawn.get_by_role("slider", name="y_1"), "ArrowRight")
    expect(cell.drawn.locator(".widget-label .katex-html")).to_have_count(3)
    press(page, cell.drawn.get_by_role("slider", name="x_0"), "ArrowRight")
    said(cell, "2 3")
    assert page.watch.errors == []


def test_a_page_of_sagemathcell_has_controls_where_its_locations_say(server, site, page):
    code = "@interact(locations=True)\ndef f(n=slider(1, 9)):\n    print('n is', n)"
    html = "<p>n: <span id=n></span></p><div id=_output></div>"
    html += f"<div id=cell><script type=text/x-sage>{code}</script></div>"
    call = "sagecell.makeSagecell({ inputLocation: '#cell', languages: ['sage'], autoeval: true })"
    script = f"<script src='{server.url}/embedded_sagecell.js'></script><script>{call}</script>"
    page.goto(site.put(f"<!doctype html><html lang=en><link rel=icon href='data:,'><body>{html}{script}</body></html>"))
    expect(page.locator("#_output .area .stdout")).to_have_text("n is 1\n")
    press(page, in_page(page, "#n").get_by_role("slider"), "ArrowRight")
    expect(page.locator("#_output .area .stdout")).to_have_text("n is 2\n")
