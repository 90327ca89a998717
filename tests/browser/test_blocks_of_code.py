"""Blocks of code that a site's generator has made become cells by one attribute of the script."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.browser.cell import Cell
from tests.browser.sight import expect

LOOP = "for i in range(3):\n    print(i)\n\nprint('end')"
# What tools make of LOOP in a fence, each with the selector for it in its first line.
BLOCKS = sorted((Path(__file__).parent / "blocks").glob("*.html"))


@pytest.fixture
def select(server, site, page):
    """Publish a page whose script names blocks: ``select(html, selector, **data)``."""

    def select(html: str, selector: str, headers: dict[str, str] | None = None, **data: str) -> None:
        more = "".join(f' data-{name.replace("_", "-")}="{value}"' for name, value in data.items())
        script = (
            f'<script type="module" src="{server.url}/embedded_singlecell.js" data-select="{selector}"{more}></script>'
        )
        head = f"<!doctype html><html lang=en><title>x</title><link rel=icon href='data:,'>{script}"
        page.goto(site.put(f"{head}<main id=page><p id=before>before</p>{html}<p>after</p></main>", headers=headers))

    return select


def test_the_code_of_a_block_is_that_of_the_cell_in_its_place(select, page):
    for block in BLOCKS:
        note, _, html = block.read_text().partition("\n")
        select(html, note.removeprefix("<!--").removesuffix("-->").strip())
        cell = Cell(page).ready()
        codes = page.locator("single-cell").evaluate_all("cells => cells.map((cell) => cell.code)")
        assert set(codes) == {LOOP}, block.stem
        assert len(codes) == html.count("range(") + html.count("range</span>"), block.stem
        assert cell.node.get_attribute("language") in ("python", None), block.stem
        # The block is out of sight with all that is around it.
        assert page.locator("#page").inner_text().count("range") == 0, block.stem
        expect(cell.run().output, block.stem).to_contain_text("end")
        page.evaluate("localStorage.clear()")  # what has run would be kept for the next page
    assert len(BLOCKS) == 6 and page.watch.errors == []


def test_script_and_block_say_which_attributes_the_cells_have(select, page):
    select(
        "<pre class=a data-readonly><code>x = 6</code></pre>"
        "<pre class=a data-hide=reset data-onclick=1><code>print(x * 7)</code></pre><pre><code>not chosen</code></pre>",
        "pre.a", linked="", hide="share", label="Six",
    )  # fmt: skip
    cells = page.locator("single-cell")
    expect(cells).to_have_count(2)
    first, second = Cell(page, "single-cell[readonly]"), Cell(page, "single-cell[hide=reset]")
    assert first.ready().node.get_attribute("hide") == "share" and first.node.get_attribute("label") == "Six"
    assert second.node.get_attribute("onclick") is None
    first.run()
    second.run().shows("42")
    expect(page.get_by_text("not chosen")).to_be_visible()


LANGUAGES = {
    '<pre class=x><code class="language-sage">1</code></pre>': "sage",
    '<div class="highlight-ipython3 x"><pre>1</pre></div>': "python",
    '<pre class="sourceCode r x"><code class="sourceCode r">1</code></pre>': "r",
    '<pre class=x data-language="gap"><code class="language-text">1</code></pre>': "gap",
    '<div class="highlight-default x"><pre>1</pre></div>': None,
}


def test_the_language_is_what_the_block_says(select, page):
    select("".join(LANGUAGES), ".x")
    cells = page.locator("single-cell[state]")
    expect(cells).to_have_count(len(LANGUAGES))
    found = cells.evaluate_all("cells => cells.map((cell) => cell.getAttribute('language'))")
    assert dict(zip(LANGUAGES, found, strict=True)) == LANGUAGES


def test_hidden_code_of_the_page_runs_before_each_of_its_cells(select, page):
    select("<pre data-setup hidden>x = 41</pre><pre class=a>print(x + 1)</pre><pre class=a>print(x + 2)</pre>", "pre.a")
    Cell(page).ready().run().shows("42")
    Cell(page, "single-cell:nth-of-type(2)").run().shows("43")


def test_blocks_that_come_later_become_cells_and_go_with_their_blocks(select, page):
    select("<div id=app></div>", "pre.a")
    app = page.locator("#app")
    app.evaluate("app => { app.innerHTML = '<pre class=a>print(1)</pre><p>text</p>' }")
    Cell(page).ready().run().shows("1")
    app.evaluate("app => { app.querySelector('pre').remove() }")
    expect(page.locator("single-cell")).to_have_count(0)
    app.evaluate("app => { app.innerHTML = '<section><pre class=a>print(2)</pre></section>' }")
    Cell(page).ready().run().shows("2")


def test_text_around_a_block_stays(select, page):
    select('<div class="code-example"><p>caption</p><div class="highlight"><pre class=a>1</pre></div></div>', "pre.a")
    Cell(page).ready()
    expect(page.get_by_text("caption")).to_be_visible()


def test_a_selector_that_is_none_is_named_in_the_console(select, page):
    lines: list[str] = []
    page.on("console", lambda line: lines.append(line.text))
    select("<pre>print(1)</pre>", "pre >")
    with page.expect_console_message(lambda line: 'data-select="pre >" is no CSS selector' in line.text):
        page.reload()
    expect(page.get_by_text("print(1)")).to_be_visible()


def test_without_the_script_the_blocks_are_what_they_were(site, page):
    script = '<script type="module" src="http://127.0.0.1:9/embedded_singlecell.js" data-select="pre"></script>'
    page.goto(site.put(f"<!doctype html>{script}<pre>print(1)</pre>"))
    expect(page.get_by_text("print(1)")).to_be_visible()


def test_a_page_with_a_strict_policy_needs_no_more_than_for_an_element(select, page, server):
    origin = server.url
    policy = f"default-src 'none'; script-src {origin}; connect-src {origin}; img-src data:"
    select("<pre class=a>print(1)</pre>", "pre.a", headers={"Content-Security-Policy": policy})
    Cell(page).ready().run().shows("1")
    assert page.watch.errors == []
