"""Cells keep to WCAG 2.2 AA: axe's rules, the keyboard, small and zoomed screens."""

from __future__ import annotations

import re
from collections.abc import Iterable
from pathlib import Path

import pytest

from tests.browser.cell import Cell
from tests.browser.late_part import LatePart
from tests.browser.sight import expect

RULES = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa"]
OUTPUT = """
import sys
from IPython.display import *
print('\\x1b[31mred\\x1b[0m \\x1b[32mgreen \\x1b[33myellow \\x1b[90mgrey\\x1b[0m')
print('careful', file=sys.stderr)
display(Math('x^2'), JSON({'a': [1]}), Markdown('# Title'), HTML('<table><tr><th>a</th><td>1</td></tr></table>'))
for i in range(500): print(i)
open('made.txt', 'w').write('1')
"""
LOOP = "import time\nprint('begun')\nwhile True: time.sleep(0.05)"
# State of a cell → its attributes, its code, what is seen then.
STATES = {
    "idle": ("", "x = [1, 'two']  # three", None),
    "running": ("link-key=a", LOOP, ".stdout"),
    "queued": ("link-key=a", "1", None),
    "asking": ("", "input('Name? ')", ".question"),
    "finished": ("", OUTPUT, ".katex"),
    "error": ("", "def f():\n    1 / 0\nf()", ".error"),
    "failed": ("", "import os; os._exit(1)", None),
    "stopped": ("", LOOP, ".stdout"),
}


def violations(page, packages: Path) -> list[str]:
    """Return what axe finds, one line each."""
    if not page.evaluate("'axe' in window"):
        page.evaluate((packages / "axe-core/axe.min.js").read_text())
    found = page.evaluate("rules => axe.run(document, { runOnly: rules, iframes: false })", RULES)["violations"]
    return [f"{one['id']}: {node['html'][:120]} {node['failureSummary']}" for one in found for node in one["nodes"]]


def put(embed, lang: str, names: Iterable[str]) -> None:
    """Open a page in a language with a cell for each of these states, and bring each into the state that is its id."""
    cells = "".join(f"<single-cell id={name} {STATES[name][0]}></single-cell>" for name in names)
    style = "<style>:root { color-scheme: light dark; background: Canvas; color: CanvasText }</style>"
    direction = "rtl" if lang == "ar" else "ltr"
    page = embed(f"<main><h1>A page</h1>{cells}</main>", head=style, lang=lang, direction=direction).page
    for name in names:
        _, code, sign = STATES[name]
        cell = Cell(page, f"#{name}").write(code)
        if name == "idle":
            continue
        cell.node.evaluate("cell => void cell.run()")
        if sign:
            expect(cell.output.locator(sign).first).to_be_visible()


def leave(page) -> None:
    """Stop the cells that would go on."""
    expect(page.locator("#asking .question")).to_be_visible()
    page.locator("#running, #asking").evaluate_all("cells => cells.forEach(cell => (cell.stop(), cell.stop()))")


def test_axe_finds_nothing_in_any_state_or_scheme(embed, page, packages):
    page.emulate_media(color_scheme="light", reduced_motion="reduce")
    put(embed, "en", STATES)
    Cell(page, "#stopped").node.evaluate("cell => cell.stop()")
    for name, state in (("finished", "done"), ("error", "done"), ("failed", "failed"), ("stopped", "done")):
        expect(page.locator(f"#{name}")).to_have_attribute("state", state)
    for name in ("running", "queued"):
        expect(page.locator(f"#{name}")).to_have_attribute("state", name)
    for scheme, name in (("light", "cell"), ("dark", "cell dark")):
        page.emulate_media(color_scheme=scheme)
        expect(page.locator("#idle .cell")).to_have_class(name)
        assert violations(page, packages) == [], scheme
    leave(page)


@pytest.mark.parametrize("lang", ["de", "fr", "ar", "es", "hi", "ja", "pt", "zh"])
def test_axe_finds_nothing_in_any_language(embed, page, packages, lang):
    """In the states that have texts of their own beside the status: of buttons, a question, an output, and an error."""
    page.emulate_media(color_scheme="light", reduced_motion="reduce")
    put(embed, lang, ("idle", "running", "asking", "finished", "error"))
    for name in ("finished", "error"):
        expect(page.locator(f"#{name}")).to_have_attribute("state", "done")
    assert violations(page, packages) == []
    leave(page)


def test_the_keyboard_reaches_everything_and_is_trapped_nowhere(embed, page):
    cell = embed("<main><a href='#before'>before</a><single-cell>1</single-cell><a href='#after'>after</a></main>")
    cell.run("for i in range(500): print(i)")
    page.get_by_text("before").focus()
    reached = []
    for _ in range(12):
        page.keyboard.press("Tab")
        name = page.evaluate(
            "() => { const host = document.activeElement; const node = host.shadowRoot?.activeElement ?? host;"
            " return node.getAttribute('aria-label') ?? node.textContent }"
        )
        reached.append(name)
        if name == "after":
            break
        if name == "Python code":
            page.keyboard.press("Escape")
    tools = ["Back to the author’s code", "Add files", "Share", "More"]
    assert reached == ["Python code", "Run", *tools, "Output", "after"]


def test_a_keyboard_alone_runs_stops_answers_and_downloads(page, cell):
    page.keyboard.press("Tab")
    expect(cell.field).to_be_focused()
    page.keyboard.press("Control+a")
    page.keyboard.type("import time; time.sleep(1000)")
    page.keyboard.press("Shift+Enter")
    expect(cell.node).to_have_attribute("state", "running")
    expect(cell.button).to_have_text("Stop")
    page.keyboard.press("Escape")
    page.keyboard.press("Tab")
    expect(cell.button).to_be_focused()
    page.keyboard.press("Enter")
    expect(cell.node).to_have_attribute("state", "done")
    expect(cell.button).to_be_focused()

    page.keyboard.press("Shift+Tab")
    page.keyboard.press("Control+a")
    page.keyboard.type("a = input('First? '); b = input('Second? '); print(a + b, file=open('made.bin', 'w'))")
    page.keyboard.press("Control+Enter")
    for question, answer in (("First?", "4"), ("Second?", "2")):
        expect(cell.output.get_by_label(question)).to_be_focused()
        page.keyboard.type(answer)
        page.keyboard.press("Enter")
    expect(cell.node).to_have_attribute("state", "done")
    expect(cell.button).to_be_focused()
    link = cell.output.get_by_role("link", name="Download made.bin")
    for _ in range(8):
        page.keyboard.press("Tab")
        if link.evaluate("link => link.getRootNode().activeElement === link"):
            break
    with page.expect_download() as download:
        page.keyboard.press("Enter")
    assert download.value.suggested_filename == "made.bin"


def test_everything_fits_on_320_pixels(server, page, cell):
    page.set_viewport_size({"width": 320, "height": 640})
    cell.run("print('word ' * 200)\nimport pandas as pd\npd.DataFrame([range(30)])")
    assert page.evaluate("document.documentElement.scrollWidth") <= 320


def test_the_server_pages_pass_too(server, browser, packages):
    context = browser.new_context(bypass_csp=True, reduced_motion="reduce")
    page = context.new_page()
    for path in ("/", "/embed", "/installed", "/cell?code=print(1)&theme=system"):
        page.emulate_media(color_scheme="light")
        page.goto(server.url + path)
        for scheme, name in (("light", "cell"), ("dark", "cell dark")):
            page.emulate_media(color_scheme=scheme)
            if path != "/installed":
                expect(page.locator("single-cell").first).to_have_attribute("state", "idle")
                expect(page.locator("single-cell .cell").first).to_have_class(name)
            assert violations(page, packages) == [], (path, scheme)
    context.close()


def test_what_happens_is_said_to_screen_readers_without_a_flood(embed, page):
    cell = embed("<single-cell></single-cell>")
    page.evaluate(
        """() => { window.said = [];
          const live = document.querySelector("single-cell").shadowRoot.querySelector("[role=status]");
          const watcher = new MutationObserver(() => window.said.push(live.textContent));
          watcher.observe(live, { childList: true, characterData: true }) }"""
    )
    cell.run("for i in range(2000): print(i)")
    said = page.evaluate("window.said")
    assert said[-1] == "Done" and len(said) <= 5


RESULT = "[aria-live=polite]"


# Code → what is heard of its output; None: anything.
HEARD = {
    "print('hello'); 6 * 7": "hello\n42",
    "for i in range(2000): print(i)": "Lines of output: 2,000",
    "'x' * 1000": "Lines of output: 1",
    "import matplotlib.pyplot as plt\nplt.plot([1]); plt.title('A line'); plt.show()": None,
    "import pandas as pd\npd.DataFrame({'a': [1]})": "a\n0  1",
    "from IPython.display import HTML\nHTML('<b>x</b>')": "Output of the program",
    "def f(): return 1 / 0\n\nf()": "ZeroDivisionError: division by zero. Line 1 def f(): return 1 / 0",
    "print('before')\n1 / 0": "before\nZeroDivisionError: division by zero. Line 2 1 / 0",
    "pass": "",
}


def test_short_results_are_read_and_long_ones_counted(embed):
    cell = embed("<single-cell></single-cell>")
    for code, heard in HEARD.items():
        region = cell.run(code).node.locator(RESULT)
        if heard is None:
            expect(region, code).not_to_be_empty()
        else:
            assert region.evaluate("node => node.textContent") == heard, code


def test_what_is_drawn_late_is_read_when_it_is_there(page, cell):
    markdown, math = (LatePart(page, name) for name in ("markdown", "math"))
    cell.run("from IPython.display import Markdown\nMarkdown('a **bold** word and $x$')")
    markdown.come()
    math.wait()
    region = cell.node.locator(RESULT)
    expect(region).to_be_empty()
    math.come()
    expect(region).to_contain_text(re.compile("a bold word and x"))


def test_what_is_drawn_after_the_next_run_has_begun_is_not_read(page, cell):
    markdown = LatePart(page, "markdown")
    for word in ("old", "now"):
        cell.run(f"from IPython.display import Markdown\nMarkdown('of {word}')")
    markdown.come()
    expect(cell.node.locator(RESULT)).to_have_text("of now")


def test_what_a_reload_brings_back_is_not_read_again(page, cell):
    cell.run("print('hello')")
    expect(cell.node.locator(RESULT)).to_have_text("hello")
    page.reload()
    cell.ends().shows("hello")
    expect(cell.node.locator(RESULT)).to_be_empty()


def test_a_traceback_is_a_list_of_calls(embed):
    cell = embed("<single-cell></single-cell>")
    cell.run("def f(): g()\ndef g(): 1 / 0\nf()")
    cell.output.locator(".error summary").click()
    calls = cell.output.get_by_role("list").get_by_role("listitem")
    expect(calls).to_have_count(4)
    expect(calls.nth(2)).to_contain_text("in g()")
    expect(calls.last).to_have_text("ZeroDivisionError: division by zero")
