"""WCAG 2.2 AA: axe's rules, the keyboard, small and zoomed screens."""

from __future__ import annotations

from pathlib import Path

import pytest
from playwright.sync_api import expect

RULES = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa"]
OUTPUT = """
import sys
from IPython.display import *
print('\\x1b[31mred\\x1b[0m \\x1b[32mgreen \\x1b[33myellow \\x1b[90mgrey\\x1b[0m')
print('careful', file=sys.stderr)
display(Math('x^2'), JSON({'a': [1]}), Markdown('# Title'), HTML('<table><tr><th>a</th><td>1</td></tr></table>'))
for i in range(500): print(i)
1 / 0
"""


def violations(page, packages: Path) -> list[str]:
    """Return what axe finds, one line each."""
    page.evaluate((packages / "axe-core/axe.min.js").read_text())
    found = page.evaluate("rules => axe.run(document, { runOnly: rules, iframes: false })", RULES)["violations"]
    return [f"{one['id']}: {node['html'][:120]} {node['failureSummary']}" for one in found for node in one["nodes"]]


@pytest.fixture(params=["light", "dark"])
def scheme(request, page) -> str:
    """The colours that the reader's system asks for."""
    page.emulate_media(color_scheme=request.param, reduced_motion="reduce")
    return request.param


@pytest.mark.parametrize("code", ["", OUTPUT, "input('Name? ')"], ids=["idle", "output", "question"])
def test_axe_finds_nothing(embed, page, packages, scheme, code):
    colours = "style='background: #12151a; color: #eee'" if scheme == "dark" else ""
    cell = embed("<main><h1>A page</h1><single-cell>x = [1, 'two']  # three</single-cell></main>", body=colours)
    if code.startswith("input"):
        cell.start(code)
        expect(cell.output.get_by_label("Name?")).to_be_visible()
    elif code:
        cell.run(code)
        expect(cell.output.locator(".katex")).to_be_visible()
    assert violations(page, packages) == []


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
    assert reached == ["Python code", "Run", "Back to the author’s code", "Add files", "Share", "Output", "after"]


def test_everything_fits_on_320_pixels(server, page, cell):
    page.set_viewport_size({"width": 320, "height": 640})
    cell.run("print('word ' * 200)\nimport pandas as pd\npd.DataFrame([range(30)])")
    assert page.evaluate("document.documentElement.scrollWidth") <= 320


def test_the_server_pages_pass_too(server, browser, packages, scheme):
    for path in ("/", "/embed"):
        context = browser.new_context(bypass_csp=True, color_scheme=scheme)
        page = context.new_page()
        page.goto(server.url + path)
        expect(page.locator("single-cell").first).to_have_attribute("state", "idle")
        assert violations(page, packages) == []
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
