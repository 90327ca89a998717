"""What authors choose of the code's looks: line numbers, marked lines, how many lines; and the line of an error."""

from __future__ import annotations

from tests.browser.cell import Cell
from tests.browser.sight import expect

CODE = "\n".join(f"line{number} = {number}" for number in range(1, 13))


def marked(cell: Cell, kind: str = "marked-line") -> list[str]:
    """Return the code of the lines that are marked."""
    return [text.strip() for text in cell.node.locator(f".{kind}").all_text_contents()]


def test_lines_have_numbers_where_the_author_wants_them(page, embed):
    html = f"<single-cell line-numbers><pre>{CODE}</pre></single-cell><single-cell id=b>1</single-cell>"
    cell = embed(html)
    number = "line => getComputedStyle(line, '::before').content"
    assert cell.node.locator(".pce-line").nth(8).evaluate(number) == "counter(line)"
    left = "field => parseFloat(getComputedStyle(field).paddingLeft)"
    assert cell.field.evaluate(left) > Cell(page, "#b").field.evaluate(left) + 10
    assert cell.code == CODE


def test_marked_lines_stay_with_their_code_while_others_are_edited(page, embed):
    cell = embed(f'<single-cell mark-lines="2, 4-5"><pre>{CODE}</pre></single-cell>')
    expect(cell.node.locator(".token").first).to_be_attached()
    assert marked(cell) == ["line2 = 2", "line4 = 4", "line5 = 5"]
    cell.field.focus()
    page.keyboard.press("Control+Home")
    page.keyboard.type("first = 0")
    page.keyboard.press("Enter")
    assert marked(cell) == ["line2 = 2", "line4 = 4", "line5 = 5"]
    cell.node.evaluate("cell => cell.reset()")
    assert marked(cell) == ["line2 = 2", "line4 = 4", "line5 = 5"]


def test_lines_that_are_not_there_are_not_marked(page, embed):
    texts = ("", "0", "99", "x", "3-1", "99999999999", "2")
    embed("".join(f'<single-cell mark-lines="{text}"><pre>first\nsecond</pre></single-cell>' for text in texts))
    expect(page.locator("single-cell[state=idle]")).to_have_count(len(texts))
    expect(page.locator(".marked-line")).to_have_text(["second"])
    assert page.watch.errors == []


def test_the_line_of_an_error_is_marked_until_the_code_changes(page, embed):
    cell = embed("<single-cell></single-cell>").run("def f(n):\n    return 1 / n\n\nf(0)")
    assert marked(cell, "guilty-line") == ["return 1 / n"]
    expect(cell.output.locator(".error-number")).to_have_text("Line 2")
    cell.field.press("Control+End")
    cell.field.type(" # ")
    assert marked(cell, "guilty-line") == []
    cell.run("x = (1,\nx x")
    assert len(marked(cell, "guilty-line")) == 1
    cell.run("1")
    assert marked(cell, "guilty-line") == []


def test_a_line_is_marked_only_in_the_cell_that_has_it(page, embed):
    codes = {"a": "def f():\n    1 / 0", "b": "x = 1\nf()"}
    first = embed("".join(f"<single-cell linked id={id}><pre>{code}</pre></single-cell>" for id, code in codes.items()))
    first.run()
    second = Cell(page, "#b").run()
    second.shows("ZeroDivisionError")
    assert marked(second, "guilty-line") == [] and marked(first, "guilty-line") == []


def test_a_cell_has_at_least_and_at_most_so_many_lines(page, embed):
    many = f"<pre>{CODE}</pre>"
    embed(
        f"<single-cell id=a min-lines=6>1</single-cell><single-cell id=b max-lines=4>{many}</single-cell>"
        f"<single-cell id=c>{many}</single-cell><single-cell id=d min-lines=-2 max-lines=none>{many}</single-cell>"
    )

    def height(name: str) -> float:
        Cell(page, f"#{name}").ready()
        return page.locator(f"#{name} .editor").evaluate("node => node.getBoundingClientRect().height")

    line = page.locator("#c .pce-line").first.evaluate("node => node.getBoundingClientRect().height")
    assert abs(height("a") - 6 * line - 24) < 1 and abs(height("b") - 4 * line - 24) < 1
    assert abs(height("c") - 12 * line - 24) < 1 and height("d") == height("c")
    assert page.locator("#b .editor").evaluate("node => node.scrollHeight > node.clientHeight")


def test_the_size_of_text_is_that_of_the_page(page, embed):
    table = "from IPython.display import HTML\nHTML('<p>text</p>')"
    cell = embed("<single-cell></single-cell>", "<style>html { font-size: 24px }</style>").run(table)
    size = "node => getComputedStyle(node).fontSize"
    assert cell.button.evaluate(size) == cell.field.evaluate(size) == "21px"
    assert 22 < float(cell.drawn.locator("p").evaluate(size)[:-2]) < 23
    tiny = embed("<single-cell></single-cell>", "<style>html { font-size: 62.5% } body { font-size: 1.6rem }</style>")
    assert tiny.button.evaluate(size) == "14px"
    small = embed("<single-cell></single-cell>", "<style>body { font-size: 9px }</style>")
    assert small.button.evaluate(size) == "12px"


def test_events_bubble_to_the_document_and_errors_not_to_the_window(page, embed):
    listen = """var heard = [], wrong = [];
      for (const name of ["run", "message", "error", "done"])
        document.addEventListener(name, event => heard.push([name, event.target.id]));
      addEventListener("error", e => wrong.push(e.type)); onerror = () => wrong.push("onerror");"""
    cell = embed("<main><single-cell id=one></single-cell></main>", f"<script>{listen}</script>").run("1 / 0")
    cell.shows("ZeroDivisionError")
    heard = page.evaluate("heard")
    assert {name for name, _ in heard} == {"run", "message", "error", "done"}
    assert {target for _, target in heard} == {"one"}
    assert page.evaluate("wrong") == []


def test_parts_of_marked_lines_and_of_the_menu_can_be_styled(page, embed):
    style = """<style>single-cell::part(marked-line) { background: rgb(1, 2, 3) }
      single-cell::part(guilty-line) { background: rgb(4, 5, 6) }
      single-cell::part(menu-button) { color: rgb(7, 8, 9) }</style>"""
    cell = embed("<single-cell mark-lines=1><pre>x = 1\n1 / 0</pre></single-cell>", style).run()
    expect(cell.node.locator(".marked-line")).to_have_css("background-color", "rgb(1, 2, 3)")
    expect(cell.node.locator(".guilty-line")).to_have_css("background-color", "rgb(4, 5, 6)")
    expect(cell.node.locator("[part=menu-button]")).to_have_css("color", "rgb(7, 8, 9)")
