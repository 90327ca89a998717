"""Every control of ipywidgets can be named, reached and read, in light and in dark pages."""

from __future__ import annotations

from tests.browser.sight import expect
from tests.browser.test_accessibility import RULES
from tests.browser.test_rich_output import UNTIL

PAPERS = {"light": "#ffffff", "dark": "#171b21"}  # of a cell
EACH = """
import base64, datetime, ipywidgets as w
words = {"options": ["one", "two"]}
noon = datetime.datetime(2026, 11, 30, 12, tzinfo=datetime.timezone.utc)
gif = base64.b64decode("R0lGODlhAQABAIAAAAAAAP///yH5BAEAAAAALAAAAAABAAEAAAIBRAA7")
grid = w.GridspecLayout(1, 2)
grid[0, 0], grid[0, 1] = w.Button(description="in a grid"), w.Label("beside")
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
    w.FloatSlider(description="float"), w.FloatLogSlider(description="log"), w.IntText(description="whole"),
    w.IntRangeSlider(description="ints", value=[20, 80]), w.FloatText(description="real"), w.Controller(),
    w.SelectionRangeSlider(description="from to", options=range(9), index=(1, 7)),
    w.BoundedFloatText(description="bounded"), w.Password(description="secret"),
    w.TimePicker(description="time"), w.NaiveDatetimePicker(description="naive"),
    w.DatetimePicker(description="moment", value=noon), w.ColorsInput(value=["red"]), w.FloatsInput(value=[1.5]),
    w.IntsInput(value=[2]), w.Image(value=gif, format="gif", width=20), w.HTMLMath("$x^2$"),
    w.FloatProgress(description="done", value=3),
    w.Stack([w.Label("one"), w.Label("other")], selected_index=0), w.GridBox([w.Label("a"), w.Label("b")]), grid,
    w.AppLayout(header=w.Label("head"), center=w.Button(description="middle")), w.TwoByTwoLayout(top_left=w.Label("c")),
    w.HBox([w.Button(description="left"), w.ToggleButton(description="right")]), w.Box([w.Button(description="alone")]),
])
"""


FINGER_PX = 24  # WCAG 2.2, 2.5.8
# What a finger goes for: name → width and height; of a field or a list its whole box, of a tick what stands for it.
TARGETS = """() => Object.fromEntries([...document.querySelectorAll(
  "button, input:not([type=file]), select, textarea, .noUi-handle, [role=tab], [role=button], .jupyter-widget-tag-close"
)].filter((node) => node.offsetParent && !node.closest(".jupyter-widget-tagsinput input")).map((node) => {
  const { width, height } = node.getBoundingClientRect();
  return [node.outerHTML.slice(0, 120), Math.min(width, height)];
}))"""
PLAY = """
import ipywidgets as w
play, start = w.Play(max=50, interval=20, description="play"), w.Button(description="start")
start.on_click(lambda _: setattr(play, "playing", True))
shown = w.Label()
play.observe(lambda change: setattr(shown, "value", f"at {change.new}"), "value")
w.VBox([play, start, shown])
"""
FORMULAS = r"""
import ipywidgets as w
slider, shown = w.IntSlider(description=r"$\alpha$"), w.Label(r"\(x\)")
slider.observe(lambda change: setattr(shown, "value", f"$y = {change.new}$"), "value")
w.VBox([slider, shown, w.HTMLMath("<b>$z^2$</b>")])
"""
FOLDS = """
import ipywidgets as w
fold = w.Accordion([w.Text(description="first"), w.Text(description="second")], titles=["one", "two"])
tab = w.Tab([w.Text(description="third"), w.Text(description="fourth")], titles=["three", "four"])
w.VBox([fold, tab])
"""


def test_axe_finds_nothing_in_any_control(embed, page, packages):
    page.emulate_media(color_scheme="light")
    paper = "<style>@media (prefers-color-scheme: dark) { body { background: #111; color: #eee } }</style>"
    cell = embed("<single-cell></single-cell>", head=paper).run(EACH)
    cell.drawn.get_by_role("button", name="alone").wait_for()  # the last of them
    [frame] = [frame for frame in page.frames if frame.url == "about:srcdoc"]
    frame.evaluate((packages / "axe-core/axe.min.js").read_text())
    ink = "getComputedStyle(document.body).color"
    inks = []
    for scheme, colour in PAPERS.items():
        page.emulate_media(color_scheme=scheme)
        expect(cell.node.locator(".cell")).to_have_class("cell dark" if scheme == "dark" else "cell")
        if inks:
            cell.drawn.locator("body").evaluate(UNTIL, f"{ink} !== {inks[0]!r}")  # the frame has heard of it
        inks.append(frame.evaluate(ink))
        # The frame lets the cell's paper show through; axe, inside, would take it for white.
        frame.evaluate("paper => (document.documentElement.style.background = paper)", colour)
        found = frame.evaluate("rules => axe.run(document, { runOnly: rules })", RULES)["violations"]
        assert [f"{one['id']}: {node['html'][:160]}" for one in found for node in one["nodes"]] == [], scheme
    assert page.watch.errors == []


def test_controls_fit_a_finger_and_stand_right_to_left_as_their_page(embed, page):
    page.set_viewport_size({"width": 360, "height": 800})
    cell = embed("<single-cell></single-cell>", lang="ar", direction="rtl").run(EACH)
    cell.drawn.get_by_role("button", name="alone").wait_for()  # the last of them
    small = {name: px for name, px in cell.drawn.locator("body").evaluate(TARGETS).items() if px < FINGER_PX}
    assert small == {}
    # The label stands at the right, where a line begins.
    field = cell.drawn.get_by_label("text", exact=True)
    label = cell.drawn.locator(".widget-label", has_text="text").first
    assert label.bounding_box()["x"] > field.bounding_box()["x"]
    slider = cell.drawn.get_by_role("slider", name="slider")
    slider.press("ArrowRight")
    expect(slider).to_have_attribute("aria-valuenow", "1.0")
    assert page.evaluate("document.documentElement.scrollWidth") <= 360


def test_folds_and_tabs_are_opened_by_keys(cell, page):
    cell.run(FOLDS)
    first, second = (cell.drawn.get_by_label(name) for name in ("first", "second"))
    cell.drawn.get_by_role("button", name="one").press("Enter")
    expect(first).to_be_visible()
    header = cell.drawn.get_by_role("button", name="two")
    expect(header).to_have_attribute("aria-expanded", "false")
    header.press(" ")
    expect(second).to_be_visible()
    expect(first).to_be_hidden()
    expect(header).to_have_attribute("aria-expanded", "true")
    cell.drawn.get_by_role("tab", name="three").press("ArrowRight")
    page.keyboard.press("Enter")
    expect(cell.drawn.get_by_label("fourth")).to_be_visible()


def test_play_begins_by_itself_and_runs_fast_only_where_motion_is_welcome(cell, page):
    page.emulate_media(reduced_motion="reduce")
    cell.run(PLAY)
    cell.drawn.get_by_role("button", name="start").click()
    button = cell.drawn.get_by_role("button", name="play")
    began = page.evaluate("performance.now()")
    button.click()
    expect(cell.drawn.get_by_text("at 2", exact=True)).to_be_visible()
    # Two steps of a second each; the program asked for 20 ms.
    assert page.evaluate("performance.now()") - began > 900
    page.emulate_media(reduced_motion="no-preference")
    expect(cell.drawn.get_by_text("at 50", exact=True)).to_be_visible()


def test_formulas_in_labels_are_set_also_those_that_come_later(cell):
    cell.run(FORMULAS)
    expect(cell.drawn.locator(".katex")).to_have_count(3)
    cell.drawn.get_by_role("slider").press("End")
    expect(cell.drawn.locator(".katex annotation", has_text="y = 100")).to_be_attached()
