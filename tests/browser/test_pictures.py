"""Charts are saved as pictures: the frame hands the picture to the cell, and the reader saves it from there."""

from __future__ import annotations

from pathlib import Path

from playwright.sync_api import Page

from tests.browser.cell import Cell
from tests.browser.scene import scene
from tests.browser.sight import expect
from tests.browser.test_rich_output import BARS, BOKEH, SHOW, mime

PNG = b"\x89PNG\r\n\x1a\n"
WHITE_PNG = "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mP8/5+hHgAHggJ/PchI7wAAAABJRU5ErkJggg=="
BUTTON = "<button id=keep>keep</button>"
# Sends pictures when the button is pressed; `send` is there for what a script does without anybody's touch.
SEND = "const send = (picture) => parent.postMessage({ touched: true, picture }, '*');"


def saved(page: Page, cell: Cell, name: str) -> bytes:
    """Press the button that the cell offers, and return the file that the browser then has."""
    with page.expect_download() as download:
        cell.output.get_by_role("button", name=f"Save {name}").last.click()
    assert download.value.suggested_filename == name
    return Path(download.value.path()).read_bytes()


def html(body: str) -> str:
    """Return code that shows HTML."""
    return f"{SHOW}HTML({body!r})"


def test_plotly_saves_a_figure_as_it_looks(cell, page):
    cell.run("import plotly.express as px\npx.bar(x=['a', 'b'], y=[1, 2])")
    cell.drawn.locator(".main-svg").first.hover()
    cell.drawn.locator("[data-title='Save as a picture']").click()
    assert saved(page, cell, "picture.png").startswith(PNG)
    assert page.watch.errors == []


def test_vega_saves_a_chart_as_svg_and_png(cell, page):
    cell.run(mime("vnd.vegalite.v5+json", BARS))
    for kind, beginning in (("SVG", b"<svg"), ("PNG", PNG)):
        cell.drawn.locator("summary").click()
        link = cell.drawn.get_by_role("link", name=f"Save as {kind}")
        link.focus()
        page.keyboard.press("Enter")
        assert saved(page, cell, f"picture.{kind.lower()}").startswith(beginning)
        cell.drawn.locator("summary").click()


def test_bokeh_saves_a_plot(cell, page):
    cell.run(f"{BOKEH}p = figure(height=200, width=300)\np.line([1, 2], [3, 4])\nshow(p)")
    cell.drawn.get_by_title("Save", exact=True).or_(cell.drawn.locator(".bk-tool-icon-save")).first.click()
    assert saved(page, cell, "picture.png").startswith(PNG)


def test_a_scene_of_sage_is_saved_by_its_own_menu(cell, page):
    script = (
        "function saveAsPNG() { var a = document.body.appendChild(document.createElement('a'));"
        " a.href = renderer.domElement.toDataURL('image/png'); a.download = 'screenshot'; a.click(); }"
        "document.body.insertAdjacentHTML('beforeend',"
        ' \'<div id=menu style="position: absolute; top: 0" onclick="saveAsPNG()">Save as PNG</div>\')'
    )
    cell.run(html(scene(script)))
    cell.drawn.locator("#menu").click()
    assert saved(page, cell, "picture.png").startswith(PNG)


HOSTILE = {
    "html": "new Blob(['<p onclick=1>'], { type: 'text/html' })",
    "html that calls itself a picture": "new Blob(['<p onclick=1>'], { type: 'image/svg+xml' })",
    "svg that calls itself png": "new Blob(['<svg/>'], { type: 'image/png' })",
    "too large": "new Blob(['<svg>', new Uint8Array(20e6)], { type: 'image/svg+xml' })",
    "address": "'https://example.org/a.png'",
    "script address": "'javascript:parent.owned=1'",
    "object": "{ size: 1, type: 'image/png', name: 'evil.exe' }",
    "nothing": "null",
}


def test_what_is_no_picture_is_not_offered(cell, page):
    sends = ", ".join(HOSTILE.values())
    cell.run(html(f"{BUTTON}<script>{SEND} const all = [{sends}]; keep.onclick = () => send(all.shift())</script>"))
    for _ in HOSTILE:
        cell.drawn.locator("#keep").click()
        expect(cell.output.locator(".notice")).to_contain_text("Only PNG and SVG pictures of up to 20 MB")
        expect(cell.output.get_by_role("button")).to_have_count(0)
        cell.output.locator(".notice").evaluate("notice => notice.remove()")
    assert page.evaluate("window.owned") is None


def test_an_output_that_nobody_has_touched_can_offer_nothing(cell, page):
    cell.node.evaluate("(cell, code) => { cell.code = code; return cell.run() }", html(
        f"<p id=end>end</p><script>{SEND} const png = Uint8Array.from(atob('{WHITE_PNG}'), c => c.charCodeAt(0));"
        " for (let i = 0; i < 9; i += 1) send(new Blob([png], { type: 'image/png' }));"
        " parent.postMessage({ picture: new Blob([png], { type: 'image/png' }) }, '*')</script>"
    ))  # fmt: skip
    expect(cell.drawn.locator("#end")).to_be_visible()
    cell.drawn.locator("#end").evaluate("() => new Promise(done => setTimeout(done, 300))")
    expect(cell.output.get_by_role("button")).to_have_count(0)
    expect(cell.output.locator(".notice")).to_have_count(0)


def test_one_touch_offers_one_picture_under_our_name_and_starts_no_download(cell, page):
    downloads: list[object] = []
    page.on("download", lambda download: downloads.append(download))
    cell.run(html(
        f"{BUTTON}<script>const png = Uint8Array.from(atob('{WHITE_PNG}'), c => c.charCodeAt(0));"
        "keep.onclick = () => { for (const name of ['evil.exe', '../a.html', 'b.png'])"
        " parent.postMessage({ picture: new File([png], name, { type: 'image/png' }), name, download: name }, '*') }"
        "</script>"
    ))  # fmt: skip
    cell.drawn.locator("#keep").click()
    expect(cell.output.get_by_role("button", name="Save picture.png")).to_have_count(1)
    expect(cell.output.locator(".notice")).to_have_count(1)
    assert downloads == []
    assert cell.output.locator("a").count() == 0  # no address that could be opened in the page's origin
    assert saved(page, cell, "picture.png").startswith(PNG)
