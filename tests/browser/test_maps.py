"""Plotly's maps get outlines from the cell server, and what needs another server is a sentence."""

from __future__ import annotations

import pytest

from tests.browser.conftest import DEADLINE_MS
from tests.browser.sight import expect
from tests.browser.test_rich_output import Asked

GO = "import plotly.graph_objects as go\n"
MAPS = {
    "world": (
        "go.Figure([go.Choropleth(locations=['FRA', 'BRA'], z=[1, 2])], {'geo': {'resolution': 50}})",
        [".choropleth path", ".coastlines path"],
        ["outlines-world"],
    ),
    "states": (
        "go.Figure([go.Choropleth(locations=['CA', 'TX'], locationmode='USA-states', z=[1, 2])],"
        "{'geo': {'scope': 'usa'}})",
        [".choropleth path", ".land path"],
        ["outlines-usa"],
    ),
    "two maps": (
        "go.Figure([go.Scattergeo(lat=[36, 70], lon=[-9, 30]),"
        " go.Scattergeo(lat=[-34, 37], lon=[-17, 51], geo='geo2')], {"
        "'geo': {'scope': 'europe', 'domain': {'x': [0, 0.5]}},"
        "'geo2': {'scope': 'africa', 'domain': {'x': [0.5, 1]}, 'projection': {'type': 'orthographic'}}})",
        [".geo .land path", ".geo2 .land path"],
        ["outlines-africa", "outlines-europe"],
    ),
}


@pytest.fixture
def asked(server, page) -> Asked:
    """What the page asks for."""
    return Asked(page, server.url)


def test_maps_have_outlines_from_the_cell_server_alone(cell, page, asked):
    for name, (code, signs, outlines) in MAPS.items():
        asked.files.clear()
        cell.run(GO + code)
        for sign in signs:
            path = cell.drawn.locator(sign).first
            expect(path, name).to_be_attached(timeout=DEADLINE_MS)
            assert path.evaluate("path => path.getAttribute('d').length > 200"), name
        assert sorted(file for file in asked.files if file != "plotly") == outlines, name
        assert asked.outside == [], name
        expect(cell.output.locator(".notice"), name).to_have_count(0)
    assert page.watch.errors == []


def test_maps_on_tiles_are_a_sentence(cell, asked):
    cell.run(f"{GO}go.Figure(go.Scattermap(lat=[48], lon=[2]))")
    expect(cell.output.locator(".notice")).to_have_text(
        "This map needs tiles from another server. Cells load nothing from there."
    )
    expect(cell.output.locator("iframe")).to_have_count(0)
    assert asked.files == [] and asked.outside == []
