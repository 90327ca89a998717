"""The code of a cell in pages as editors, frameworks and strict policies make them."""

from __future__ import annotations

from collections.abc import Iterable

from tests.browser.cell import Cell
from tests.browser.sight import expect

LOOP = "for i in range(3):\n    print(i)\nprint('end')"
INDENT = "&nbsp;&nbsp;&nbsp; "
MARKUP = {
    "lines end with br": f"for i in range(3):<br>{INDENT}print(i)<br>print('end')",
    "br and a line of the source": "for i in range(3):<br />\n    print(i)<br />\nprint('end')",
    "a paragraph each": f"<p>for i in range(3):</p>\n  <p>{INDENT}print(i)</p>\n  <p>print('end')</p>\n",
    "paragraphs with br": f"<p>for i in range(3):<br>{INDENT}print(i)<br></p><p>print('end')</p>",
    "a div each": f"for i in range(3):<div>{INDENT}print(i)</div><div>print('end')</div>",
    "a pre in a div": "<div class=x><pre><span>for</span> i in range(3):\n    print(i)\nprint('end')</pre></div>",
    "a script in a paragraph": f"<p><script type='text/x-python'>\n{LOOP}\n</script></p>",
    "a pre with br": "<pre><code>for i in range(3):<br>    print(i)<br>print('end')</code></pre>",
    "lists": f"<ul>\n<li>for i in range(3):</li>\n<li>{INDENT}print(i)</li>\n<li>print('end')</li>\n</ul>",
}


def codes_of(embed, markup: Iterable[str]) -> list[str]:
    """Return the codes of cells that lie in one page, each with its markup in a place of its own."""
    page = embed("".join(f"<section><single-cell>{html}</single-cell></section>" for html in markup)).page
    return page.locator("section > single-cell").evaluate_all("cells => cells.map(cell => cell.code)")


def test_code_keeps_its_lines_in_whatever_markup_an_editor_leaves(embed):
    assert dict(zip(MARKUP, codes_of(embed, MARKUP.values()), strict=True)) == dict.fromkeys(MARKUP, LOOP)


CODES = {
    "<p>a = 1</p><p>&nbsp;</p><p>b = 2</p>": "a = 1\n \nb = 2",
    "<p>a = 1</p><p><br></p><p>b = 2</p>": "a = 1\n\nb = 2",
    "<div>a = 1<br><br></div><div>b = 2</div>": "a = 1\n\nb = 2",
    "a = 1\n\n\nb = 2": "a = 1\n\n\nb = 2",
    "<b>a</b> = <i>1</i>&nbsp;&lt; 2": "a = 1 < 2",
    "print(1)<button slot=run type=button>Go</button>": "print(1)",
    "<script type='text/x-python'>print('a\u00a0b<br>')</script>": "print('a\u00a0b<br>')",
    "<p>print(x)</p><p><span data-setup>x = 1</span></p>": "print(x)",
}


def test_blank_lines_marks_and_buttons_are_told_from_code(embed):
    assert dict(zip(CODES, codes_of(embed, CODES), strict=True)) == CODES


def test_code_that_comes_after_the_element_is_shown_and_edits_are_kept(embed, page):
    embed("<main></main><single-cell></single-cell>")
    page.evaluate(
        """() => {
          const cell = document.createElement("single-cell");
          cell.id = "late";
          document.querySelector("main").append(cell);
        }"""
    )
    late = Cell(page, "#late").ready()
    assert late.code == ""
    late.node.evaluate("cell => { cell.textContent = 'print(1)' }")
    expect(late.node.locator(".pce-line")).to_have_text("print(1)")
    late.node.evaluate("cell => { cell.firstChild.data = 'print(2)' }")
    expect(late.node.locator(".pce-line")).to_have_text("print(2)")
    late.field.focus()
    page.keyboard.type("# mine ")
    late.node.evaluate("cell => { cell.innerHTML = '<pre>print(3)</pre>' }")
    page.evaluate("new Promise(done => setTimeout(done))")
    assert late.code == "# mine print(2)"
    late.node.evaluate("cell => cell.reset()")
    assert late.code == "print(3)"


def test_formulas_that_a_page_sets_in_the_text_of_a_cell_do_not_change_its_code(embed, page):
    cell = embed("<single-cell>print('$x$')</single-cell>")
    cell.node.evaluate("cell => { cell.innerHTML = \"print('<mjx-container>x</mjx-container>')\" }")
    page.evaluate("new Promise(done => setTimeout(done))")
    assert cell.code == "print('$x$')"


def test_an_edit_of_code_that_comes_late_is_there_after_a_reload(embed, page):
    script = """<script>addEventListener("load", () => {
      const cell = document.createElement("single-cell");
      document.body.append(cell);
      setTimeout(() => { cell.textContent = "print(1)" });
    })</script>"""
    cell = embed("<p>text</p>", head=script)
    expect(cell.node.locator(".pce-line")).to_have_text("print(1)")
    cell.field.focus()
    page.keyboard.type("# mine ")
    page.reload()
    expect(cell.node.locator(".pce-line")).to_have_text("# mine print(1)")


def test_a_late_cell_that_runs_by_itself_waits_for_its_code(embed, page):
    embed("<single-cell></single-cell>")
    page.evaluate(
        """() => {
          const cell = document.createElement("single-cell");
          cell.id = "late";
          cell.setAttribute("autorun", "now");
          document.body.append(cell);
          setTimeout(() => { cell.textContent = "print(6 * 7)" });
        }"""
    )
    Cell(page, "#late").shows("42")
    assert page.locator("#late").evaluate("cell => cell.messages.length > 0")


TRUSTED = "require-trusted-types-for 'script'; trusted-types 'none'; "


def test_a_page_with_trusted_types_needs_no_word_for_the_cell(embed, page, server):
    origin = server.url.rstrip("/")
    own = "".join(f"{name}-src {origin}; " for name in ("script", "connect", "frame", "font"))
    policy = f"default-src 'none'; img-src {origin} data:; {own}{TRUSTED}"
    cell = embed(
        "<single-cell>def f(a):\n    return '&lt;b&gt; &amp;amp;'  # [1]\n</single-cell>",
        headers={"Content-Security-Policy": policy},
    )
    expect(cell.node.locator(".token.keyword").first).to_have_text("def")
    cell.field.focus()
    page.keyboard.press("Control+End")
    page.keyboard.type("\nif 1 < 2 and '&lt;':")
    expect(cell.node.locator(".pce-line").last).to_have_text("if 1 < 2 and '&lt;':")
    cell.run(
        "from IPython.display import *\n"
        "display(Math('x'), Markdown('# T\\n**b** $y$'), HTML('<b>bold</b>'))\n"
        "display(SVG('<svg xmlns=\"http://www.w3.org/2000/svg\"/>'))\n"
        "print('done')"
    ).shows("done")
    expect(cell.output.locator(".katex")).to_have_count(2)
    expect(cell.drawn.locator("b")).to_have_text("bold")
    assert page.watch.errors == []


def test_a_long_edit_in_a_page_with_trusted_types_can_be_undone_and_leaves_no_line(embed, page):
    long = "\n".join(f"print({number}) if 1 < 2 else '&lt;'" for number in range(1500))
    cell = embed("<single-cell></single-cell>", headers={"Content-Security-Policy": TRUSTED})
    cell.write(long)
    cell.field.focus()
    page.keyboard.press("Control+a")
    page.keyboard.press("Tab")
    indented = "\n".join(f"    {line}" for line in long.split("\n"))
    assert cell.code == indented
    assert cell.field.evaluate("field => [field.selectionStart, field.selectionEnd]") == [4, len(indented)]
    page.keyboard.press("Control+z")
    assert cell.code == long
    page.keyboard.press("Control+y")
    assert cell.code == indented
    assert page.watch.errors == []


POLLUTED = """<script>
  for (const name of ["extend", "each", "clone", "remove", "get", "set", "value", "key", "type", "tag", "begin"]) {
    Object.prototype["page_" + name] = function () { return this };
  }
  Object.prototype.extend = function () { return this };
  Object.prototype.version = "1.0";
  Object.prototype.number = 7;
  Array.prototype.each = function () {};
</script>"""


def test_a_page_that_adds_to_every_object_has_cells_all_the_same(embed, page):
    cell = embed("<single-cell languages='python r'>def f(): pass</single-cell>", head=POLLUTED)
    expect(cell.node.locator(".token.keyword").first).to_have_text("def")
    cell.run(
        "from IPython.display import *\n"
        "display(Math(r'\\frac{1}{2}'), Markdown('# T\\n| a |\\n|---|\\n| **b** $y$ |'), JSON({'a': 1}))\n"
        "print('done')"
    ).shows("done")
    expect(cell.output.locator(".katex")).to_have_count(2)
    expect(cell.output.locator("table strong")).to_have_text("b")
    assert page.watch.errors == []


LIGHT = [
    *("white", "oklch(98% 0.01 250)", "oklab(0.95 0 0)", "lab(96 0 0)", "lch(97 2 90)", "hwb(90 95% 2%)"),
    *("color(display-p3 0.98 0.98 1)", "color(srgb-linear 0.9 0.9 0.9)", "color-mix(in oklab, white 90%, navy)"),
    "oklch(none 0 none / 0)",
]
DARK = [
    *("#111", "oklch(20% 0.02 250)", "oklab(0.2 0 0)", "lab(10 0 0)", "lch(12 4 90)"),
    *("color(display-p3 0.05 0.05 0.1)", "color(srgb-linear 0.02 0.02 0.02)", "color-mix(in oklab, black 90%, white)"),
]


def test_cells_are_light_or_dark_as_the_page_is_in_whatever_form_it_writes_colours(embed, page):
    places = "".join(f"<div style='background: {colour}'><single-cell>1</single-cell></div>" for colour in LIGHT + DARK)
    embed(places)
    expect(page.locator("single-cell[state=idle]")).to_have_count(len(LIGHT + DARK))
    dark = page.locator("single-cell").evaluate_all(
        "cells => cells.map(cell => cell.shadowRoot.querySelector('.cell').classList.contains('dark'))"
    )
    assert dark == [False] * len(LIGHT) + [True] * len(DARK)


def test_a_cell_inside_an_element_of_the_page_looks_at_what_is_behind_that(embed, page):
    embed("<div id=host style='background: oklch(20% 0 0)'></div><single-cell>1</single-cell>")
    dark = page.evaluate(
        """() => {
          const root = document.querySelector("#host").attachShadow({ mode: "open" });
          root.append(document.createElement("single-cell"));
          return root.firstChild.shadowRoot.querySelector(".cell").classList.contains("dark");
        }"""
    )
    assert dark is True


# What Markdown makes of an element around a fence, with the tool that does; in each case the code is still there.
FENCED = {
    "kramdown": "<single-cell>\n\n```python\n# a comment\n\nprint(3)\n```\n\n</single-cell>",
    "CommonMark": "<single-cell>\n<pre><code class=a># a comment\n\nprint(3)\n</code></pre>\n</single-cell>",
    "Sphinx": "<single-cell>\n<div class='highlight-python notranslate'><div class=highlight><pre><span></span>"
    "<span class=c1># a comment</span>\n\n<span class=nb>print</span>(3)\n</pre><button>Copy</button></div>\n</div>\n"
    "</single-cell>",
    "Python-Markdown": "<p><single-cell></p>\n<pre><code class=language-python># a comment\n\nprint(3)\n</code></pre>\n"
    "<p></single-cell></p>",
    "Python-Markdown, no blank lines": "<p><single-cell>\n<pre><code># a comment\n\nprint(3)\n</code></pre>\n"
    "</single-cell></p>",
    "WordPress, classic editor": "<p><single-cell></p>\n<pre>\n# a comment\n\nprint(3)</pre>\n<p></single-cell></p>",
    "Material": "<p><single-cell></p>\n<div class='language-python highlight'><pre><span></span><code>"
    "<a id=x></a># a comment\n<a></a>\n<a></a>print(3)\n</code></pre></div>\n<p></single-cell></p>",
}


def test_a_fence_inside_the_element_is_its_code_whatever_markdown_makes_of_it(embed, page):
    embed("".join(f"<section><p>before</p>{html}<p>after</p></section>" for html in FENCED.values()))
    for number, tool in enumerate(FENCED):
        cell = Cell(page, f"section >> nth={number} >> single-cell")
        expect(cell.node.locator(".pce-line").first, tool).to_have_text("# a comment")
        assert cell.code == "# a comment\n\nprint(3)", tool
        expect(page.get_by_text("after").nth(number), tool).to_be_visible()
        expect(cell.run().output, tool).to_contain_text("3")
        expect(cell.output.locator(".notice"), tool).to_have_count(0)


# The element without a fence, a comment and a blank line in it: nobody can tell any more what was code.
TAKEN_APART = {
    "Python-Markdown": "<p><single-cell></p>\n<h1>a comment</h1>\n<p>print(4)\n</single-cell></p><p>after</p>",
    "Pandoc": "<p><single-cell> # a comment</p>\n<p>print(4) </single-cell></p><p>after</p>",
    "CommonMark": "<single-cell>\nx = 1\n<h1>a comment</h1>\n<p>print(4)\n</single-cell></p><p>after</p>",
    "CommonMark, two": "<single-cell>\nx\n<p>print(4)\n</single-cell></p><p>text</p><single-cell>y</single-cell>",
}


def test_a_cell_that_was_taken_apart_says_so_to_its_author(embed):
    for tool, html in TAKEN_APART.items():
        expect(embed(html).output.locator(".notice").first, tool).to_contain_text(
            "author of this page: the code of this cell was taken apart"
        )


MEANT_SO = [
    "<single-cell></single-cell>",
    "<p><single-cell placeholder='Write here'></single-cell></p>",
    "<p>Try <single-cell></single-cell> it.</p>",
    "<p><single-cell>print(1)</single-cell></p>",
    "<single-cell># Write a loop here.</single-cell>",
    "<single-cell><p>for i in range(3):</p><ul><li>print(i)</li></ul></single-cell>",
]


def test_a_cell_that_is_meant_so_says_nothing(embed, page):
    # The last one says something, and with it all have had their turn.
    embed("".join(f"<section>{html}</section>" for html in [*MEANT_SO, TAKEN_APART["Pandoc"]]))
    outputs = page.locator("single-cell >> .output")
    expect(outputs).to_have_count(len(MEANT_SO) + 1)
    expect(outputs.last).to_contain_text("taken apart")
    assert dict(zip(MEANT_SO, outputs.all_inner_texts()[:-1], strict=True)) == dict.fromkeys(MEANT_SO, "")


def test_run_in_an_empty_cell_says_that_there_is_no_code(embed, page):
    cell = embed("<single-cell></single-cell>")
    cell.start(" \n")
    expect(cell.status).to_have_text("There is no code to run.")
    expect(cell.node).to_have_attribute("state", "idle")
    cell.run("print(1)").shows("1")
