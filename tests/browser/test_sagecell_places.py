"""SageMathCell's inputLocation in all the forms that pages give it, and its cells when pages look for them."""

from __future__ import annotations

import pytest

from tests.browser.sight import expect

PLACES = "<div class=c id=1>1</div><div class=c id=two>2</div><div class=c id=3-3>3</div>"


@pytest.fixture
def made(server, site, page):
    """Open a page that loads our script and makes its calls when it has been read; return the codes of its cells."""

    def open_page(calls: str, html: str = PLACES, jquery: bool = True) -> list[str]:
        head = f'<script src="{server.url}/static/jquery.min.js"></script>' if jquery else ""
        script = f'<script src="{server.url}/embedded_sagecell.js"></script>'
        text = f"<!doctype html><html lang=en><link rel=icon href='data:,'>{head}{script}<body>{html}"
        page.goto(site.put(f"{text}<script>{calls}</script></body></html>"))
        expect(page.locator("single-cell").first).to_have_attribute("state", "idle")
        return page.locator("single-cell").evaluate_all("cells => cells.map(cell => cell.code)")

    return open_page


LOCATIONS = {
    "['#two', '#3-3']": ["2", "3"],
    "'#1'": ["1"],
    "'#1, #3-3'": ["1", "3"],
    "'div.c:first'": ["1"],
    "'div.c:eq(1)'": ["2"],
    "'.c:not(:last)'": ["1", "2"],
    "document.getElementById('two')": ["2"],
    "[document.getElementById('two'), '.c']": ["1", "2", "3"],
    "$('.c').slice(1)": ["2", "3"],
    "document.querySelectorAll('.c')": ["1", "2", "3"],
}


def test_a_place_is_a_selector_an_element_or_a_list_of_them(made, page):
    for location, codes in LOCATIONS.items():
        call = f"sagecell.makeSagecell({{inputLocation: {location}, languages: ['python']}})"
        assert made(call) == codes, location
    assert page.watch.errors == []


def test_a_cell_is_there_when_the_call_returns(made, page):
    made(
        """var info = sagecell.makeSagecell({inputLocation: "#two", languages: ["python"], callback: function () {
             window.seen = info.cell.code;
           }});
           window.now = [$("#two .sagecell_evalButton").length, info.cell.state, info.cell.code];""",
    )
    assert page.evaluate("[now, seen]") == [[1, "idle", "2"], "2"]
    page.evaluate("$('body').append('<div id=later>4</div>'); later = sagecell.makeSagecell({inputLocation: '#later'})")
    assert page.evaluate("later.cell.code") == "4"


def test_a_call_in_the_head_still_finds_what_comes_below_it(server, site, page):
    call = "sagecell.makeSagecell({inputLocation: '#c', outputLocation: '#out', languages: ['python']})"
    head = f'<script src="{server.url}/embedded_sagecell.js"></script><script>{call}</script>'
    page.goto(site.put(f"<!doctype html><html lang=en><head>{head}</head><body><div id=c>7</div><div id=out></div>"))
    expect(page.locator("#c single-cell")).to_have_attribute("state", "idle")
    expect(page.locator("#out .sagecell_output")).to_have_count(1)


def test_an_exception_in_a_callback_spoils_nothing(made, page):
    codes = made(
        """sagecell.makeSagecell({inputLocation: ".c", languages: ["python"],
             callback: function () { throw new Error("the page's own") }});
           window.after = true;"""
    )
    assert codes == ["1", "2", "3"]
    assert page.evaluate("after")
    assert page.watch.errors == ["the page's own"] * 3


def test_what_is_hidden_stays_so_in_a_page_that_shows_everything(made, page):
    style = "<style>*, button, textarea, .sagecell_evalButton { display: block !important }</style>"
    made(
        """sagecell.makeSagecell({inputLocation: "#two", languages: ["python"],
             hide: ["editor", "evalButton", "permalink", "files", "output"]});
           var info = sagecell.makeSagecell({inputLocation: "#area", languages: ["python", "r"], hide: ["language"]});
           var moved = sagecell.makeSagecell({inputLocation: "#1", languages: ["python"]});
           sagecell.moveInputForm(moved);""",
        html=style + PLACES + "<textarea id=area>print(1)</textarea>",
    )
    two = page.locator("#two")
    for part in (".sagecell_evalButton", ".sagecell_permalink", ".editor", "[part=attach-button]"):
        expect(two.locator(part).first).to_be_hidden()
    expect(page.locator("#area")).to_be_hidden()
    expect(page.locator("div:has(> #area) .sagecell_language")).to_be_hidden()
    expect(page.locator("body > .sagecell_input")).to_be_hidden()


def test_files_and_folded_code_that_are_hidden_stay_so_too(server, site, page):
    style = "<style>::part(files), ::part(editor), ::part(share-button) { display: block !important }</style>"
    cell = '<single-cell collapsed=false hide="editor share downloads">open("a.txt", "w").write("1")</single-cell>'
    script = f'<script type=module src="{server.url}/embedded_singlecell.js"></script>'
    page.goto(site.put(f"<!doctype html><html lang=en>{style}{script}<body>{cell}"))
    node = page.locator("single-cell")
    expect(node).to_have_attribute("state", "idle")
    node.evaluate("cell => cell.run()")
    expect(node.locator(".files")).to_have_count(1)
    for part in (".files", ".editor", ".fold", "[part=share-button]"):
        expect(node.locator(part)).to_be_hidden()
