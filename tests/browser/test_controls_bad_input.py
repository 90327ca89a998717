"""What is wrong with a control is said at the control in a sentence; the others of the page go on."""

from __future__ import annotations

from tests.browser.sight import expect, until

BROKEN = """
import anywidget, ipywidgets as w, traitlets
class Missing(w.DOMWidget):
    _model_module = _view_module = traitlets.Unicode("no-such-package").tag(sync=True)
    _model_name = traitlets.Unicode("Model").tag(sync=True)
    _view_name = traitlets.Unicode("View").tag(sync=True)
class Throws(anywidget.AnyWidget):
    _esm = "export default { render() { throw new Error('it is broken') } }"
class NoScript(anywidget.AnyWidget):
    _esm = "this is no JavaScript"
fine = w.IntSlider(description="fine")
fine.observe(lambda change: print("fine is", change.new), "value")
w.VBox([Missing(), Throws(), NoScript(), fine])
"""
CIRCLES = """
import ipywidgets as w
from IPython.display import display
a, b = w.IntSlider(description="a"), w.IntSlider(description="b")
links = w.jslink((a, "value"), (b, "value")), w.jslink((b, "value"), (a, "value")), w.link((b, "value"), (a, "value"))
a.observe(lambda change: setattr(b, "value", change.new), "value")
b.observe(lambda change: setattr(a, "value", change.new), "value")
out = w.Output()
with out:
    display(out, out)
tell = w.Button(description="tell")
tell.on_click(lambda _: print("they are", a.value, b.value))
w.VBox([a, b, tell, out])
"""
ENDLESS = """
import signal, time
import ipywidgets as w
s = w.IntSlider(description="s")
def moved(change):
    print("at", change.new, flush=True)
    while change.new == 1: time.sleep(0.01)
    if change.new == 3:
        signal.signal(signal.SIGINT, signal.SIG_IGN)
        while True: time.sleep(0.01)
s.observe(moved, "value")
s
"""
LARGE = """
import ipywidgets as w
million = w.Select(options=range(1_000_000))
many = w.Select(options=range(60_000), description="many")
many.observe(lambda change: print("chosen", change.new), "value")
up = w.FileUpload(description="up")
up.observe(lambda change: print("got", change.new[0].size), "value")
w.VBox([many, up])
"""
FLOOD = """
import ipywidgets as w
n, go, fill = w.IntText(description="n"), w.Button(description="flood"), w.Button(description="fill")
def flood(_):
    while True: n.value += 1
def take(_):
    kept = []
    while True: kept.append(bytearray(1 << 24))
go.on_click(flood)
fill.on_click(take)
w.VBox([n, go, fill])
"""
THOUSANDS = """
import ipywidgets as w
sliders = [w.IntSlider(description=f"s{i}") for i in range(1500)]
sliders[-1].observe(lambda change: print("the last is", change.new), "value")
w.VBox(sliders)
"""
# In the page: how long it stands still between two frames.
NOTE_PAUSES = """() => {
  self.pauses = [];
  let last = performance.now();
  const note = () => { pauses.push(performance.now() - last); last += pauses.at(-1); requestAnimationFrame(note) };
  requestAnimationFrame(note);
}"""
# In the page: how many frames it draws; in a control's document: how many messages it is told.
COUNT_FRAMES = "() => { self.drawn = 0; const next = () => { drawn += 1; requestAnimationFrame(next) }; next() }"
COUNT_TOLD = "() => { self.told = 0; addEventListener('message', () => (told += 1)) }"


def test_a_control_with_missing_or_broken_scripts_leaves_others_alone(cell, page):
    cell.run(BROKEN)
    expect(cell.output.locator(".controls .notice", has_text="no-such-package")).to_be_visible()
    expect(cell.output.locator(".controls .notice", has_text="went wrong")).to_be_visible()
    cell.drawn.get_by_role("slider", name="fine").focus()
    page.keyboard.press("ArrowRight")
    cell.shows("fine is 1")


def test_controls_in_a_circle_come_to_rest(cell, page):
    cell.run(CIRCLES)
    posts: list[str] = []
    page.on("request", lambda request: posts.append(request.url) if request.method == "POST" else None)
    cell.drawn.get_by_role("slider", name="a").focus()
    page.keyboard.press("ArrowRight")
    cell.drawn.get_by_role("button", name="tell").click()
    cell.shows("they are 1 1")
    assert len(posts) < 20
    # An output that shows itself ends somewhere.
    assert cell.node.evaluate("cell => cell.shadowRoot.querySelectorAll('.controls').length") <= 500


def test_a_callback_that_never_returns_is_said_and_stopped(cell):
    cell.run(ENDLESS)
    slider = cell.drawn.get_by_role("slider", name="s")
    slider.press("ArrowRight")
    cell.shows("at 1")
    busy = cell.output.locator(".busy")
    expect(busy).to_contain_text("Running")
    busy.get_by_role("button", name="Stop").click()
    expect(busy).to_have_count(0)
    focus = "cell => cell.shadowRoot.activeElement?.localName"  # in the control's frame
    until(cell.page, lambda: cell.node.evaluate(focus) == "iframe")
    slider.press("ArrowRight")
    cell.shows("at 2")
    slider.press("ArrowRight")
    cell.shows("at 3")
    expect(busy).to_contain_text("Running")
    busy.get_by_role("button", name="Stop").click()
    # It does not listen: its session ends.
    gone = cell.output.locator(".controls.gone")
    expect(gone).to_contain_text("no longer live")
    expect(slider).to_have_attribute("aria-valuenow", "3.0")


def test_a_million_choices_and_large_files_are_told_and_the_page_goes_on(cell, page):
    cell.run(LARGE)
    cell.shows("is not shown: one output may have")
    many = cell.drawn.get_by_label("many")
    many.select_option("7")
    cell.shows("chosen 7")
    cell.shows("Of 60,000 choices the first 10,000 are here.")
    expect(many.locator("option")).to_have_count(10_000)
    sent: list[str] = []
    page.on("request", lambda one: sent.append(one.headers["content-type"]) if "/comms" in one.url else None)
    for size_bytes, says in ((5 << 20, "longer than"), (3_500_000, "got 3500000")):
        with page.expect_file_chooser() as chooser:
            cell.drawn.get_by_role("button", name="up").click()
        file = {"name": "a.bin", "mimeType": "application/octet-stream", "buffer": bytes(size_bytes)}
        chooser.value.set_files(file)
        cell.shows(says)
    # As they are: in base64 the second would be too long.
    assert len(sent) == 2 and all(kind.startswith("multipart/form-data") for kind in sent)


def test_a_flood_of_updates_ends_its_session_and_says_so_at_the_control(cell, page):
    cell.run(FLOOD)
    flood = cell.drawn.get_by_role("button", name="flood")
    flood.evaluate(COUNT_TOLD)
    page.evaluate(COUNT_FRAMES)
    flood.click()
    gone = cell.output.locator(".controls.gone")
    expect(gone).to_contain_text("too much output")
    assert page.evaluate("drawn") >= 5
    assert cell.drawn.locator("body").evaluate("() => told") < 2000
    gone.get_by_role("button", name="Run again").click()
    expect(gone).to_have_count(0)
    cell.drawn.get_by_role("button", name="fill").click()
    expect(gone).to_contain_text("too much memory")


def test_while_thousands_of_controls_are_made_the_page_goes_on(cell, page):
    page.evaluate(NOTE_PAUSES)
    cell.run(THOUSANDS)
    expect(cell.drawn.locator(".widget-slider")).to_have_count(1500)
    longest, whole = page.evaluate("[Math.max(...pauses), pauses.reduce((one, other) => one + other)]")
    assert longest < whole / 3
    cell.drawn.get_by_role("slider", name="s1499").press("ArrowRight")
    cell.shows("the last is 1")
