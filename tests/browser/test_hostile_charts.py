"""Whatever charts and scenes carry, nothing of it runs in or restyles the page, and no other server hears of it."""

from __future__ import annotations

import json

from tests.browser.scene import scene
from tests.browser.sight import expect

OWN = "try { parent.owned = top.owned = 1; parent.document.title = top.document.title = 'owned' } catch {}"
RUN = f"javascript:{OWN}"
TRAP = f'<img src=X/1 onerror="{OWN}">'
LINK = f'<a href="javascript:{OWN}">a</a><a href="X/2">b</a>'


def chart(kind: str, data: object) -> str:
    """Return code that shows data of a type."""
    return (
        "import json\nfrom IPython.display import display\n"
        f"display(json.loads({json.dumps({f'application/{kind}': data, 'text/plain': 'shown'})!r}), raw=True)"
    )


def bokeh(code: str) -> str:
    """Return code that shows a `p` of Bokeh."""
    head = "from bokeh.io import output_notebook, show\nfrom bokeh.plotting import figure\nfrom bokeh.models import *\n"
    return f"{head}output_notebook()\n{code}\nshow(p)"


VEGA = "https://vega.github.io/schema/vega/v5.json"
STEAL = f"event.view.eval({json.dumps(OWN)})"
FLEE = f"{OWN}; try {{ top.location = 'X/14' }} catch {{}} window.open('X/15')"
CHARTS = {
    "plotly texts": (
        chart(
            "vnd.plotly.v1+json",
            {
                "data": [{"y": [1], "name": TRAP, "text": TRAP + LINK, "mode": "text", "hovertemplate": LINK}],
                "layout": {
                    "title": {"text": TRAP + LINK},
                    "annotations": [{"text": f"{LINK}<script>{OWN}</script>", "x": 0, "y": 1}],
                    "images": [{"source": "X/3", "sizex": 1, "sizey": 1}, {"source": RUN}],
                    "meta": TRAP,
                },
                "config": {"plotlyServerURL": "X/4", "topojsonURL": "X/5", "showLink": True, "sendData": True},
            },
        ),
        ".main-svg >> nth=0",
    ),
    "vega addresses": (
        chart(
            "vnd.vega.v5+json",
            {
                "$schema": VEGA,
                "width": 99,
                "height": 99,
                "data": [{"name": "d", "url": "X/6"}, {"name": "e", "values": [{}]}],
                "marks": [
                    {"type": "image", "from": {"data": "e"}, "encode": {"enter": {"url": {"value": "X/7"}}}},
                    {"type": "rect", "from": {"data": "e"}, "encode": {"enter": {"href": {"value": RUN}}}},
                ],
                "usermeta": {"embedOptions": {"loader": {"baseURL": "X/8"}, "actions": True}},
            },
        ),
        "svg",
    ),
    "vega expressions": (
        chart(
            "vnd.vega.v5+json",
            {
                "$schema": VEGA,
                "width": 99,
                "height": 99,
                "signals": [
                    {"name": "a", "init": "[].constructor.constructor('parent.owned = top.owned = 1')()"},
                    {"name": "b", "on": [{"events": "timer{10}", "update": STEAL}]},
                ],
                "marks": [],
            },
        ),
        None,
    ),
    "vega-lite texts": (
        chart(
            "vnd.vegalite.v5+json",
            {
                "title": TRAP,
                "data": {"values": [{"a": TRAP, "h": RUN, "u": "X/10"}]},
                "mark": {"type": "text", "tooltip": {"content": "data"}},
                "encoding": {"text": {"field": "a"}, "href": {"field": "h"}, "url": {"field": "u"}},
            },
        ),
        "svg",
    ),
    "bokeh scripts": (
        bokeh(
            f"act = CustomJS(code={(OWN + '; fetch(`X/11`)')!r})\n"
            "p = figure(height=150, title=" + repr(TRAP) + ")\np.line([1, 2], [1, 2])\n"
            "p.js_on_event('document_ready', act)\n"
            "p.image_url(url=['X/12'], x=0, y=0, w=1, h=1)\np.add_tools(TapTool(callback=OpenURL(url='X/13')))"
        ),
        ".bk-Figure",
    ),
    "bokeh html": (bokeh(f"p = Div(text={TRAP + LINK!r} + '<p>shown</p>')"), ".bk-Div"),
    "scene": (
        f"from IPython.display import HTML\nHTML({scene(FLEE)!r})",
        "canvas",
    ),
    "scripts with known addresses": (
        "from IPython.display import HTML\n"
        'HTML(\'<script src="X/three-sage-130.min.js"></script>'
        '<script src="https://cdn.bokeh.org/bokeh/release/../../X/bokeh-3.9.2.min.js"></script><p id=end>end</p>\')',
        "#end",
    ),
}


CLICK = "all => all.forEach(node => node.dispatchEvent(new MouseEvent('click', { bubbles: true, cancelable: true })))"


def test_charts_cannot_touch_the_page_or_ask_another_server(embed, nobody_is_asked, page):
    cell = embed("<h1>Mine</h1><single-cell></single-cell>")
    address, box = page.url, page.locator("h1").bounding_box()
    for name, (code, sign) in CHARTS.items():
        cell.run(code.replace("X/", f"{nobody_is_asked}/"))
        if sign:
            expect(cell.drawn.locator(sign).first, name).to_be_attached()
            cell.drawn.locator("a, .mark-rect path").evaluate_all(CLICK)
        else:
            expect(cell.output, name).to_contain_text("shown")
        page.evaluate("new Promise(done => setTimeout(done, 100))")
        assert page.evaluate("[window.owned, localStorage.owned, document.cookie]") == [None, None, ""], name
        assert (page.title(), page.url) == ("A page", address), name
        assert page.locator("h1").bounding_box() == box, name
        assert len(page.context.pages) == 1, name
        assert all(link.startswith("http") for link in cell.output.locator(".notice a").all_inner_texts()), name
