"""Every control of ipywidgets can be named, reached and read, in light and in dark pages."""

from __future__ import annotations

import pytest

from tests.browser.test_accessibility import RULES

PAPERS = {"light": "#ffffff", "dark": "#171b21"}  # of a cell
EACH = """
import ipywidgets as w
words = {"options": ["one", "two"]}
w.VBox([
    w.IntSlider(description="slider"), w.FloatRangeSlider(description="range", value=[20, 80]),
    w.SelectionSlider(description="stops", **words), w.Text(description="text"), w.Textarea(description="lines"),
    w.BoundedIntText(description="number"), w.Combobox(description="combo", **words), w.Checkbox(description="tick"),
    w.ToggleButton(description="toggle", icon="check"), w.Button(description="button", icon="upload"),
    w.Dropdown(description="list", **words), w.RadioButtons(description="radio", **words),
    w.Select(description="select", **words), w.SelectMultiple(description="several", **words),
    w.ToggleButtons(description="toggles", **words), w.IntProgress(description="progress", value=30),
    w.Valid(description="valid", value=True), w.Play(description="play"), w.DatePicker(description="date"),
    w.ColorPicker(description="colour"), w.HTML("<b>bold</b>"), w.FileUpload(), w.TagsInput(value=["tag"]),
    w.Accordion([w.IntText(description="inner")], titles=["fold"]), w.Tab([w.Label("page")], titles=["first"]),
])
"""


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_axe_finds_nothing_in_any_control(embed, page, packages, scheme):
    page.emulate_media(color_scheme=scheme)
    paper = "<style>@media (prefers-color-scheme: dark) { body { background: #111; color: #eee } }</style>"
    cell = embed("<single-cell></single-cell>", head=paper).run(EACH)
    cell.drawn.get_by_role("tab", name="first").wait_for()
    [frame] = [frame for frame in page.frames if frame.url == "about:srcdoc"]
    # The frame lets the cell's paper show through; axe, inside, would take it for white.
    frame.evaluate("paper => (document.documentElement.style.background = paper)", PAPERS[scheme])
    frame.evaluate((packages / "axe-core/axe.min.js").read_text())
    found = frame.evaluate("rules => axe.run(document, { runOnly: rules })", RULES)["violations"]
    assert [f"{one['id']}: {node['html'][:160]}" for one in found for node in one["nodes"]] == []
    assert page.watch.errors == []
