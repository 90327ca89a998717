"""Formulas are set wherever they stand in an output, in frames too; dollars in code stay."""

from __future__ import annotations

from tests.browser.sight import expect

SHOW = "from IPython.display import HTML, Latex, Markdown, Math, display\n"
# As Sage writes table([[x^2, 1]]).
TABLE = r"""<div class="notruncate"><table class="table_form"><tbody>
<tr class="row-a"><td style="text-align:left">\(x^{2}\)</td><td style="text-align:left">\(1\)</td></tr>
</tbody></table></div>"""
PAGE = r"""<!doctype html><html><head><title>$t$</title></head><body><p>\[\int_0^1 x\,dx\]</p></body></html>"""
CODE = "<pre>a $x$ b</pre><p><code>$y$</code></p><script>var dollars = '$a$ $b$'</script><textarea>$z$</textarea>"


def html(text: str) -> str:
    """Return code that shows HTML."""
    return f"{SHOW}HTML({text!r})"


# What a text is → the text, and how many formulas are in it.
TEXTS = {
    "dollars": ("$x^2$", 1),
    "round": (r"\(x^2\)", 1),
    "between words": (r"<b>So</b> $$\frac{1}{2}$$ and \[x_1\] and $y$", 3),
    "a table of Sage": (TABLE, 2),
    "an environment": (r"\begin{align} a &amp;= b \\ c &amp;&lt; d \end{align}", 1),
    "an old Sage's": ('<script type="math/tex; mode=display">x^2</script>', 1),
    "a whole page": (PAGE, 1),
}


def test_formulas_in_html_are_set_inside_their_frame(cell, page):
    cell.run(SHOW + "\n".join(f"display(HTML({text!r}))" for text, _ in TEXTS.values()))
    for number, (name, (_, formulas)) in enumerate(TEXTS.items()):
        drawn = cell.output.frame_locator(".frame").nth(number).frame_locator("iframe")
        expect(drawn.locator(".katex-html"), name).to_have_count(formulas)
        expect(drawn.locator("body"), name).not_to_contain_text("\\(")
    assert page.watch.errors == []


def test_formulas_in_a_frame_have_katexs_own_fonts(cell, page):
    cell.run(html("$x^2 + y$"))
    expect(cell.drawn.locator(".katex-html")).to_have_count(1)
    cell.drawn.locator("body").evaluate(
        """async () => {
          const loaded = () => [...document.fonts].filter(({ status }) => status === "loaded");
          const has = (name) => loaded().some(({ family }) => family === name);
          while (!has("KaTeX_Main") || !has("KaTeX_Math")) await new Promise(requestAnimationFrame);
        }"""
    )
    assert page.watch.errors == []


def test_dollars_in_code_scripts_fields_and_prices_stay(cell):
    cell.run(html(f"{CODE}<p>It costs $5, or $10 for two. <i>US$</i></p><p>$q$</p>"))
    expect(cell.drawn.locator(".katex-html")).to_have_count(1)
    expect(cell.drawn.locator("pre")).to_have_text("a $x$ b")
    expect(cell.drawn.locator("code")).to_have_text("$y$")
    expect(cell.drawn.locator("textarea")).to_have_value("$z$")
    expect(cell.drawn.locator("body")).to_contain_text("It costs $5, or $10 for two. US$")
    assert cell.drawn.locator("body").evaluate("() => dollars") == "$a$ $b$"


def test_html_without_formulas_does_not_load_what_sets_them(cell, page):
    asked = []
    page.on("request", lambda request: asked.append(request.url))
    cell.run(html("<script>var $ = 1, a = `${$}`; $ = 2</script><b>bold</b> for $5"))
    expect(cell.drawn.locator("b")).to_have_text("bold")
    assert not [address for address in asked if "/math-" in address]


def test_what_is_no_formula_in_a_frame_stays_as_it_was_written(cell):
    cell.run(html(r"<p>$\nosuchcommand$ and $x$</p>"))
    expect(cell.drawn.locator(".katex-html")).to_have_count(1)
    expect(cell.drawn.locator("p")).to_contain_text(r"$\nosuchcommand$ and")


def test_latex_may_have_words_around_its_formulas(cell):
    cell.run(f"{SHOW}display(Latex('The root is $x=2$.'), Latex(r'$a$ and \\(b\\): $$c$$'))")
    math = cell.output.locator(".math")
    expect(math.nth(0).locator(".katex-html")).to_have_count(1)
    expect(math.nth(0)).to_contain_text("The root is ")
    expect(math.nth(1).locator(".katex-html")).to_have_count(3)
    expect(math.nth(1).locator(".katex-display")).to_have_count(1)


def test_a_formula_alone_is_set_as_before(cell):
    cell.run(
        f"{SHOW}display(Math('\\n x \\n'), Latex(r'$\\text{{if $x$ then}}$'))\n"
        "display(Latex(r'\\begin{align} a &= b \\end{align}'))"
    )
    expect(cell.output.locator(".katex-html")).to_have_count(3)
    expect(cell.output.locator(".plain")).to_have_count(0)


MARKDOWN = r"""
words $x_1$ and \\(y*2*\\) and `$code$` for $5 or $6

\begin{align}
a &= b \\
- c &= d_1 * e_1 *
\end{align}

| a | b |
|---|---|
| $t$ | 1 |

$$
u
= v
$$

```
$block$
```
"""


def test_formulas_and_environments_in_markdown_are_set_and_code_is_not(cell):
    cell.run(f"{SHOW}Markdown({MARKDOWN!r})")
    markdown = cell.output.locator(".markdown")
    expect(markdown.locator(".katex-html")).to_have_count(5)
    expect(markdown.locator("table .katex-html")).to_have_count(1)
    expect(markdown.locator("code").first).to_have_text("$code$")
    expect(markdown.locator("pre")).to_have_text("$block$")
    expect(markdown).to_contain_text("for $5 or $6")
    expect(markdown.locator("em, ul, h3")).to_have_count(0)


def test_formulas_in_markdown_that_has_html_are_set_in_its_frame(cell):
    cell.run(f"{SHOW}Markdown({'<b>b</b> $x^2$, $a<b$ and `$y$`'!r})")
    expect(cell.drawn.locator("b")).to_have_text("b")
    expect(cell.drawn.locator(".katex-html")).to_have_count(2)
    expect(cell.drawn.locator("code")).to_have_text("$y$")


BEGINNINGS = {"bracket": "\n\\[", "environment": "\n\\begin{a}", "round": "\\("}


def test_many_beginnings_without_ends_do_not_hold_the_page(cell):
    for name, beginning in BEGINNINGS.items():
        cell.run(f"{SHOW}Markdown({beginning!r} * (199_000 // {len(beginning)}) + ' the end')")
        expect(cell.output.locator(".markdown"), name).not_to_be_empty()
