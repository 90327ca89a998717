"""Students see what kernels send."""

from __future__ import annotations

import re

from tests.browser.sight import expect

SHOW = "from IPython.display import *\n"


def test_stdout_and_stderr_keep_their_order_and_look_different(cell):
    cell.run("import sys\nprint('one')\nprint('two', file=sys.stderr)\nprint('three')")
    assert cell.output.inner_text().split() == ["one", "two", "three"]
    expect(cell.output.locator(".stderr")).to_have_text("two")


def test_colours_of_terminals_are_shown(cell):
    cell.run("print('\\x1b[31mred\\x1b[0m plain \\x1b[1;38;2;10;20;30mown\\x1b[0m')")
    red = cell.output.locator(".ansi-colour-1")
    expect(red).to_have_text("red")
    own = cell.output.locator(".ansi-bold")
    assert own.evaluate("node => getComputedStyle(node).color") == "rgb(10, 20, 30)"
    assert cell.output.inner_text().strip() == "red plain own"


def test_a_progress_bar_stays_on_its_line(cell):
    cell.run("for i in range(101):\n    print(f'\\r{i:3d} %', end='')\nprint('\\nready')")
    assert cell.output.inner_text().strip().split("\n") == ["100 %", "ready"]


# Python's print → the line that is left.
MOVES = {
    r"print('😀😀\rb')": "b😀",
    r"print('a👨‍👩‍👧\bx')": "ax",
    r"print('cafe\u0301\b\be')": "caee\u0301",
    r"print('🇩🇪🇫🇷\b!')": "🇩🇪!",
    r"print('e', end='', flush=True); print('\u0301\rX')": "X",
    r"print('😀 %\r😀😀\x1b[K')": "😀😀",
    r"print('नमस्ते\rन')": "नमस्ते",
    r"print('\x1b[31mé\x1b[0mé\b\bab')": "ab",
    r"print('100 %\r 99')": " 99 %",
}


def test_carriage_returns_and_backspaces_move_by_what_readers_take_for_characters(cell):
    # A stream of its own for each, where they cannot meet.
    cell.run(SHOW + "\ndisplay(Latex('x'))\n".join(MOVES))
    streams = cell.output.locator(".stdout")
    expect(streams).to_have_count(len(MOVES))
    lines = [text.rstrip("\n") for text in streams.all_text_contents()]
    assert dict(zip(MOVES, lines, strict=True)) == MOVES


def test_formulas_are_typeset_and_unreadable_ones_show_their_source(cell):
    cell.run(SHOW + "display(Math(r'\\frac{1}{2}'))\ndisplay(Latex(r'$\\nosuchcommand$'))")
    expect(cell.output.locator(".katex")).to_have_count(1)
    expect(cell.output.locator(".katex .mfrac")).to_have_count(1)
    cell.shows("nosuchcommand")


def test_a_data_frame_is_a_table_in_a_sandboxed_frame_of_its_height(cell):
    cell.run("import pandas as pd\npd.DataFrame({'a': range(4)})")
    frame = cell.output.locator("iframe")
    expect(frame).to_have_attribute("sandbox", "allow-scripts")
    expect(cell.drawn.locator("tbody tr")).to_have_count(4)
    expect(frame).to_have_css("height", re.compile(r"^1\d\d"))


def test_markdown_becomes_nodes_and_unsafe_links_only_text(cell):
    text = r"# Title\n*soft* and $x^2$ [good](https://example.org) [bad](javascript:alert(1))"
    cell.run(SHOW + f"display(Markdown('{text}'))")
    markdown = cell.output.locator(".markdown")
    expect(markdown.locator("h3")).to_have_text("Title")
    expect(markdown.locator("em")).to_have_text("soft")
    expect(markdown.locator(".katex")).to_have_count(1)
    assert markdown.locator("a").evaluate_all("links => links.map(link => link.href)") == ["https://example.org/"]


def test_json_opens_and_closes(cell):
    cell.run(SHOW + "display(JSON({'a': [1, 2], 'b': None}))")
    expect(cell.output.locator(".json")).to_contain_text("a: [2]")
    cell.output.get_by_text("a: [2]").click()
    expect(cell.output.locator(".json-number").first).to_have_text("1")


def test_svg_is_shown_as_an_image(cell):
    cell.run(SHOW + 'display(SVG(\'<svg xmlns="http://www.w3.org/2000/svg" width="20" height="20"><rect/></svg>\'))')
    expect(cell.output.locator("img.picture")).to_have_attribute("src", re.compile("^data:image/svg"))
    expect(cell.output.locator("svg")).to_have_count(0)


def test_clear_output_and_display_updates(cell):
    cell.run(
        SHOW + "print('old')\nclear_output(wait=True)\nprint('new')\n"
        "handle = display('first', display_id=True)\nhandle.update('second')"
    )
    assert cell.output.inner_text().split() == ["new", "'second'"]


def test_old_output_stays_until_the_new_begins(cell):
    cell.run("print('before')")
    cell.start("import time\nname = input('go on? ')\nprint('after')")
    expect(cell.output).not_to_contain_text("before")
    cell.output.get_by_label("go on?").press("Enter")
    cell.shows("after")


def test_a_hundred_thousand_lines_are_cut_and_shown_when_asked_for(cell):
    cell.run("for i in range(100000): print(i)")
    more = cell.output.get_by_role("button", name=re.compile("Show all 100,00[01] lines"))
    expect(more).to_be_visible()
    cell.shows("99999")
    assert cell.output.locator(".block").count() <= 20
    more.click()
    expect(cell.output.locator(".block")).to_have_count(1001)
    expect(more).to_have_count(0)


def test_a_hundred_thousand_lines_scroll_because_only_what_is_near_is_laid_out(page, cell):
    cell.run("for i in range(100000): print('line', i)")
    cell.output.evaluate(
        """output => { window.near = new Set();
          output.addEventListener("contentvisibilityautostatechange",
            event => event.skipped ? near.delete(event.target) : near.add(event.target)) }"""
    )
    cell.output.get_by_role("button", name=re.compile("Show all")).click()
    expect(cell.output.locator(".block")).to_have_count(1001)
    for place in (0, 0.5, 1):
        scroll = "(stream, place) => { stream.scrollTop = place * stream.scrollHeight }"
        cell.output.locator(".stdout").evaluate(scroll, place)
        page.evaluate(
            """() => new Promise(done => {
              const look = () => near.size > 0 && near.size < 20 ? done() : requestAnimationFrame(look);
              look() })"""
        )
    expect(cell.output.get_by_text("line 99999")).to_be_visible()


def test_the_page_does_not_jump_between_old_and_new_output(cell):
    cell.run("print('one\\n' * 20)").shows("one")
    watch = """cell => {
      const output = cell.shadowRoot.querySelector(".output");
      window.heights = [output.offsetHeight];
      new ResizeObserver(() => window.heights.push(output.offsetHeight)).observe(output) }"""
    cell.node.evaluate(watch)
    cell.run("import time\ntime.sleep(0.5)\nprint('two\\n' * 20)").shows("two")
    heights = cell.page.evaluate("window.heights")
    assert set(heights) == {heights[0]}


def test_the_last_of_two_runs_is_shown_without_a_rest_of_the_first(cell):
    cell.run("print('one')").shows("one")
    cell.run("print('two')").shows("two")
    assert cell.output.inner_text().strip() == "two"


def test_unknown_types_are_shown_as_their_plain_text(cell):
    cell.run(SHOW + "display({'application/x-unknown': 'x', 'text/plain': 'as text'}, raw=True)")
    cell.shows("as text")


def test_a_very_long_line_is_cut_and_shown_when_asked_for(cell):
    cell.run("print('x' * 1_000_000 + 'end')")
    more = cell.output.get_by_role("button", name="Show the rest")
    expect(cell.output).not_to_contain_text("end")
    more.click()
    cell.shows("xend")


def test_a_limit_is_told_once_in_the_servers_sentence(cell):
    cell.run("while True: print('x' * 1_000_000)", state="failed")
    expect(cell.status).to_contain_text("too much output")
    expect(cell.output.locator(".error")).to_contain_text("OutputLimit")
    expect(cell.output.locator(".error details")).to_have_count(0)
