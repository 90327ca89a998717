"""Where the script or the server is away, a page shows the code, what its author wrote as output, and a sentence."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.browser.sight import expect

ROOT = Path(__file__).parents[2]
NOWHERE = "http://127.0.0.1:9/"
TEMPLATE = (
    "<single-cell{}><pre>print(6 * 7)</pre><template data-output><p>42, said the author</p></template></single-cell>"
)
VISIBLE = "<single-cell><pre>print(6 * 7)</pre><figure data-output>42, said the author</figure></single-cell>"
# As docs/embedding.md has it.
SCRIPT = (ROOT / "docs/embedding.md").read_text().split("cannot be had:")[1].split("```")[1].removeprefix("html")


def test_output_in_the_page_stays_until_the_code_gives_another_or_a_reset(embed, page):
    cell = embed(VISIBLE)
    written = page.get_by_text("42, said the author")
    expect(written).to_be_visible()
    assert cell.code == "print(6 * 7)"
    expect(cell.node.locator("[part=reset-button]")).to_be_hidden()
    cell.run().shows("42")
    expect(written).to_be_hidden()
    cell.node.evaluate("cell => cell.reset()")
    expect(written).to_be_visible()
    expect(cell.node.locator("[part=reset-button]")).to_be_hidden()


def test_output_in_a_template_is_shown_only_when_the_server_is_away(embed, page):
    cell = embed(TEMPLATE.format(f' server="{NOWHERE}"'))
    written = page.get_by_text("42, said the author")
    expect(written).to_have_count(0)
    cell.start()
    expect(written).to_be_visible()
    expect(cell.status).to_contain_text("The server does not answer.")
    assert cell.code == "print(6 * 7)"
    cell.button.click()
    expect(cell.node).to_have_attribute("state", "idle")
    expect(written).to_be_visible()


def test_output_in_a_template_gives_way_to_that_of_the_code(embed, page):
    cell = embed(TEMPLATE.format(""))
    page.route("**/computations?*", lambda route: route.abort())
    cell.start()
    expect(page.get_by_text("42, said the author")).to_be_visible()
    page.unroute("**/computations?*")
    cell.ends().shows("42")
    expect(page.get_by_text("42, said the author")).to_be_hidden()


@pytest.mark.parametrize("html", [TEMPLATE.format(""), VISIBLE], ids=["template", "visible"])
def test_a_page_whose_script_cannot_be_had_shows_code_output_and_a_sentence(site, page, html):
    script = SCRIPT.replace("https://host/", NOWHERE)
    page.goto(site.put(f"<!doctype html><html lang=en><title>x</title>{script}{html}"))
    for text in ("print(6 * 7)", "42, said the author", "This code cannot be run now"):
        expect(page.get_by_text(text)).to_be_visible()


def test_without_javascript_code_and_output_are_readable_and_setup_is_not(server, site, browser):
    context = browser.new_context(java_script_enabled=False)
    page = context.new_page()
    html = VISIBLE.replace("<pre>", "<pre data-setup hidden>secret = 1</pre><pre>")
    script = f"<script type=module src={server.url}/embedded_singlecell.js></script>"
    page.goto(site.put(f"<!doctype html><html lang=en><title>x</title>{script}{html}"))
    expect(page.get_by_text("print(6 * 7)")).to_be_visible()
    expect(page.get_by_text("42, said the author")).to_be_visible()
    expect(page.get_by_text("secret")).to_be_hidden()
    context.close()
