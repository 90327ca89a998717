"""Bokeh's plots come as messages that a page can show with scripts of its own."""

from __future__ import annotations

JS, HTML = "application/javascript", "text/html"
LOAD, EXEC = "application/vnd.bokehjs_load.v0+json", "application/vnd.bokehjs_exec.v0+json"
PLOT = """
from bokeh.io import output_notebook, show
from bokeh.plotting import figure
p = figure()
p.line([1, 2], [3, 4])
"""
# The version that the page carries, and the place that its loader names (docs/messages.md).
SCRIPT = "https://cdn.bokeh.org/bokeh/release/bokeh-3.9.2.min.js"


def test_a_plot_comes_as_banner_loader_place_and_script(client):
    outcome = client.run(f"{PLOT}output_notebook()\nshow(p)")
    banner, loader, place, script = outcome.of_type("display_data")
    assert set(banner["data"]) == set(place["data"]) == {HTML}
    assert set(loader["data"]) == {JS, LOAD} and set(script["data"]) == {JS, EXEC}
    assert SCRIPT in loader["data"][LOAD]
    # The library itself does not travel.
    assert sum(len(text) for part in (loader, script) for text in part["data"].values()) < 100_000
    model = script["metadata"][EXEC]["id"]
    assert f'data-root-id="{model}"' in place["data"][HTML] and model in script["data"][JS]
    assert outcome.text("stderr") == ""


def test_a_later_cell_of_the_session_brings_no_second_loader(client):
    first = client.run(f"{PLOT}output_notebook()", keep=True)
    later = client.run("show(p)", session=first.description["session"])
    assert [set(content["data"]) for content in later.of_type("display_data")] == [{HTML}, {JS, EXEC}]
