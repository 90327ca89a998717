"""Cells work in pages that have grown for years, beside RequireJS and an old jQuery."""

from __future__ import annotations

from tests.browser.sight import expect


def script(packages, path: str) -> str:
    """Return a script element that holds a library of npm's."""
    return f"<script>{(packages / path).read_text()}</script>"


REQUIREJS, OLD_JQUERY = "requirejs/require.js", "old-jquery/dist/jquery.min.js"


def test_a_cell_works_in_a_page_with_requirejs_and_an_old_jquery(embed, page, packages):
    cell = embed(
        "<single-cell>print(1 + 1)</single-cell><p id=theirs></p>"
        "<script>define('page', [], () => 'loaded'); require(['page'], word => $('#theirs').text(word))</script>",
        head=script(packages, REQUIREJS) + script(packages, OLD_JQUERY),
    )
    cell.run().shows("2")
    expect(page.locator("#theirs")).to_have_text("loaded")
    assert page.evaluate("[$.fn.jquery, typeof requirejs]") == ["1.12.4", "function"]
    assert page.watch.errors == []


def test_a_page_of_sagemathcell_with_requirejs_and_an_old_jquery_works(site, server, page, packages):
    page.goto(
        site.put(
            f"""<!doctype html><html lang=en><link rel=icon href='data:,'>
            {script(packages, OLD_JQUERY)}{script(packages, REQUIREJS)}
            <div class=compute><script type="text/x-sage">print(6 * 7)</script></div>
            <script src="{server.url}/static/embedded_sagecell.js"></script>
            <script>$(function () {{
              sagecell.makeSagecell({{inputLocation: "div.compute", languages: ["python"], autoeval: true}});
            }})</script>"""
        )
    )
    expect(page.locator(".sagecell_sessionOutput")).to_contain_text("42")
    assert page.evaluate("$.fn.jquery") == "1.12.4"
    assert page.watch.errors == []
