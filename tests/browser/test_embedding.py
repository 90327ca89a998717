"""Three lines of HTML put a cell into a page of another origin, whatever else the page has."""

from __future__ import annotations

import re
from pathlib import Path
from urllib.parse import urlsplit

from tests.browser.cell import Cell
from tests.browser.sight import expect

THREE = '<single-cell language="python">print(1 + 1)</single-cell>'


def test_three_lines_of_html_make_a_cell_in_a_page_of_another_origin(embed, page, server, site):
    cell = embed(THREE)
    cell.run().shows("2")
    assert page.watch.hosts == {urlsplit(server.url).netloc, urlsplit(site.url).netloc}
    assert page.watch.errors == []


def test_code_may_stand_in_a_pre_or_a_script_with_the_indentation_of_the_page(embed):
    cell = embed(
        "<single-cell><pre>\n    if 1 &lt; 2:\n        print('pre')\n  </pre></single-cell>"
        "<single-cell><script type='text/x-python'>\n      if 1 < 2:\n          print('script')\n"
        "</script></single-cell>"
    )
    assert cell.code == "if 1 < 2:\n    print('pre')"
    assert Cell(cell.page, "single-cell:nth-of-type(2)").code == "if 1 < 2:\n    print('script')"


def test_the_hosts_style_and_scripts_do_not_reach_the_cell_nor_the_cells_the_host(embed, page):
    style = (
        "<style>button, div, textarea { display: none !important; color: red !important }"
        " p, button, div, span, textarea { font-size: 40px !important }</style>"
    )
    cell = embed(f"<p id=own>own</p>{THREE}", head=style + "<script>var before = Object.keys(window).length</script>")
    cell.run().shows("2")
    expect(cell.button).to_be_visible()
    assert cell.button.evaluate("node => getComputedStyle(node).fontSize") == "14px"
    assert page.locator("#own").evaluate("node => getComputedStyle(node).fontSize") == "40px"


def test_a_page_with_a_strict_policy_needs_only_the_documented_directives(embed, server, page):
    origin = server.url.rstrip("/")
    policy = (
        f"default-src 'none'; script-src {origin}; connect-src {origin}; frame-src {origin}; font-src {origin}; "
        f"img-src {origin} data:"
    )
    cell = embed(
        "<single-cell>from IPython.display import HTML, Math, display\ndisplay(Math('x'), HTML('&lt;b>bold&lt;/b>'))\n"
        "print('done')</single-cell>",
        headers={"Content-Security-Policy": policy},
    )
    cell.run().shows("done")
    expect(cell.output.locator(".katex")).to_be_visible()
    expect(cell.drawn.locator("b")).to_have_text("bold")
    assert page.watch.errors == []


def test_old_scripts_of_the_page_are_left_alone(embed, page):
    head = """<script>
      window.jQuery = window.$ = "the page's own";
      window.define = function () { throw new Error("not for modules") }; window.define.amd = {};
      window.require = window.define;
    </script>"""
    embed(THREE, head=head).run().shows("2")
    assert page.evaluate("[window.jQuery, window.$]") == ["the page's own"] * 2
    assert page.watch.errors == []


def test_linked_cells_share_a_kernel_and_others_do_not(embed, page):
    first = embed(
        "<single-cell linked>x = 41</single-cell><single-cell linked>print(x + 1)</single-cell>"
        "<single-cell>print('x' in globals())</single-cell>"
        "<single-cell link-key=other>print('x' in globals())</single-cell>"
    )
    first.run()
    Cell(page, "single-cell:nth-of-type(2)").run().shows("42")
    Cell(page, "single-cell:nth-of-type(3)").run().shows("False")
    Cell(page, "single-cell:nth-of-type(4)").run().shows("False")


def test_hidden_setup_code_runs_first(embed):
    cell = embed("<single-cell><pre data-setup>secret = 42</pre><pre>print(secret)</pre></single-cell>")
    assert cell.code == "print(secret)"
    cell.run().shows("42")
    assert cell.output.inner_text().strip() == "42"


def test_a_cell_may_run_by_itself_and_hide_its_parts(embed):
    cell = embed('<single-cell autorun hide="editor run share">print("by itself")</single-cell>')
    cell.shows("by itself")
    expect(cell.field).to_be_hidden()
    expect(cell.button).to_be_hidden()
    expect(cell.node.locator("[part=share-button]")).to_be_hidden()


def test_a_readonly_cell_runs_but_cannot_be_changed(embed, page):
    cell = embed("<single-cell readonly>print('fixed')</single-cell>")
    cell.field.focus()
    page.keyboard.type("broken")
    assert cell.code == "print('fixed')"
    cell.run().shows("fixed")


def test_cells_inside_hidden_places_work_when_they_are_opened(embed, page):
    cell = embed(f"<details><summary>More</summary>{THREE}</details>")
    page.get_by_text("More").click()
    cell.run().shows("2")


HIDDEN_PLACES = """
  <details><summary>More</summary><single-cell id=details autorun>print('details')</single-cell></details>
  <div id=tab hidden><single-cell id=tabbed autorun>print('tab')</single-cell></div>
  <div id=slide style="display: none"><single-cell id=slid autorun>print('slide')</single-cell></div>
  <div style="height: 5000px"></div><single-cell id=below autorun>print('below')</single-cell>"""


def test_cells_that_run_by_themselves_wait_until_somebody_comes_near_them(embed, page):
    embed("<single-cell id=first autorun>print('first')</single-cell>" + HIDDEN_PLACES)
    Cell(page, "#first").shows("first")
    expect(page.locator("single-cell[state=idle]")).to_have_count(4)
    page.get_by_text("More").click()
    Cell(page, "#details").shows("details")
    page.locator("#tab").evaluate("tab => { tab.hidden = false }")
    Cell(page, "#tabbed").shows("tab")
    page.locator("#slide").evaluate("slide => { slide.style.display = 'block' }")
    Cell(page, "#slid").shows("slide")
    expect(page.locator("#below")).to_have_attribute("state", "idle")
    page.locator("#below").scroll_into_view_if_needed()
    Cell(page, "#below").shows("below")


def test_linked_cells_that_run_by_themselves_keep_the_pages_order_seen_or_not(embed, page):
    embed(
        "<details><summary>More</summary><single-cell autorun linked>x = 6</single-cell></details>"
        "<single-cell id=last autorun linked>print(x * 7)</single-cell>"
        "<div hidden><single-cell id=now autorun=now>print('at once')</single-cell></div>"
    )
    Cell(page, "#last").shows("42")
    expect(page.locator("#now")).to_have_attribute("state", "done")


def test_a_menu_shows_languages_that_are_not_installed_and_how_they_are(embed, page):
    served = [
        {"name": "python", "label": "Python", "available": True, "highlighting": "python"},
        {"name": "fricas", "label": "FriCAS", "available": False, "install": "make fricas", "highlighting": "lisp"},
        {"name": "r", "label": "R", "available": False, "expected": True, "install": "make r", "highlighting": "r"},
    ]
    page.route("**/languages", lambda route: route.fulfill(json={"languages": served}))
    cell = embed('<single-cell languages="all"></single-cell><single-cell languages="python gap"></single-cell>')
    menu = cell.node.get_by_label("Language")
    expect(menu).to_have_value("python")
    missing = menu.locator("option[value=fricas]")
    expect(missing).to_have_attribute("disabled", "")
    expect(missing).to_have_text("FriCAS: not on this server; its owner installs it with “make fricas”")
    expect(menu.locator("option[value=r]:enabled")).to_have_text("R")  # it is on its way, and its cells wait
    other = Cell(page, "single-cell:nth-of-type(2)").node.get_by_label("Language").locator("option[value=gap]")
    expect(other).to_have_text("GAP: not on this server")
    expect(other).to_have_attribute("disabled", "")
    assert menu.bounding_box()["width"] < 200


def test_the_language_that_is_chosen_runs_and_colours_the_code(embed, page):
    cell = embed('<single-cell language="r" languages="r python" >x &lt;- function(a) a  # r</single-cell>')
    expect(cell.node.locator(".token.keyword")).to_have_text("function")
    cell.node.get_by_label("Language").select_option("python")
    expect(cell.node).to_have_attribute("language", "python")
    cell.run("print(1)").shows("1")
    cell.write("def f(): pass")
    expect(cell.node.locator(".token.keyword").first).to_have_text("def")


def test_languages_have_their_colours(embed, page):
    codes = {"sage": "lambda x: x", "julia": "function f() end", "octave": "while true", "gap": "local x"}
    embed("".join(f'<single-cell language="{language}">{code}</single-cell>' for language, code in codes.items()))
    for language, code in codes.items():
        keyword = page.locator(f"single-cell[language={language}] .token.keyword").first
        expect(keyword, language).to_have_text(code.split()[0])


def test_a_language_that_nobody_knows_is_plain_text(embed, page):
    cell = embed('<single-cell language="klingon">def f(): pass</single-cell>')
    expect(cell.node.locator(".token")).to_have_count(0)
    assert page.watch.errors == []


def test_nothing_moves_when_cells_come_to_life_in_a_page_with_the_documented_style(embed, page):
    text = (Path(__file__).parents[2] / "docs/embedding.md").read_text()
    [style] = re.findall(r"```css\n(single-cell:not.*?)```", text, re.DOTALL)
    page.add_init_script(
        "window.moved = 0;"
        "new PerformanceObserver(list => list.getEntries().forEach(entry => { moved += entry.value }))"
        ".observe({ type: 'layout-shift', buffered: true })"
    )
    code = "<pre>for i in range(3):\n    print(i)\nprint('end')</pre>"
    cells = f"<single-cell>{code}</single-cell><p>between</p><single-cell>1 + 1</single-cell><p>after</p>"
    embed(cells, head=f"<style>{style}</style>")
    expect(page.locator("single-cell[state=idle]")).to_have_count(2)
    page.evaluate("new Promise(done => requestAnimationFrame(() => requestAnimationFrame(done)))")
    assert page.evaluate("moved") < 0.01


def test_a_script_that_is_evaluated_as_text_finds_its_server(server, site, page):
    """As jQuery's getScript does, and pages that open their cells in pop-ups with it."""
    page.goto(
        site.put(
            f"""<!doctype html><html lang=en><link rel=icon href='data:,'><div id=c>print(6 * 7)</div>
            <script src="{server.url}/static/jquery.min.js"></script>
            <script>define = () => {{ throw new Error("anonymous module") }}; define.amd = {{}};
            const address = "{server.url}/static/embedded_sagecell.js";
            $.ajax({{url: address, dataType: "text"}}).then(text => {{
              $("head").append($("<script>").attr({{type: "off", src: address}}));
              $.globalEval(text);
              sagecell.makeSagecell({{inputLocation: $("#c"), languages: ["python"], autoeval: true}});
            }})</script>"""
        )
    )
    expect(page.locator(".sagecell_sessionOutput")).to_contain_text("42")
    assert page.watch.errors == []


def test_fifty_cells_on_a_page_come_to_life_and_run(embed, page):
    embed("".join(f"<single-cell>print({i} * 2)</single-cell>" for i in range(50)))
    expect(page.locator("single-cell[state=idle]")).to_have_count(50)
    for number in (1, 25, 50):
        Cell(page, f"single-cell:nth-of-type({number})").run().shows(str((number - 1) * 2))


def test_the_elements_properties_methods_and_events_serve_the_page(embed, page):
    cell = embed(THREE)
    result = page.evaluate(
        """async () => {
          const cell = document.querySelector("single-cell");
          const seen = [];
          for (const name of ["run", "message", "done", "error"]) cell.addEventListener(name, () => seen.push(name));
          cell.code = "print(3)";
          const state = await cell.run();
          cell.code = "1 / 0";
          await cell.run();
          return { state, seen: [...new Set(seen)], types: cell.messages.map((message) => message.header.msg_type) };
        }"""
    )
    assert result["state"] == "done"
    assert set(result["seen"]) == {"run", "message", "done", "error"}
    assert result["types"][0] == "status" and "error" in result["types"]
    cell.node.evaluate("cell => cell.reset()")
    assert cell.code == "print(1 + 1)"


def test_the_cell_follows_the_pages_light_and_dark(embed, page):
    cell = embed(THREE, body="style='background: white'")
    inner = cell.node.locator(".cell")
    expect(inner).not_to_have_class("cell dark")
    page.evaluate("document.body.style.background = '#111'")
    expect(inner).to_have_class("cell dark")
    cell.node.evaluate("cell => cell.setAttribute('theme', 'light')")
    expect(inner).to_have_class("cell")


def test_a_server_that_refuses_gives_its_own_sentence(embed):
    cell = embed('<single-cell language="klingon">print(1)</single-cell>')
    cell.start()
    expect(cell.status).to_contain_text("klingon")
