"""``/embed`` makes of options the lines that authors copy."""

from __future__ import annotations

import random
from base64 import b64encode

import pytest

from tests.browser.cell import Cell
from tests.browser.sight import expect


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
    page.locator("[name=code]").fill("print('changed a moment ago')")
    page.get_by_role("button", name="Copy").click()
    expect(page.locator("#copied")).to_have_text("Copied")
    copied = page.evaluate("navigator.clipboard.readText()")
    assert copied == page.locator("#snippet").text_content() and "changed a moment ago" in copied


def test_for_a_page_without_scripts_the_lines_are_a_frame(server, site, page):
    page.goto(f"{server.url}/embed")
    page.locator("[name=code]").fill("print(secret, '1 < 2 \"&amp;')")
    page.get_by_text("Code that runs first").click()
    page.locator("[name=setup]").fill("secret = 42")
    page.get_by_label("Looks").select_option("dark")
    page.get_by_label("share button").uncheck()
    page.get_by_label("that may have frames").check()
    snippet = page.locator("#snippet")
    expect(snippet).to_contain_text("theme=dark&amp;hide=share")
    expect(page.get_by_label("Shared kernel")).to_be_hidden()
    expect(page.get_by_text("The frame tells the page")).to_be_visible()
    page.goto(site.put(f"<!doctype html><html lang=en><title>x</title>{snippet.text_content()}</html>"))
    node = page.frame_locator("iframe").locator("single-cell")
    assert node.evaluate("cell => cell.code") == "print(secret, '1 < 2 \"&amp;')"
    node.locator(".run").click()
    expect(node.locator(".output")).to_have_text('42 1 < 2 "&amp;')
    expect(node.locator("[part=share-button]")).to_be_hidden()


def test_code_that_is_too_long_for_an_address_gets_a_short_one(server, site, page):
    page.goto(f"{server.url}/embed")
    page.get_by_label("that may have frames").check()
    keep = page.get_by_role("button", name="Make the address short")
    expect(keep).to_be_hidden()
    remark = b64encode(random.Random(1).randbytes(8000)).decode()  # of which compression makes nothing shorter
    page.locator("[name=code]").fill(f"# {remark}\nprint('long')")
    keep.click()
    snippet = page.locator("#snippet")
    expect(snippet).to_contain_text("/cell?q=")
    page.goto(site.put(f"<!doctype html><html lang=en><title>x</title>{snippet.text_content()}</html>"))
    node = page.frame_locator("iframe").locator("single-cell")
    node.locator(".run").click()
    expect(node.locator(".output")).to_have_text("long")


def test_for_markdown_the_lines_are_a_script_and_a_block_of_code(server, page):
    page.goto(f"{server.url}/embed")
    page.locator("[name=code]").fill("print('```')")
    page.get_by_label("runs by itself").check()
    page.get_by_label("in Markdown").check()
    script = (
        f'<script type="module" src="{server.url}/embedded_singlecell.js" '
        'data-select="pre > code.language-python" data-autorun=""></script>'
    )
    expect(page.locator("#snippet")).to_have_text(f"{script}\n\n````python\nprint('```')\n````")


@pytest.mark.parametrize("whole", [True, False])
def test_a_pinned_script_runs_as_it_is_or_not_at_all(server, site, page, whole):
    page.goto(f"{server.url}/embed")
    page.get_by_label("pinned").check()
    snippet = page.locator("#snippet")
    expect(snippet).to_contain_text("crossorigin></script>")
    lines = snippet.text_content()
    assert f'src="{server.url}/static/singlecell/cell-' in lines
    page.goto(
        site.put(f"<!doctype html><html lang=en><title>x</title>{lines if whole else lines.replace('384-', '384-A')}")
    )
    if whole:
        cell = Cell(page).ready()
        cell.run("from IPython.display import *\ndisplay(HTML('<b>bold</b>'), Markdown('*slanted*'))")
        expect(cell.drawn.locator("b")).to_have_text("bold")
        expect(cell.output.locator("em")).to_have_text("slanted")
    else:
        expect(page.locator("single-cell pre")).to_have_text('print("Hello!")')
        assert page.locator("single-cell:defined").count() == 0
