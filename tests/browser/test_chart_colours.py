"""Charts follow the page's light and dark, also when it changes later; colours that an author chose stay."""

from __future__ import annotations

import json

from playwright.sync_api import Locator

from tests.browser.cell import Cell
from tests.browser.scene import scene
from tests.browser.sight import expect
from tests.browser.sight import until as seen_until
from tests.browser.test_rich_output import BARS, BOKEH, SHOW, UNTIL, mime

PAGE = "<single-cell></single-cell>"
LIGHT = "style='background: #fff; color: #000'"
PLOTLY = "import plotly.graph_objects as go\n"
# The colour in the upper left corner of what is drawn: the paper.
CORNER = """canvas => {
  const copy = document.createElement("canvas");
  copy.width = copy.height = 1;
  const pen = copy.getContext("2d");
  pen.drawImage(canvas, 1, 1, 1, 1, 0, 0, 1, 1);
  return [...pen.getImageData(0, 0, 1, 1).data].slice(0, 3);
}"""
BOKEH_PAPER = "Bokeh.documents[0].roots()[0].border_fill_color"
BOKEH_CANVAS = "Bokeh.index.roots[0].canvas.primary.canvas"
SCENE_PAPER = "renderer.getClearColor(new THREE.Color()).getHexString()"


def switch(page, scheme: str) -> None:
    """Turn the whole page light or dark."""
    colours = {"light": "#fff", "dark": "#12151a"}
    page.evaluate("colour => { document.body.style.background = colour }", colours[scheme])


def until(node: Locator, expression: str) -> None:
    """Wait until something holds in the output's document."""
    node.evaluate(UNTIL, expression)


def put(embed, page, codes: list[str], theme: str = "") -> list[Cell]:
    """Run code in a cell each, all in one page."""
    embed(f"<single-cell{theme}></single-cell>" * len(codes), body=LIGHT)
    cells = [Cell(page, f"single-cell >> nth={number}").ready() for number in range(len(codes))]
    run = "(cells, codes) => Promise.all(cells.map((cell, i) => ((cell.code = codes[i]), cell.run())))"
    assert page.locator("single-cell").evaluate_all(run, codes) == ["done"] * len(codes)
    return cells


# Code, and an expression for a colour that only the page decides on.
FOLLOWS = {
    "plotly": (
        "import plotly.express as px\npx.line(x=[1, 2, 3], y=[1, 2, 1], title='T')",
        "getComputedStyle(document.querySelector('.gtitle')).fill",
    ),
    "vega": (
        mime("vnd.vegalite.v5+json", BARS),
        "document.querySelector('.role-title-text text').getAttribute('fill')",
    ),
    "bokeh": (f"{BOKEH}p = figure(height=200, title='Line')\np.line([1, 2], [3, 4])\nshow(p)", BOKEH_PAPER),
    "sage": (f"{SHOW}HTML({scene()!r})", SCENE_PAPER),
}


def test_charts_follow_the_page_there_and_back_and_keep_what_the_reader_did_to_them(embed, page):
    cells = put(embed, page, [code for code, _ in FOLLOWS.values()])
    plotly, _, bokeh, sage = roots = [cell.drawn.locator(":root") for cell in cells]
    expressions = [expression for _, expression in FOLLOWS.values()]
    signs = [".gtitle", ".role-title-text text", ".bk-Figure canvas", "canvas"]
    for cell, sign in zip(cells, signs, strict=True):
        cell.output.scroll_into_view_if_needed()
        expect(cell.drawn.locator(sign).first).to_be_visible()
    plotly.evaluate("() => Plotly.relayout('chart', { 'xaxis.range': [1.5, 2.5] })")
    sage.evaluate("() => { camera.position.set(1, 2, 9); render() }")
    light = [root.evaluate(f"() => {read}") for root, read in zip(roots, expressions, strict=True)]
    switch(page, "dark")
    for cell, root, read, colour in zip(cells, roots, expressions, light, strict=True):
        cell.output.scroll_into_view_if_needed()
        until(root, f"{read} !== {json.dumps(colour)}")
    cells[2].output.scroll_into_view_if_needed()  # what is out of sight is not drawn
    until(bokeh, f"Math.max(...({CORNER})({BOKEH_CANVAS})) < 60")
    until(sage, f"Math.max(...({CORNER})(renderer.domElement)) < 60")
    assert plotly.evaluate("() => document.getElementById('chart').layout.xaxis.range") == [1.5, 2.5]
    switch(page, "light")
    for cell, root, read, colour in zip(cells, roots, expressions, light, strict=True):
        cell.output.scroll_into_view_if_needed()
        until(root, f"{read} === {json.dumps(colour)}")
    assert sage.evaluate("() => [camera.position.z, box.material.color.getHexString()]") == [9, "000000"]
    assert page.watch.errors == []


def test_charts_in_a_dark_page_are_dark_from_the_start(embed, page):
    cells = put(embed, page, [FOLLOWS["bokeh"][0], FOLLOWS["sage"][0]], " theme=dark")
    for cell, sign in zip(cells, (".bk-Figure canvas", "canvas"), strict=True):
        cell.output.scroll_into_view_if_needed()
        canvas = cell.drawn.locator(sign).first
        expect(canvas).to_be_visible()
        seen_until(page, lambda canvas=canvas: max(canvas.evaluate(CORNER)) < 60)
    assert page.watch.errors == []


FILL = "getComputedStyle(document.querySelector('.gtitle')).fill + document.querySelector('.main-svg').style.background"
# Code that draws with chosen colours, a node of the drawing, and what tells its colours.
CHOSEN = {
    "plotly paper": (
        PLOTLY + "go.Figure(go.Bar(y=[1]), {'title': {'text': 'T'}, 'paper_bgcolor': 'beige'})",
        ".gtitle",
        FILL,
    ),
    "plotly ink": (
        PLOTLY + "go.Figure(go.Scatter(y=[1, 2], line={'color': 'black'}), {'title': {'text': 'T'}})",
        ".gtitle",
        FILL,
    ),
    "plotly template": (
        PLOTLY + "go.Figure(go.Bar(y=[1]), {'title': {'text': 'T'}, 'template': 'seaborn'})",
        ".gtitle",
        FILL,
    ),
    "vega background": (
        mime("vnd.vegalite.v5+json", {**BARS, "background": "#fafafa"}),
        "svg text >> nth=0",
        "document.body.innerHTML",
    ),
    "bokeh background": (
        f"{BOKEH}p = figure(height=150, background_fill_color='beige')\np.line([1], [1])\nshow(p)",
        ".bk-Figure canvas >> nth=0",
        f"{BOKEH_PAPER} + Bokeh.documents[0].roots()[0].background_fill_color",
    ),
    "bokeh theme": (
        f"from bokeh.io import curdoc\ncurdoc().theme = 'contrast'\n{BOKEH}"
        "p = figure(height=150)\np.line([1], [1])\nshow(p)",
        ".bk-Figure canvas >> nth=0",
        BOKEH_PAPER,
    ),
    "sage's dark theme": (f"{SHOW}HTML({scene(theme='dark')!r})", "canvas", SCENE_PAPER),
    "black surface of sage": (f"{SHOW}HTML({scene(colour='#000000')!r})", "canvas", SCENE_PAPER),
}


def test_colours_that_an_author_chose_are_the_same_in_every_page(embed, page):
    cells = put(embed, page, [code for code, _, _ in CHOSEN.values()])
    nodes = [cell.drawn.locator(sign) for cell, (_, sign, _) in zip(cells, CHOSEN.values(), strict=True)]
    for cell, node in zip(cells, nodes, strict=True):
        cell.output.scroll_into_view_if_needed()
        expect(node).to_be_visible()

    def look() -> dict[str, str]:
        reads = zip(CHOSEN, nodes, CHOSEN.values(), strict=True)
        return {name: node.evaluate(f"() => {read}") for name, node, (_, _, read) in reads}

    light = look()
    switch(page, "dark")
    expect(cells[-1].node.locator(".cell")).to_have_class("cell dark")
    page.evaluate("() => new Promise(done => setTimeout(done, 200))")  # the frames have heard of it
    assert look() == light


def test_a_page_that_fades_from_light_to_dark_is_followed_to_the_end(embed, page):
    cell = embed(PAGE, head="<style>body { background: #fff; transition: background 0.3s }</style>")
    page.evaluate("document.body.classList.add('night'); document.body.style.background = '#111'")
    expect(cell.node.locator(".cell")).to_have_class("cell dark")
