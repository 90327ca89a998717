"""Pages written for SageMathCell, and for the single cell server of 2011, work from our server unchanged."""

from __future__ import annotations

import pytest
from playwright.sync_api import expect

from tests.browser.cell import Cell


@pytest.fixture
def sagecell(server, site, page):
    """Open a page of another origin that loads SageMathCell's script and makes the given calls."""

    def open_page(html: str, calls: str) -> Cell:
        script = f'<script src="{server.url}/static/embedded_sagecell.js"></script><script>{calls}</script>'
        page.goto(
            site.put(f"<!doctype html><html lang=en><link rel=icon href='data:,'>{script}<body>{html}</body></html>")
        )
        return Cell(page).ready()

    return open_page


def test_pretexts_call_makes_a_linked_cell_for_each_place(sagecell, page):
    calls = """sagecell.makeSagecell({inputLocation: "div.sagecell-python", linked: true, linkKey: "linked-python",
        autoeval: false, languages: ["python"], evalButtonText: "Evaluate (Python)"});"""
    place = '<div class="ptx-sagecell sagecell-python"><script type="text/x-sage">{}</script></div>'
    cell = sagecell(place.format("x = 41\n") + place.format("print(x + 1)\n"), calls)
    buttons = page.locator(".sagecell .sagecell_input .sagecell_evalButton")
    expect(buttons).to_have_text(["Evaluate (Python)"] * 2)
    buttons.nth(0).click()
    expect(cell.node).to_have_attribute("state", "done")
    buttons.nth(1).click()
    expect(page.locator("single-cell").nth(1).locator(".output")).to_contain_text("42")
    expect(page.locator("single-cell [part=share-button]").first).to_be_hidden()


def test_an_interactive_runs_by_itself_and_shows_its_output_alone(sagecell):
    cell = sagecell(
        '<pre class="sage-interact"><script type="text/x-sage">print("by itself")</script></pre>',
        """sagecell.makeSagecell({inputLocation: ".sage-interact", autoeval: true, languages: ["python"],
           hide: ["editor", "evalButton", "permalink"]});""",
    )
    cell.shows("by itself")
    expect(cell.field).to_be_hidden()
    expect(cell.node.locator(".sagecell_evalButton")).to_be_hidden()


def test_the_options_are_returned_and_filled_in(sagecell, page):
    sagecell(
        "<textarea id=in>print(2)</textarea><div id=out></div>",
        """var ran = 0; var info = sagecell.makeSagecell({
           inputLocation: "#in", outputLocation: "#out", languages: ["python"],
           template: sagecell.templates.restricted, callback: function () { ran += 1 }});""",
    )
    page.evaluate("info.submit()")
    expect(page.locator("#out .sagecell_sessionOutput")).to_contain_text("2")
    assert page.evaluate("[ran, info.editor, info.replaceOutput, typeof info.editorData.getValue]") == [
        1,
        "codemirror-readonly",
        True,
        "function",
    ]
    page.evaluate("sagecell.deleteSagecell(info)")
    expect(page.locator("single-cell")).to_have_count(0)


def test_a_place_is_never_made_a_cell_twice(sagecell, page):
    call = 'sagecell.makeSagecell({inputLocation: ".c", languages: ["python"]});'
    sagecell("<div class=c>1</div>", call + call)
    expect(page.locator("single-cell")).to_have_count(1)


def test_the_form_moves_away_and_comes_back(sagecell, page):
    cell = sagecell(
        "<div id=c>print(7)</div>", 'var info = sagecell.makeSagecell({inputLocation: "#c", languages: ["python"]});'
    )
    page.evaluate("sagecell.moveInputForm(info)")
    expect(cell.node).to_be_hidden()
    page.evaluate("sagecell.restoreInputForm(info)")
    expect(page.locator("#c single-cell")).to_be_visible()
    page.locator(".sagecell_evalButton").click()
    cell.shows("7")


def test_output_may_be_kept_below_the_new(sagecell, page):
    cell = sagecell(
        "<div id=c>print('one')</div>",
        'sagecell.makeSagecell({inputLocation: "#c", languages: ["python"], replaceOutput: false});',
    )
    page.locator(".sagecell_evalButton").click()
    cell.shows("one")
    cell.node.evaluate("async cell => { cell.code = \"print('two')\"; await cell.run() }")
    assert cell.output.inner_text().split() == ["two", "one"]


def test_calls_of_2011_work(sagecell, page):
    calls = """singlecell.init(function () { singlecell.makeSinglecell({inputLocation: "#c", languages: ["python"],
        editor: "textarea", evalButtonText: "Evaluate"}) });"""
    cell = sagecell("<div id=c>print(3)</div>", calls)
    page.locator(".sagecell_evalButton").click()
    cell.shows("3")
