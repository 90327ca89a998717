"""What scripts of SageMathCell's pages do with a cell: jQuery, texts of outputs, kernels, sessions, graders."""

from __future__ import annotations

import pytest

from tests.browser.sight import expect


@pytest.fixture
def open_page(server, site, page):
    """Open a page of another origin with SageMathCell's script in its head; it runs these calls at its end."""

    def open_page(html: str, calls: str = "", head: str = "", headers: dict[str, str] | None = None) -> None:
        script = f'{head}<script src="{server.url}/embedded_sagecell.js"></script>'
        text = f"<!doctype html><html lang=en><link rel=icon href='data:,'>{script}<body>{html}<script>{calls}</script>"
        page.goto(site.put(text, headers=headers))

    return open_page


def make(place: str = "#c", options: str = "") -> str:
    return f"var info = sagecell.makeSagecell({{inputLocation: '{place}', languages: ['python'], {options}}});"


def evaluate(page, code: str | None = None) -> None:
    """Put code into the first cell, run it, and wait for its end."""
    page.locator("single-cell").first.evaluate(
        "async (cell, code) => { if (code !== null) cell.code = code; await cell.run() }", code
    )


def asked(page) -> list[str]:
    """Return where jQuery was asked for, from now on."""
    found: list[str] = []
    page.on("request", lambda request: found.append(request.url) if "jquery" in request.url else None)
    return found


def test_a_page_without_jquery_has_ours_under_both_names(open_page, page, server):
    calls = f"$(function () {{ {make().replace('var info', 'info')} $('p').text('ready') }});"
    requests = asked(page)
    open_page("<div id=c>1</div><p></p>", calls)
    expect(page.locator("p")).to_have_text("ready")
    found = page.evaluate("[$ === jQuery, $.fn.jquery.startsWith('3.'), typeof $.ajax, info.cell.code]")
    assert found == [True, True, "function", "1"]
    assert requests == [f"{server.url}/static/jquery.min.js"]
    assert page.watch.errors == []


def test_a_page_that_asks_for_no_jquery_loads_none(open_page, page):
    requests = asked(page)
    open_page("<div id=c>print(7)</div>", make())
    evaluate(page)
    expect(page.locator(".sagecell_sessionOutput .output")).to_contain_text("7")
    assert requests == []


def test_a_page_keeps_its_own_jquery_and_its_own_dollar(open_page, page):
    open_page("", head="<script>window.$ = 'mine'; window.jQuery = function own() {}</script>")
    assert page.evaluate("[$, jQuery.name]") == ["mine", "own"]
    open_page("", head="<script>window.$ = 'mine'</script>")
    assert page.evaluate("[$, typeof jQuery, $]") == ["mine", "function", "mine"]
    open_page("", "var $ = 'later'; function jQuery() {}")
    assert page.evaluate("[$, jQuery.name, jQuery.fn]") == ["later", "jQuery", None]
    open_page("", "const $ = 'constant'; window.jQuery = 1; window.seen = [$, jQuery]")
    assert page.evaluate("seen") == ["constant", 1]


def test_jquery_that_a_page_loads_later_is_its_own(open_page, page, server):
    open_page(f"<script src='{server.url}/static/jquery.min.js'></script><div id=c>1</div>", "mine = $; " + make())
    assert page.evaluate("[mine === $, $ === jQuery, $('#c').length, info.cell.code]") == [True, True, 1, "1"]


def test_a_page_with_requirejs_does_not_get_our_jquery_for_its_own(open_page, page):
    head = "<script>window.defined = []; define = (...all) => defined.push(all[0]); define.amd = {}</script>"
    open_page("<div id=c>1</div>", make(), head)
    assert page.evaluate("[typeof $, defined, info.cell.code]") == ["function", [], "1"]


def test_selectors_that_only_jquery_knows_work_without_the_pages_jquery(open_page, page):
    html = "<div class=c>1</div><div class=c>2</div><div class=c id=7x>3</div>"
    open_page(html, "sagecell.makeSagecell({inputLocation: '.c:eq(1), #7x', languages: ['python']})")
    assert page.locator("single-cell").evaluate_all("cells => cells.map(cell => cell.code)") == ["2", "3"]


def test_a_page_of_trusted_types_has_cells_although_jquery_may_not_run(open_page, page):
    policy = "require-trusted-types-for 'script'; trusted-types 'none'"
    open_page("<div id=c>1</div>", make(), headers={"Content-Security-Policy": policy})
    assert page.evaluate("info.cell.code") == "1"
    assert page.watch.errors == []
    assert page.evaluate("typeof $") == "undefined"


def test_the_text_of_an_output_is_in_the_pages_tree_and_no_markup_of_it(open_page, page):
    open_page("<div id=c></div>", make())
    evaluate(
        page,
        "import sys\nfrom IPython.display import HTML, display, update_display\n"
        "print('<b>42</b>')\nprint(43)\nprint('warn', file=sys.stderr)\n"
        "display(HTML('<img src=x onerror=alert(1)>'))\ndisplay('before', display_id='d')\n"
        "update_display('after', display_id='d')\n6 * 7",
    )
    host = page.locator("#c .sagecell_sessionOutput")
    assert page.evaluate("document.querySelector('#c .sagecell_stdout').innerText") == "<b>42</b>\n43\n"
    assert page.evaluate("document.querySelector('#c .sagecell_stderr').textContent") == "warn\n"
    texts = host.evaluate("host => [...host.children].map(node => [node.localName, node.className, node.textContent])")
    assert [name for name, _, _ in texts] == ["pre"] * 5
    assert [text for _, _, text in texts[2:]] == ["<IPython.core.display.HTML object>", "'after'", "42"]
    assert host.evaluate("host => host.querySelectorAll('img, b').length") == 0
    expect(page.locator("#c .sagecell_stdout")).to_be_hidden()  # it is shown once, by the cell itself


def test_an_error_is_there_without_its_colours_and_the_next_run_clears_it(open_page, page):
    open_page("<div id=c></div>", make())
    evaluate(page, "1/0")
    text = page.locator("#c .sagecell_pyerr").evaluate("node => node.textContent")
    assert "ZeroDivisionError: division by zero" in text and "\x1b" not in text
    evaluate(page, "from IPython.display import clear_output\nprint(1)\nclear_output(wait=True)\nprint(2)")
    assert page.evaluate("document.querySelector('#c .sagecell_sessionOutput').innerText") == "2"


def test_kept_output_has_the_new_text_above_the_old(open_page, page):
    open_page("<div id=c></div>", make(options="replaceOutput: false"))
    evaluate(page, "print('one')\nprint('more')")
    evaluate(page, "print('two')")
    assert page.evaluate("info.session.output_block.innerText") == "two\none\nmore"


def test_a_run_has_a_session_with_its_code_and_its_output(open_page, page):
    open_page("<div id=c>print(6 * 7)</div>", make())
    assert page.evaluate("[info.session === undefined, sagecell.kernels]") == [True, [None]]
    page.locator(".sagecell_evalButton").click()
    expect(page.locator("single-cell")).to_have_attribute("state", "done")
    page.evaluate("info.cell.code = 'other'")
    found = page.evaluate(
        """() => {
          const { rawcode, output_block, outputDiv, kernel } = info.session;
          const text = outputDiv.find(".sagecell_stdout").text();
          return [rawcode, output_block.innerText, text, kernel === sagecell.kernels[0]];
        }"""
    )
    assert found == ["print(6 * 7)", "42", "42\n", True]


RUN = """code => new Promise(resolve => {
    const said = [];
    sagecell.kernels[0].execute(code, {
      iopub: { output: ({ msg_type, content }) => said.push([msg_type, content.text ?? content.data["text/plain"]]) },
      shell: { reply: message => resolve([...said, message.content.status]) },
    });
  })"""


def test_code_runs_in_the_kernel_of_linked_cells_and_its_messages_come_back(open_page, page):
    open_page("<div class=c>x = 41</div><div class=c>print(x)</div>", make(".c", "linked: true"))
    evaluate(page)
    first = "document.querySelector('single-cell')"
    assert page.evaluate(f"sagecell.kernels.map(kernel => kernel.cell === {first})") == [True]
    assert page.evaluate(RUN, "print('in it')\nx + 1") == [["stream", "in it\n"], ["execute_result", "42"], "ok"]


def test_cells_with_a_link_key_have_the_kernel_of_that_key(open_page, page):
    open_page("<div id=a>1</div><div id=b>1</div><div id=c>1</div>", "")
    for place, key in (("#a", "k"), ("#b", "k"), ("#c", "other")):
        page.evaluate(make(place, f"linkKey: '{key}'"))
    assert page.evaluate("[sagecell.kernels.length, sagecell.linkKeys]") == [2, {"k": 0, "other": 1}]


def test_ximeras_way_to_a_kernel_in_a_place_outside_of_the_page(open_page, page):
    """Its calls as they are: a proxy in place of the list, a cell in no document, the second child pressed."""
    open_page("<div class=out>print(x)</div>")
    seen = page.evaluate(
        """() => new Promise(resolve => {
          sagecell.kernels = new Proxy(sagecell.kernels, {
            set(target, property, value) {
              if (property == 0 && value != null) setTimeout(() => resolve(value));
              target[property] = value;
              return true;
            },
          });
          const d = document.createElement("div");
          sagecell.makeSagecell({ inputLocation: d, linked: true, languages: ["python"] });
          d.children[0].children[1].click();
        }).then(kernel => new Promise(resolve => kernel.execute("6 * 7", {
          iopub: { output: message => resolve([message.msg_type, message.content.data["text/plain"]]) },
        })))"""
    )
    assert seen == ["execute_result", "42"]


FORM = "<form><input name=user value=ann><div id=c></div></form>"
HIDDEN = (
    "from IPython.display import HTML\n"
    "HTML('<INPUT TYPE=HIDDEN NAME=sageAnswer VALUE=\"(1, &quot;2&quot;)\"><input type=hidden name=user value=eve>"
    "<input type=hidden name=submit value=x><input name=seen value=1><img src=x onerror=alert(1)>')"
)
FIELDS = "Object.fromEntries(new FormData(document.forms[0]))"


ANSWER = {"sageAnswer": '(1, "2")'}
# Options of a cell → the fields that the page's form has of an output.
COPIED = {
    "": {},
    "hiddenInputs: ['sageAnswer']": ANSWER,
    "hiddenInputs: true": ANSWER,
    "hiddenInputs: 'sageAnswer'": ANSWER,
    "hiddenInputs: 'no sageAnswer'": {},
    "template: {hiddenInputs: ['seen', 'nope']}": {},
}


def test_hidden_inputs_are_copied_where_the_page_asks_for_them(open_page, page):
    for options, copied in COPIED.items():
        open_page(FORM, make(options=options))
        evaluate(page, HIDDEN)
        assert page.evaluate(FIELDS) == {"user": "ann", **copied}, options
        assert page.evaluate("typeof document.forms[0].submit") == "function", options
        evaluate(page, "print(1)")
        assert page.evaluate(FIELDS) == {"user": "ann"}, options
        page.evaluate("localStorage.clear()")  # what has run would be kept for the next page


def test_a_page_may_ask_for_hidden_inputs_once_for_all_of_its_cells(open_page, page):
    """As pages of WeBWorK must, whose calls are written by a macro."""
    open_page(FORM, make(), head="<script>sagecell = {hiddenInputs: ['sageAnswer']}</script>")
    evaluate(page, HIDDEN)
    assert page.evaluate(FIELDS)["sageAnswer"] == '(1, "2")'


@pytest.mark.sage
def test_webworks_answer_reaches_its_form(open_page, page):
    """The lines that sage.pl writes, with Sage itself."""
    answer = '<INPUT TYPE=HIDDEN SIZE=15 NAME="sageAnswer" id ="sageAnswer" value="%s">'
    code = f"""from sage.misc.html import HtmlFragment
def record_answer(ansVals):     pretty_print(  HtmlFragment('{answer}'%(ansVals,)   ) )
@interact
def _(n = slider(3, 10)):
    record_answer((n, n^2))"""
    html = f'<form><div id="sagecell"><script type="text/code">\n\n{code}\n\n</script></div></form>'
    calls = """sagecell.makeSagecell({inputLocation: '#sagecell', template: sagecell.templates.minimal, autoeval: true,
        linked: true, evalButtonText: 'Start/Restart the Interactive Cell'});"""
    open_page(html, calls, head="<script>sagecell = {hiddenInputs: ['sageAnswer']}</script>")
    expect(page.locator("form input[name=sageAnswer]")).to_have_value("(3, 9)")
    assert page.evaluate(FIELDS) == {"sageAnswer": "(3, 9)"}


@pytest.mark.sage
@pytest.mark.parametrize(
    ("language", "code", "shown"), [("gap", "Size(SymmetricGroup(4));", "24"), ("gp", "2^10", "1024")]
)
def test_the_menu_of_languages_runs_those_of_sagemathcell(open_page, page, language, code, shown):
    open_page("<div id=c></div>", "sagecell.makeSagecell({inputLocation: '#c', languages: sagecell.allLanguages})")
    menu = page.locator(".sagecell_language select")
    expect(menu.locator("option[value=macaulay2]")).to_have_attribute("disabled", "")
    for name in ("gap", "gp", "html", "maxima", "singular", "sage", "python"):
        expect(menu.locator(f"option[value={name}]")).not_to_have_attribute("disabled", "")
    menu.select_option(language)
    evaluate(page, code)
    expect(page.locator(".sagecell_sessionOutput .output")).to_contain_text(shown)


def test_a_cell_of_html_draws_it(open_page, page):
    calls = "sagecell.makeSagecell({inputLocation: '#c', languages: ['html']})"
    open_page("<div id=c>&lt;b&gt;bold&lt;/b&gt;</div>", calls)
    page.locator(".sagecell_evalButton").click()
    frame = page.locator(".sagecell_sessionOutput .output").frame_locator(".frame").frame_locator("iframe")
    expect(frame.locator("b")).to_have_text("bold")


@pytest.mark.sage
@pytest.mark.parametrize("link", ["c=2%5E10", "z=eJwzijM0AAACeADy"])
def test_old_links_without_a_language_mean_sage(server, page, link):
    page.goto(f"{server.url}/?{link}")
    expect(page.locator("#try .output")).to_contain_text("1024")
    expect(page.locator("#try")).to_have_attribute("language", "sage")
    page.goto(f"{server.url}/?{link}&lang=python")
    expect(page.locator("#try")).to_have_attribute("language", "python")
