"""Pages written for SageMathCell, and for the single cell server of 2011, work from our server unchanged."""

from __future__ import annotations

import pytest
from playwright.sync_api import Locator

from tests.browser.cell import Cell
from tests.browser.sight import expect

PYTHON = 'languages: ["python"]'


@pytest.fixture
def sagecell(server, site, page):
    """Open a page of another origin that loads SageMathCell's script and makes the given calls."""

    def open_page(html: str, calls: str, before: str = "", script: str = "static/embedded_sagecell.js") -> Cell:
        scripts = f'{before}<script src="{server.url}/{script}"></script><script>{calls}</script>'
        page.goto(
            site.put(f"<!doctype html><html lang=en><link rel=icon href='data:,'>{scripts}<body>{html}</body></html>")
        )
        cell = Cell(page).ready()
        cell.output = page.locator(".sagecell_sessionOutput .output").first
        return cell

    return open_page


@pytest.fixture
def jquery(server) -> str:
    """The line that older pages load the server's jQuery with."""
    return f'<script src="{server.url}/static/jquery.min.js"></script>'


def outputs(page) -> Locator:
    """The outputs of all cells, in their order."""
    return page.locator(".sagecell_sessionOutput .output")


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
    expect(outputs(page).nth(1)).to_contain_text("42")
    expect(page.locator(".sagecell_permalink").first).to_be_hidden()


def test_pretexts_autoeval_cells_run_in_the_order_of_the_page_without_a_button(sagecell, page):
    calls = """sagecell.makeSagecell({inputLocation: "div.sagecell-python-autoeval", linked: true,
        linkKey: "linked-python", autoeval: true, languages: ["python"], evalButtonText: "Evaluate (Python)",
        hide: ["evalButton"]});"""
    place = '<div class="ptx-sagecell sagecell-python-autoeval"><script type="text/x-sage">{}</script></div>'
    sagecell(place.format("y = 20") + place.format("y += 1") + place.format("print(y)"), calls)
    expect(outputs(page).nth(2)).to_contain_text("21")
    expect(page.locator(".sagecell_evalButton").first).to_be_hidden()


def test_pretexts_display_only_and_practice_cells(sagecell, page):
    calls = """
        sagecell.makeSagecell({inputLocation: "div.sage-display", editor: "codemirror-readonly",
            hide: ["evalButton", "editorToggle", "language"], languages: ["python"]});
        sagecell.makeSagecell({inputLocation: "div.sagecell-practice", languages: sagecell.allLanguages,
            defaultLanguage: "python", linked: true, evalButtonText: "Evaluate"});"""
    cell = sagecell("<div class='sage-display'>print(1)</div><div class='sagecell-practice'>print(2)</div>", calls)
    expect(cell.node.locator(".pce-textarea")).to_have_attribute("aria-readonly", "true")
    expect(page.locator(".sage-display .sagecell_evalButton")).to_be_hidden()
    menu = page.locator(".sagecell-practice .sagecell_language select")
    expect(menu).to_have_value("python")
    expect(menu.locator("option")).to_have_count(10)
    expect(menu.locator("option[value=macaulay2]")).to_have_attribute("disabled", "")
    page.locator(".sagecell-practice .sagecell_evalButton").click()
    expect(outputs(page).nth(1)).to_contain_text("2")


def test_an_interactive_runs_by_itself_and_shows_its_output_alone(sagecell):
    cell = sagecell(
        '<pre class="sage-interact"><script type="text/x-sage">print("by itself")</script></pre>',
        """sagecell.makeSagecell({inputLocation: ".sage-interact", autoeval: true, languages: ["python"],
           hide: ["editor", "evalButton", "permalink"]});""",
    )
    cell.shows("by itself")
    expect(cell.field).to_be_hidden()
    expect(cell.node.locator(".sagecell_evalButton")).to_be_hidden()


def test_webworks_page_keeps_its_own_jquery(sagecell, page, jquery):
    """The lines that sage.pl writes, with Python for Sage."""
    calls = """</script><script>
      jqSave(function () {
        sagecell.makeSagecell({inputLocation: '#sagecell', template: sagecell.templates.minimal, autoeval: true,
          linked: true, evalButtonText: 'Start/Restart the Interactive Cell', languages: ["python"]});
      });
      $ = jQuery = jqSave;"""
    cell = sagecell(
        '<div id="sagecell">\n\t<script type="text/code">\n\ndef record_answer(answer):\n    print(answer)\n'
        "record_answer(3)\n\n    </script>\n</div>",
        calls,
        before=f"{jquery}<script>var jqSave = $.noConflict(true);</script>",
        script="embedded_sagecell.js",
    )
    cell.shows("3")
    expect(cell.field).to_be_hidden()
    expect(page.locator(".sagecell_evalButton")).to_have_text("Start/Restart the Interactive Cell")
    assert page.evaluate("[$ === jqSave, $.fn.jquery[0]]") == [True, "3"]
    assert page.watch.errors == []


def test_the_old_instructions_with_jquery_and_a_style_sheet_from_the_server(sagecell, page, server, jquery):
    style = f'<link rel="stylesheet" type="text/css" href="{server.url}/static/sagecell_embed.css">'
    calls = """$(function () {
        sagecell.makeSagecell({inputLocation: '#mycell', template: sagecell.templates.minimal,
            evalButtonText: 'Activate', languages: ["python"]});
        sagecell.makeSagecell({inputLocation: $('div.compute'), evalButtonText: 'Evaluate', languages: ["python"]});
    });"""
    cell = sagecell(
        "<div id=mycell><script type='text/x-sage'>print(1 + 2)</script></div><div class=compute>2</div>",
        calls,
        before=jquery + style,
    )
    expect(page.locator(".sagecell_evalButton")).to_have_text(["Activate", "Evaluate"])
    page.get_by_text("Activate").click()
    cell.shows("3")
    assert page.watch.errors == []


def test_the_options_are_returned_and_filled_in(sagecell, page):
    cell = sagecell(
        "<form><textarea id=in name=code>print(2)</textarea></form><div id=out></div>",
        """var ran = 0; var info = sagecell.makeSagecell({
           inputLocation: "#in", outputLocation: "#out", languages: ["python"],
           template: sagecell.templates.restricted, callback: function () { ran += 1 }});""",
    )
    page.evaluate("info.submit()")
    expect(page.locator("#out .sagecell_output .sagecell_sessionOutput")).to_contain_text("2")
    cell.ends()  # until then another submission is none
    assert page.evaluate("[ran, info.editor, info.replaceOutput, typeof info.editorData.getValue, info.mode]") == [
        1,
        "codemirror-readonly",
        True,
        "function",
        "normal",
    ]
    page.evaluate("info.editorData.setValue('print(3)')")
    assert page.evaluate("info.submit()") is False
    expect(page.locator("#out .sagecell_sessionOutput")).to_contain_text("3")
    assert page.evaluate("new FormData(document.forms[0]).get('code')") == "print(3)"
    page.evaluate("sagecell.deleteSagecell(info)")
    expect(page.locator("single-cell, .sagecell_sessionOutput")).to_have_count(0)


def test_code_comes_from_the_option_another_place_a_script_or_the_text(sagecell, page):
    calls = """
        sagecell.makeSagecell({inputLocation: "#a", code: "print('option')", languages: ["python"]});
        sagecell.makeSagecell({inputLocation: document.getElementById("b") || "#b", codeLocation: "#source",
            languages: ["python"]});
        sagecell.makeSagecell({inputLocation: "#c", languages: ["python"]});
        sagecell.makeSagecell({inputLocation: "#d", languages: ["python"]});"""
    sagecell(
        "<pre id=source>print('elsewhere')</pre><div id=a>1</div><div id=b>1</div>"
        "<div id=c>1<script type='text/x-sage'>\nif 1 < 2:\n  print('script')\n</script></div>"
        "<div id=d>  2 &lt; 3 </div>",
        calls,
    )
    assert page.locator("single-cell").evaluate_all("cells => cells.map(cell => cell.code)") == [
        "print('option')",
        "print('elsewhere')",
        "if 1 < 2:\n  print('script')",
        "2 < 3",
    ]


PARTS = [
    ("hide: ['editor']", ".editor", False),
    ("hide: ['evalButton']", ".sagecell_evalButton", False),
    ("hide: ['permalink']", ".sagecell_permalink", False),
    ("hide: []", ".sagecell_permalink", True),
    ("hide: ['language'], languages: ['python', 'sage']", ".sagecell_language", False),
    ("languages: ['python', 'sage']", ".sagecell_language", True),
    ("hide: ['editor', 'evalButton', 'files'], mode: 'debug'", ".sagecell_evalButton", True),
    ("hide: ['files']", "[part=attach-button]", False),
    ("hide: ['files'], mode: 'debug'", "[part=attach-button]", True),
    ("collapse: true", ".editor", False),
    ("collapse: false", ".editor", True),
    ("template: sagecell.templates.minimal", ".editor", False),
    ("template: {hide: ['permalink']}, hide: ['evalButton']", ".sagecell_permalink", False),
    ("linked: true", ".sagecell_permalink", False),
]
ATTRIBUTES = [
    (PYTHON, {"language": "python", "languages": None, "readonly": None, "autorun": None, "link-key": None}),
    ("", {"language": "sage"}),
    ("languages: ['r', 'python'], defaultLanguage: 'python'", {"language": "python"}),
    ("languages: ['r', 'python'], defaultLanguage: 'gap'", {"language": "r"}),
    ("editor: 'textarea-readonly'", {"readonly": ""}),
    ("autoeval: true, code: ''", {"autorun": None}),
    ("linkKey: 'k'", {"link-key": "k"}),
    ("replaceOutput: false", {"keep-output": ""}),
    ("replaceOutput: true", {"keep-output": None}),
    ("collapse: true", {"collapsed": "true"}),
]


def one_call_each(options: list[str]) -> tuple[str, str]:
    """Return the HTML and the calls of a page with a cell for each of these options."""
    html = "".join(f"<div id=c{number}>1</div>" for number, _ in enumerate(options))
    calls = "".join(
        f"sagecell.makeSagecell({{inputLocation: '#c{number}', {text}}});" for number, text in enumerate(options)
    )
    return html, calls


def test_parts_are_shown_or_hidden(sagecell, page):
    sagecell(*one_call_each([f"{PYTHON}, {options}" for options, _, _ in PARTS]))
    for number, (_, selector, shown) in enumerate(PARTS):
        part = page.locator(f"#c{number}").locator(selector).first
        expect(part).to_be_visible() if shown else expect(part).to_be_hidden()


def test_options_and_their_defaults(sagecell, page):
    sagecell(*one_call_each([options for options, _ in ATTRIBUTES]))
    for number, (_, attributes) in enumerate(ATTRIBUTES):
        cell = page.locator(f"#c{number} single-cell")
        assert {name: cell.get_attribute(name) for name in attributes} == attributes


def test_many_places_give_an_array_a_callback_each_and_when_linked_no_autoeval(sagecell, page):
    sagecell(
        "<div class=c>1</div><div class=c>2</div>",
        """var calls = 0; var info = sagecell.makeSagecell({inputLocation: ".c", linked: true, autoeval: true,
           languages: ["python"], callback: function () { calls += 1 }});""",
    )
    assert page.evaluate("[info.array.length, calls]") == [2, 2]
    expect(page.locator("single-cell[autorun]")).to_have_count(0)
    assert page.evaluate("info.array[0].linkKey === info.array[1].linkKey")


def test_a_place_is_never_made_a_cell_twice(sagecell, page):
    call = 'sagecell.makeSagecell({inputLocation: ".c", languages: ["python"]});'
    sagecell("<div class='c sagecell'>1</div>", call + call)
    expect(page.locator("single-cell")).to_have_count(1)


def test_calls_that_name_no_place_or_one_output_for_many_say_so(sagecell, page):
    calls = """
      sagecell.makeSagecell({inputLocation: ".c", outputLocation: "#out"});
      sagecell.makeSagecell({inputLocation: "#d", languages: ["python"]});
      sagecell.makeSagecell({});"""
    sagecell("<div class=c></div><div class=c></div><div id=out></div><div id=d></div>", calls)
    first, second = page.watch.errors
    assert "needs an inputLocation" in first and "one place" in second


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
    cell.shows("one").ends()
    cell.node.evaluate("async cell => { cell.code = \"print('two')\"; await cell.run() }")
    cell.shows("two")
    assert cell.output.inner_text().split() == ["two", "one"]


def test_what_pages_look_for_is_there_under_its_names(sagecell, page):
    cell = sagecell("<div id=c>1</div>", f"sagecell.makeSagecell({{inputLocation: '#c', {PYTHON}}});")
    assert page.evaluate("Object.keys(sagecell.templates)") == ["minimal", "restricted"]
    assert page.evaluate("sagecell.allLanguages.length") == 10
    assert page.evaluate("[sagecell.modes.sage, sagecell.quietMode, Array.isArray(sagecell.kernels)]") == [
        "python",
        False,
        True,
    ]
    assert page.evaluate("singlecell.makeSinglecell === sagecell.makeSagecell")
    assert cell.node.evaluate("cell => cell.server") == page.evaluate("sagecell.root")
    for name in ("input", "editor", "evalButton", "output", "sessionOutput", "permalink"):
        expect(page.locator(f".sagecell .sagecell_{name}")).to_have_count(1)


def test_the_page_styles_the_button_and_the_output_by_their_classes(sagecell, page):
    style = """<style>.sagecell_evalButton { background: rgb(1, 2, 3) }
        .sagecell_sessionOutput { border: 2px solid rgb(4, 5, 6) }
        button { background: rgb(7, 8, 9) }</style>"""
    sagecell("<div id=c>1</div>", f"sagecell.makeSagecell({{inputLocation: '#c', {PYTHON}}});", before=style)
    expect(page.locator(".sagecell_evalButton")).to_have_css("background-color", "rgb(1, 2, 3)")
    expect(page.locator(".sagecell_sessionOutput")).to_have_css("border-top-color", "rgb(4, 5, 6)")
    expect(page.locator(".sagecell_permalink button")).to_have_css("background-color", "rgb(7, 8, 9)")
    expect(page.locator(".sagecell_permalink button")).to_have_css("border-top-left-radius", "6px")


@pytest.mark.parametrize(
    "before", ['<script>var sagecell = {root: "%s"}</script>', '<link property="sagecell-root" href="%s">']
)
def test_a_page_may_name_another_server(sagecell, before):
    calls = "sagecell.makeSagecell({inputLocation: '#c'});"
    cell = sagecell("<div id=c>1</div>", calls, before=before % "https://other.example/cell")
    assert cell.node.evaluate("cell => cell.server") == "https://other.example/cell/"


def test_calls_of_2011_work(sagecell, page):
    calls = """singlecell.init(function () { window.info = singlecell.makeSinglecell({inputLocation: "#c",
        languages: ["python"], editor: "textarea", evalButtonText: "Evaluate", sageMode: false,
        template: singlecell.templates.restricted,
        hide: ["editorToggle", "files", "sageMode", "computationID", "messages", "sessionTitle", "done",
               "sessionFilesTitle"]}) });"""
    cell = sagecell("<div id=c>print(3)</div>", calls)
    page.locator(".sagecell_evalButton").click()
    cell.shows("3")
    expect(cell.status).to_be_hidden()
    page.evaluate("singlecell.moveInputForm(info); singlecell.restoreInputForm(info)")
    page.evaluate("singlecell.deleteSinglecell(info)")
    expect(page.locator("single-cell")).to_have_count(0)
