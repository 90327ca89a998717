"""``/embed`` makes of options the lines that authors copy."""

from __future__ import annotations

from playwright.sync_api import expect

from tests.browser.cell import Cell


def test_the_lines_follow_the_options_and_work_in_a_page_of_another_origin(server, site, page):
    page.goto(f"{server.url}/embed")
    page.locator("[name=code]").fill("print('1 < 2 &amp;')")
    page.get_by_label("Looks").select_option("dark")
    page.get_by_label("Shared kernel").fill("chapter")
    page.get_by_label("code cannot be changed").check()
    page.get_by_label("share button").uncheck()
    snippet = page.locator("#snippet")
    expect(snippet).to_contain_text(
        '<single-cell language="python" readonly theme="dark" link-key="chapter" hide="share">'
    )
    expect(snippet).to_contain_text(f'src="{server.url}/embedded_singlecell.js"')
    preview = Cell(page, "#preview-cell").ready()
    preview.run().shows("1 < 2 &amp;")
    page.goto(site.put(f"<!doctype html><html lang=en><title>x</title>{snippet.text_content()}</html>"))
    cell = Cell(page).ready()
    assert cell.code == "print('1 < 2 &amp;')"
    cell.run().shows("1 < 2 &amp;")
    expect(cell.node.locator("[part=share-button]")).to_be_hidden()


def test_the_lines_are_copied(server, page):
    page.context.grant_permissions(["clipboard-read", "clipboard-write"])
    page.goto(f"{server.url}/embed")
    page.get_by_role("button", name="Copy").click()
    expect(page.locator("#copied")).to_have_text("Copied")
    assert page.evaluate("navigator.clipboard.readText()") == page.locator("#snippet").text_content()
