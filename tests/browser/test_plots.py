"""Plots are sharp, lie on the page's own ground, stand in the middle, say what they show, and grow with a click."""

from __future__ import annotations

import re
import struct
from pathlib import Path

import pytest
from playwright.sync_api import Locator, Page

from tests.browser.cell import Cell
from tests.browser.sight import expect

PLOT = """import matplotlib.pyplot as plt
plt.plot([1, 3, 2]); plt.title("A wave"); plt.xlabel("time")
plt.show()"""
DARK = "<meta name=color-scheme content=dark>"
GREY = "<style>html { background: #2a2a2a; color: #eee }</style>"
# The colours that a picture has where it is opaque, and the opacity of its corner, as the browser shows it.
PIXELS = """async picture => {
  const canvas = document.createElement("canvas"), pen = canvas.getContext("2d");
  [canvas.width, canvas.height] = [picture.naturalWidth, picture.naturalHeight];
  pen.filter = getComputedStyle(picture).filter;
  pen.drawImage(picture, 0, 0);
  const { data } = pen.getImageData(0, 0, canvas.width, canvas.height);
  let light = 0, dark = 0;
  for (let i = 0; i < data.length; i += 4) {
    if (data[i + 3] < 255) continue;
    const shades = [data[i], data[i + 1], data[i + 2]];
    if (Math.min(...shades) > 200) light += 1;
    if (Math.max(...shades) < 50) dark += 1;
  }
  return { light, dark, corner: data[3] };
}"""


def shown(cell: Cell) -> Locator:
    """Return the picture of the last run, when it is there."""
    picture = cell.output.locator("img.picture")
    expect(picture).to_have_js_property("complete", True)
    return picture


def sides(picture: Locator) -> tuple[list[int], list[float]]:
    """Return the pixels that a picture has, and those that it takes on the page."""
    return tuple(
        picture.evaluate(
            "img => [[img.naturalWidth, img.naturalHeight], [img.clientWidth, img.clientHeight]]",
        )
    )


def test_a_plot_has_two_pixels_for_each_that_it_takes(cell):
    cell.run(PLOT)
    natural, taken = sides(shown(cell))
    assert 500 < taken[0] < 650
    assert abs(natural[0] - 2 * taken[0]) <= 1 and abs(natural[1] - 2 * taken[1]) <= 1


def test_a_plot_in_a_narrow_page_keeps_its_proportions(page, cell):
    page.set_viewport_size({"width": 360, "height": 700})
    cell.run(PLOT)
    natural, taken = sides(shown(cell))
    assert taken[0] < 340 and abs(natural[0] / natural[1] - taken[0] / taken[1]) < 0.02


@pytest.mark.parametrize(("head", "ink", "other"), [(DARK, "light", "dark"), ("", "dark", "light")])
def test_a_plot_has_no_paper_and_the_ink_of_the_page_and_changes_with_it(page, embed, head, ink, other):
    cell = embed("<single-cell></single-cell>", head).run(PLOT)
    seen = shown(cell).evaluate(PIXELS)
    assert seen["corner"] == 0 and seen[ink] > 500 and seen[other] == 0
    expect(shown(cell)).to_have_css("background-color", "rgba(0, 0, 0, 0)")
    scheme = "light" if head else "dark"
    page.evaluate("scheme => { document.documentElement.style.colorScheme = scheme }", scheme)
    expect(cell.node.locator(".cell")).to_have_class(re.compile("dark" if scheme == "dark" else "^cell$"))
    seen = shown(cell).evaluate(PIXELS)
    assert seen[other] > 500 and seen[ink] == 0
    expect(shown(cell)).to_have_css("background-color", "rgba(0, 0, 0, 0)")


def test_data_in_the_colours_of_a_scale_are_never_inverted(page, embed):
    cell = embed("<single-cell></single-cell>").run("import matplotlib.pyplot as plt\nplt.imshow([[1, 2]]);")
    page.evaluate("document.documentElement.style.colorScheme = 'dark'")
    expect(shown(cell)).to_have_css("background-color", "rgb(255, 255, 255)")
    expect(shown(cell)).to_have_css("filter", "none")


def test_paper_that_the_author_chose_stays(embed):
    cell = embed("<single-cell></single-cell>", DARK)
    cell.run("import matplotlib.pyplot as plt\nplt.figure(facecolor='white'); plt.plot([1]);")
    seen = shown(cell).evaluate(PIXELS)
    assert seen["corner"] == 255 and seen["light"] > 10_000
    expect(shown(cell)).to_have_css("filter", "none")


def test_a_plot_stands_in_the_middle(page, cell):
    cell.run(PLOT)
    picture, output = shown(cell).bounding_box(), cell.output.bounding_box()
    assert picture and output
    left, right = picture["x"] - output["x"], output["x"] + output["width"] - picture["x"] - picture["width"]
    assert left > 20 and abs(left - right) <= 1


def test_a_plot_says_its_title_and_labels(cell):
    cell.run(PLOT)
    expect(shown(cell)).to_have_attribute("alt", "A wave; x: time")
    expect(cell.output.get_by_role("button", name="A wave; x: time")).to_be_visible()


def saved(page: Page, cell: Cell) -> tuple[str, bytes]:
    """Press Save in the dialog; return the file's name and bytes."""
    with page.expect_download() as download:
        cell.node.get_by_role("dialog").get_by_role("button", name="Save picture").click()
    return download.value.suggested_filename, Path(download.value.path()).read_bytes()


def test_a_click_shows_a_plot_large_and_saves_it(page, embed):
    cell = embed("<single-cell></single-cell>", DARK).run(PLOT)
    small = shown(cell).bounding_box()
    shown(cell).click()
    dialog = cell.node.get_by_role("dialog", name="A wave")
    large = dialog.get_by_role("img").bounding_box()
    assert small and large and large["width"] > 1.2 * small["width"]
    name, png = saved(page, cell)
    assert name == "picture.png" and png.startswith(b"\x89PNG")
    assert list(struct.unpack(">II", png[16:24])) == sides(shown(cell).first)[0]
    # Its light ink would be lost on the white page of a document: the paper comes along.
    corner = page.evaluate(
        """async bytes => { const image = await createImageBitmap(new Blob([new Uint8Array(bytes)]));
        const pen = new OffscreenCanvas(9, 9).getContext("2d"); pen.drawImage(image, 0, 0);
        return [...pen.getImageData(0, 0, 1, 1).data] }""",
        list(png),
    )
    assert corner == [0x17, 0x1B, 0x21, 255]
    page.keyboard.press("Escape")
    expect(dialog).to_have_count(0)
    assert page.watch.errors == []


def test_a_plot_is_enlarged_by_the_keyboard_in_a_strict_page(page, embed, server):
    policy = f"default-src 'none'; script-src {server.url}; connect-src {server.url}; img-src {server.url} data:"
    html = "<single-cell></single-cell>"
    cell = embed(html, "", {"Content-Security-Policy": policy + "; require-trusted-types-for 'script'"})
    cell.run(PLOT)
    cell.output.locator(".enlarge").focus()
    page.keyboard.press("Enter")
    assert saved(page, cell)[1].startswith(b"\x89PNG")
    cell.node.get_by_role("dialog").get_by_role("button", name="Close").click()
    expect(cell.output.locator(".enlarge")).to_be_focused()
    svg = '<svg xmlns="http://www.w3.org/2000/svg" width="9" height="9"></svg>'
    cell.run(f"from IPython.display import SVG\nSVG({svg!r})")
    cell.output.locator(".enlarge").click()
    name, drawing = saved(page, cell)
    assert name == "picture.svg" and drawing.startswith(b"<svg xmlns")


def test_setup_code_draws_in_the_colours_of_the_page_too(embed):
    setup = "import matplotlib.pyplot as plt; fig = plt.figure(); fig.add_subplot(); plt.close()"
    html = f"<single-cell><pre data-setup>{setup}</pre><pre>fig</pre></single-cell>"
    cell = embed(html, DARK).run()
    assert shown(cell).evaluate(PIXELS)["light"] > 100


PAGES = {
    "meta": (DARK, "<div>{}</div>", "dark"),
    "meta for both": ("<meta name=color-scheme content='light dark'>", "{}", "light"),
    "color-scheme": ("<style>:root { color-scheme: dark }</style>", "{}", "dark"),
    "only light": ("<style>:root { color-scheme: only light }</style>", "{}", "light"),
    "gradient": ("<style>body { background: linear-gradient(120deg, #0f172a, #334155 60%) }</style>", "{}", "dark"),
    "light gradient": ("<style>body { background: linear-gradient(#fff, #ccc) }</style>", "{}", "light"),
    "gradient of a part": ("", "<div style='background: radial-gradient(#222 10%, transparent)'>{}</div>", "dark"),
    "oklch": ("<style>body { background: oklch(25% 0.02 260) }</style>", "{}", "dark"),
    "lab": ("<style>html { background: lab(90% 0 0) }</style>", "{}", "light"),
    "color()": ("<style>html { background: color(display-p3 0.1 0.1 0.12) }</style>", "{}", "dark"),
    "color-mix()": ("<style>body { background: color-mix(in oklab, black 80%, white) }</style>", "{}", "dark"),
    "hsl": ("<style>body { background: hsl(220deg 20% 14%) }</style>", "{}", "dark"),
    "light-dark()": (f"{DARK}<style>body {{ background: light-dark(#fff, #111) }}</style>", "{}", "dark"),
    "a light card in the dark": (DARK, "<div style='background: #fff; color-scheme: light'>{}</div>", "light"),
    "a picture behind light text": (
        "<style>body { background: url(data:image/gif;base64,R0lGODlhAQABAAAAACw=); color: #eee }</style>", "{}",
        "dark",
    ),
    "a ground in a pseudo-element": (
        "<style>body { color: #f1f5f9 } body::before { content: ''; position: fixed; inset: 0; z-index: -1;"
        " background: #111 }</style>", "{}", "dark",
    ),
}  # fmt: skip


def test_the_cell_is_dark_where_the_page_is(embed):
    for name, (head, html, scheme) in PAGES.items():
        cell = embed(html.format("<single-cell></single-cell>"), head)
        expect(cell.node.locator(".cell"), name).to_have_class("cell dark" if scheme == "dark" else "cell")


CHANGES = [
    "document.querySelector('meta[name=color-scheme]').content = 'dark'",
    "document.head.insertAdjacentHTML('beforeend', '<style>body { background: #111 }</style>')",
    "document.querySelector('#theme').media = 'all'",
    "document.querySelector('main').setAttribute('data-md-color-scheme', 'slate')",
    "document.documentElement.dataset.bsTheme = 'dark'",
]


def test_the_cell_becomes_dark_when_the_page_does(page, embed):
    head = """<meta name=color-scheme content=light><style>
      [data-md-color-scheme=slate], [data-bs-theme=dark] { background: #1a1a1a; color: #eee }
    </style><style id=theme media=print>body { background: #222 }</style>"""
    for change in CHANGES:
        cell = embed("<main><single-cell></single-cell></main>", head)
        expect(cell.node.locator(".cell"), change).to_have_class("cell")
        page.evaluate(change)
        expect(cell.node.locator(".cell"), change).to_have_class("cell dark")
