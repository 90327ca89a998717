"""Charts, scenes and widgets are drawn in frames, by libraries that the cell server gives when one needs them."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest
from playwright.sync_api import FrameLocator, Locator, Page

from harness.processes import wait_for
from tests.browser.cell import Cell
from tests.browser.scene import scene
from tests.browser.sight import expect

ROOT = Path(__file__).parents[2]
SHOW = "from IPython.display import HTML, display\n"
BARS = {
    "$schema": "https://vega.github.io/schema/vega-lite/v5.json",
    "title": "Rain",
    "data": {"values": [{"month": "May", "mm": 28}, {"month": "June", "mm": 55}]},
    "mark": "bar",
    "encoding": {"x": {"field": "month", "type": "nominal"}, "y": {"field": "mm", "type": "quantitative"}},
    "width": 240,
    "height": 160,
}
VEGA = {
    "$schema": "https://vega.github.io/schema/vega/v5.json",
    "width": 100,
    "height": 100,
    "data": [{"name": "d", "values": [{"v": 3}]}],
    "marks": [{"type": "text", "from": {"data": "d"}, "encode": {"enter": {"text": {"signal": "'v=' + datum.v * 2"}}}}],
}
# For Locator.evaluate: waits until an expression holds in the output's document.
UNTIL = """(_, expression) => new Promise((done) => {
  const look = () => (eval(expression) ? done() : requestAnimationFrame(look));
  look();
})"""
BOKEH = """
from bokeh.io import output_notebook, show
from bokeh.plotting import figure
output_notebook()
"""


def raw(**bundle: object) -> str:
    """Return code that shows a MIME bundle as it is; `_` in a name stands for nothing, the types are the keys."""
    return f"{SHOW}import json\ndisplay(json.loads({json.dumps(bundle)!r}), raw=True)"


def mime(kind: str, data: object, plain: str = "in words") -> str:
    """Return code that shows data of a type, with a text for those who cannot draw it."""
    return raw(**{f"application/{kind}": data, "text/plain": plain})


class Asked:
    """Which of our libraries a page asked for, and whether it reached for another server."""

    def __init__(self, page: Page, own: str) -> None:
        self.files: list[str] = []
        self.outside: list[str] = []
        self.own = own
        page.on("requestfinished", lambda request: self._note(request.url))
        page.on("response", lambda response: self._note_outside(response.url))

    def _note(self, url: str) -> None:
        if re.search("/static/(?:singlecell|libraries)/", url) and url.endswith(".js"):
            self.files.append(re.sub(r"-[0-9a-f]{10}\.js$", "", url.rpartition("/")[2]))

    def _note_outside(self, url: str) -> None:
        if url.startswith("http") and not url.startswith(self.own):
            self.outside.append(url)


@pytest.fixture
def asked(server, page) -> Asked:
    """What the page asks for."""
    return Asked(page, server.url)


def same_height(frame: Locator, drawn: FrameLocator) -> None:
    """Wait until a frame is as high as what is in it."""
    expect(frame).not_to_have_css("height", "0px")
    drawn.locator(":root").evaluate(UNTIL, "document.documentElement.scrollHeight <= innerHeight")


def test_a_plotly_figure_is_drawn_by_the_small_build_and_a_surface_by_the_whole_one(cell, asked):
    cell.run("import plotly.express as px\npx.bar(x=['a', 'b'], y=[1, 2], title='Two bars')")
    expect(cell.drawn.locator(".gtitle")).to_have_text("Two bars")
    expect(cell.drawn.locator(".bars path")).to_have_count(2)
    same_height(cell.output.locator(".frame"), cell.drawn)
    assert asked.files == ["plotly-cartesian"]
    cell.run("import plotly.graph_objects as go\ngo.Figure(go.Surface(z=[[1, 2], [2, 5]])).show()")
    expect(cell.drawn.locator(".gl-container canvas")).not_to_have_count(0)
    assert asked.files == ["plotly-cartesian", "plotly"] and asked.outside == []


def test_a_server_without_the_small_build_draws_with_the_whole_one(cell, asked, page):
    page.route("**/plotly-cartesian-*", lambda route: route.fulfill(status=404))
    cell.run("import plotly.express as px\npx.bar(x=['a', 'b'], y=[1, 2], title='Two bars')")
    expect(cell.drawn.locator(".bars path")).to_have_count(2)
    assert asked.files == ["plotly"]


def test_two_figures_share_one_load_of_their_library_and_follow_the_cells_width(cell, page, asked):
    cell.run("import plotly.express as px\nfor n in (2, 3): px.line(x=range(n), y=range(n)).show()")
    frames = cell.output.locator(".frame")
    expect(frames).to_have_count(2)
    drawn = [cell.output.frame_locator(".frame").nth(place).frame_locator("iframe") for place in range(2)]
    for one in drawn:
        expect(one.locator(".lines path")).to_have_count(1)
    assert asked.files == ["plotly-cartesian"]
    for place in range(2):
        expect(frames.nth(place)).to_have_attribute("title", "Output of the program")
        inner = cell.output.frame_locator(".frame").nth(place).locator("iframe")
        expect(inner).to_have_attribute("title", "Output of the program")
    page.set_viewport_size({"width": 400, "height": 1200})
    for place, one in enumerate(drawn):
        expect(one.locator(".main-svg").first).to_have_attribute("width", re.compile("^3[0-9]{2}"))
        same_height(frames.nth(place), one)


def test_charts_are_light_on_dark_pages(embed, page):
    themes = ("dark", "light")
    embed("".join(f"<single-cell id={theme} theme={theme} linked></single-cell>" for theme in themes))
    for theme in themes:
        cell = Cell(page, f"#{theme}").ready()
        cell.run("import plotly.express as px\npx.bar(x=['a'], y=[1], title='T')")
        cell.output.scroll_into_view_if_needed()
        title = cell.drawn.locator(".gtitle")
        bright = title.evaluate("title => getComputedStyle(title).fill.match(/\\d+/g).map(Number)[1] > 128")
        assert bright is (theme == "dark"), theme


def test_a_vega_lite_chart_is_drawn_with_text_that_can_be_read(cell, asked):
    for kind in ("vnd.vegalite.v5+json", "vnd.vegalite.v6+json"):
        cell.run(mime(kind, BARS))
        expect(cell.drawn.locator("svg text", has_text="Rain"), kind).to_have_count(1)
        expect(cell.drawn.locator("svg .mark-rect path[aria-roledescription=bar]"), kind).to_have_count(2)
        same_height(cell.output.locator(".frame"), cell.drawn)
        assert sorted(asked.files) == ["vega", "vega-embed", "vega-lite"] and asked.outside == [], kind
        expect(cell.output, kind).not_to_contain_text("in words")


def test_a_chart_of_altair_is_drawn_with_our_vega(cell, asked):
    data = "data = pd.DataFrame({'day': ['Mo', 'Tu'], 'n': [1, 2]})\n"
    chart = "display(alt.Chart(data).mark_bar().encode(x='day', y=alt.Y('n', title='Rain')))\n"
    cell.run(f"import altair as alt, pandas as pd\n{data}{chart}alt.renderers.enable('html')\n{chart}")
    expect(cell.output.locator(".frame")).to_have_count(2)
    for place in range(2):
        drawn = cell.output.frame_locator(".frame").nth(place).frame_locator("iframe")
        expect(drawn.locator("svg text", has_text="Rain")).to_have_count(1)
    assert sorted(asked.files) == ["vega", "vega-embed", "vega-lite"] and asked.outside == []


def test_a_vega_chart_and_its_expressions_are_drawn_without_vega_lites_compiler(cell, asked):
    cell.run(mime("vnd.vega.v5+json", VEGA))
    expect(cell.drawn.locator("svg text")).to_have_text("v=6")
    assert sorted(asked.files) == ["vega", "vega-embed"]


def test_a_bokeh_plot_is_drawn_without_what_a_notebook_says_around_it(cell, asked, page):
    cell.run(f"{BOKEH}p = figure(height=200, width=300, title='Line')\np.line([1, 2], [3, 4])\nshow(p)")
    expect(cell.output.locator(".frame")).to_have_count(1)
    expect(cell.drawn.locator(".bk-Figure canvas").first).to_be_visible()
    same_height(cell.output.locator(".frame"), cell.drawn)
    assert asked.files == ["bokeh"] and asked.outside == [] and page.watch.errors == []


def test_bokehs_widgets_tables_and_formulas_bring_their_own_parts(cell, asked, page):
    cell.run(
        f"{BOKEH}from bokeh.models import Slider, DataTable, TableColumn, ColumnDataSource\n"
        "from bokeh.layouts import column\n"
        "table = DataTable(source=ColumnDataSource({'a': [41, 42]}), columns=[TableColumn(field='a')], height=90)\n"
        "slider = Slider(start=0, end=9, value=3, title='Size')\n"
        "slider.js_link('value', table, 'width')\n"
        "show(column(slider, table))"
    )
    expect(cell.drawn.get_by_text("Size")).to_be_visible()
    expect(cell.drawn.get_by_text("42")).to_be_visible()
    assert sorted(asked.files) == ["bokeh", "bokeh-tables", "bokeh-widgets"]
    cell.run(f"{BOKEH}p = figure(height=200, title=r'$$x^2$$')\np.scatter([1], [1])\nshow(p)")
    expect(cell.drawn.locator(".bk-Figure canvas").first).to_be_visible()
    assert asked.files[3:] == ["bokeh-mathjax"] and asked.outside == [] and page.watch.errors == []


def test_pages_that_name_a_library_elsewhere_get_ours(cell, asked):
    cell.run(
        f"{SHOW}from bokeh.embed import file_html\nfrom bokeh.plotting import figure\nimport plotly.express as px\n"
        "p = figure(height=150)\np.line([1, 2], [3, 4])\n"
        "display(HTML(file_html(p, 'cdn')))\n"
        "display(HTML(px.bar(y=[1]).to_html(include_plotlyjs='cdn')))"
    )
    expect(cell.output.locator(".frame")).to_have_count(2)
    first, second = (cell.output.frame_locator(".frame").nth(n).frame_locator("iframe") for n in range(2))
    expect(first.locator(".bk-Figure canvas").first).to_be_visible()
    expect(second.locator(".bars path")).to_have_count(1)
    assert asked.outside == []
    expect(cell.output.locator(".notice")).to_have_count(0)


def test_a_script_that_loads_vega_while_it_runs_gets_ours(cell, asked):
    """As the HTML that Altair writes by itself does."""
    html = f"""<div id="vis"></div><script>
    const load = (address) => new Promise((resolve, reject) => {{
      const script = document.createElement("script");
      script.src = address; script.async = true; script.onload = resolve; script.onerror = reject;
      document.getElementsByTagName("head")[0].appendChild(script);
    }});
    load("https://cdn.jsdelivr.net/npm/vega@6")
      .then(() => load("https://cdn.jsdelivr.net/npm/vega-lite@6.1.0"))
      .then(() => load("https://cdn.jsdelivr.net/npm/vega-embed@7?noext"))
      .then(() => vegaEmbed("#vis", {json.dumps(BARS)}, {{ actions: false, renderer: "svg" }}));
    </script>"""
    cell.run(f"{SHOW}HTML({html!r})")
    expect(cell.drawn.locator("svg .mark-rect path")).to_have_count(2)
    assert asked.outside == []


def test_a_scene_of_sage_turns_with_the_mouse_and_grows_with_the_wheel(cell, asked, page):
    cell.run(f"{SHOW}HTML({scene()!r})")
    canvas = cell.drawn.locator("canvas")
    expect(canvas).to_be_visible()
    expect(cell.output.locator(".frame")).to_have_css("height", "400px")
    first = canvas.screenshot()
    box = canvas.bounding_box()
    page.mouse.move(box["x"] + 200, box["y"] + 200)
    page.mouse.down()
    page.mouse.move(box["x"] + 300, box["y"] + 220, steps=4)
    page.mouse.up()
    turned = canvas.screenshot()
    assert turned != first
    distance = canvas.evaluate("() => camera.position.length()")
    page.mouse.wheel(0, -300)
    canvas.evaluate(UNTIL, f"camera.position.length() < {distance}")
    assert canvas.screenshot() != turned
    assert asked.files == ["three"] and asked.outside == [] and page.watch.errors == []


def test_a_scene_of_sage_turns_under_a_finger(cell, page):
    cell.run(f"{SHOW}HTML({scene()!r})")
    canvas = cell.drawn.locator("canvas")
    expect(canvas).to_be_visible()
    before = canvas.evaluate("() => camera.position.x")
    box = canvas.bounding_box()
    fingers = page.context.new_cdp_session(page)
    for kind, x in (("touchStart", 100), ("touchMove", 140), ("touchMove", 180), ("touchEnd", None)):
        points = [] if x is None else [{"x": box["x"] + x, "y": box["y"] + 90}]
        fingers.send("Input.dispatchTouchEvent", {"type": kind, "touchPoints": points})
    canvas.evaluate(UNTIL, f"camera.position.x !== {before}")


def test_a_widget_is_its_text_with_a_word_about_it(cell):
    view = {"version_major": 2, "version_minor": 0, "model_id": "0"}
    cell.run(mime("vnd.jupyter.widget-view+json", view, "IntSlider(value=3)"))
    cell.shows("IntSlider(value=3)")
    expect(cell.output.locator(".notice")).to_contain_text("widget")
    expect(cell.output.locator("iframe")).to_have_count(0)


NOT_TO_BE_DRAWN = [
    ("vnd.vegalite.v5+json", {"mark": {"type": "nonsense"}, "encoding": 7}),
    ("vnd.vegalite.v5+json", "text"),
    ("vnd.plotly.v1+json", {"data": 3}),
    ("vnd.plotly.v1+json", None),
]


def test_what_cannot_be_drawn_is_shown_as_its_text(cell):
    cell.run("\n".join(mime(kind, data, f"in words {n}") for n, (kind, data) in enumerate(NOT_TO_BE_DRAWN)))
    for number, (kind, data) in enumerate(NOT_TO_BE_DRAWN):
        expect(cell.output, f"{kind} {data}").to_contain_text(f"in words {number}")
    expect(cell.output.locator("iframe")).to_have_count(0)


def test_a_library_that_does_not_come_leaves_the_text(cell, page):
    page.route(re.compile("/vega-embed-"), lambda route: route.abort())
    cell.run(mime("vnd.vegalite.v5+json", BARS)).shows("in words")
    expect(cell.output.locator(".notice")).to_contain_text("could not be drawn")
    page.unroute(re.compile("/vega-embed-"))
    cell.run(mime("vnd.vegalite.v5+json", BARS))
    expect(cell.drawn.locator("svg .mark-rect path")).to_have_count(2)


def test_what_a_server_has_no_library_for_is_its_text_until_it_has_one(cell, page):
    nowhere = {"status": 404, "content_type": "application/problem+json", "body": "{}"}
    page.route(re.compile("/vega-embed-"), lambda route: route.fulfill(**nowhere))
    cell.run(mime("vnd.vegalite.v5+json", BARS)).shows("in words")
    expect(cell.output.locator(".notice")).to_have_text("This output could not be drawn.")
    page.unroute(re.compile("/vega-embed-"))
    cell.run(mime("vnd.vegalite.v5+json", BARS))
    expect(cell.drawn.locator("svg .mark-rect path")).to_have_count(2)


def test_data_elsewhere_is_not_asked_for_and_the_page_says_so(cell, asked):
    elsewhere = {**BARS, "data": {"url": "https://example.org/rain.json"}}
    cell.run(mime("vnd.vegalite.v5+json", elsewhere))
    expect(cell.output.locator(".notice")).to_contain_text("another server")
    assert asked.outside == []


def test_two_figures_of_four_megabytes_are_drawn(cell):
    cell.run(
        "import numpy as np, plotly.graph_objects as go\n"
        "for n in range(2): go.Figure(go.Heatmap(z=np.random.default_rng(n).random((700, 720)))).show()"
    )
    for place in range(2):
        frame = cell.output.frame_locator(".frame").nth(place).frame_locator("iframe")
        expect(frame.locator(".heatmaplayer image")).to_have_count(1)


def test_an_output_that_is_always_higher_than_its_frame_does_not_grow_for_ever(cell):
    cell.run(f"{SHOW}HTML('<div style=\"height: calc(100vh + 40px)\">tall</div>')")
    expect(cell.drawn.get_by_text("tall")).to_be_visible()
    height = "node => new Promise(done => setTimeout(() => done(node.offsetHeight), 500))"
    frame = cell.output.locator(".frame")
    wait_for(lambda: frame.evaluate(height) == frame.evaluate(height) > 0)
    assert frame.evaluate(height) < 1000


def test_links_within_an_output_lead_to_their_places(cell):
    html = '<a href="#end">down</a><div style="height: 5000px"></div><p id="end">the end</p>'
    cell.run(f"{SHOW}HTML({html!r})")
    cell.drawn.get_by_text("down").click()
    expect(cell.drawn.get_by_text("the end")).to_be_in_viewport()
    expect(cell.output.locator(".notice")).to_have_count(0)


def test_a_chart_that_is_wider_than_its_frame_is_scrolled_by_keyboard(cell, page):
    page.set_viewport_size({"width": 320, "height": 700})
    cell.run(mime("vnd.vegalite.v5+json", {**BARS, "width": 900}))
    chart = cell.drawn.locator(".chart")
    expect(chart).to_have_attribute("tabindex", "0")
    chart.focus()
    page.keyboard.press("ArrowRight")
    expect(chart).not_to_have_js_property("scrollLeft", 0)
