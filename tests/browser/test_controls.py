"""Controls are drawn in frames, speak with their own session alone, and say when it has ended."""

from __future__ import annotations

from tests.browser.cell import Cell
from tests.browser.sight import expect

INTERACT = """
from ipywidgets import interact
@interact(x=(0, 10), name="Ann", really=True, kind=["plain", "bold"])
def greet(x, name, really, kind):
    print(x, name, really, kind)
"""
MANY = """
import ipywidgets as w
from IPython.display import display, HTML
pressed, out, label = w.Button(description="press"), w.Output(), w.Label("untouched")
a, b = w.IntSlider(description="a"), w.IntSlider(description="b")
linked = w.jslink((a, "value"), (b, "value"))
def react(_):
    label.value = "touched"
    with out:
        print("pressed", a.value, b.value)
        display(HTML("<b id=bold>bold</b>"))
pressed.on_click(react)
a.observe(lambda change: print("moved to", change.new), "value")
second = w.Text(description="second", value="in the second")
tabs = w.Tab([w.VBox([pressed, label, out]), second], titles=["one", "two"])
display(w.VBox([a, b, tabs]))
"""
COUNTER = """
import anywidget, traitlets
class Counter(anywidget.AnyWidget):
    _esm = '''
    function render({ model, el }) {
      const button = document.createElement("button");
      const show = () => (button.textContent = `count is ${model.get("value")}`);
      button.onclick = () => { model.set("value", model.get("value") + 1); model.save_changes(); };
      model.on("change:value", show);
      model.on("msg:custom", (said, buffers) => (button.title = said.hello + new Uint8Array(buffers[0].buffer).join()));
      show();
      el.append(button);
      model.send({ ready: true });
    }
    export default { render };
    '''
    _css = "button { color: rgb(1, 2, 3) }"
    value = traitlets.Int(0).tag(sync=True)
counter = Counter()
counter.on_msg(lambda widget, said, buffers: widget.send({"hello": "you"}, buffers=[bytes([7, 8])]))
counter.observe(lambda change: print("kernel has", change.new), "value")
counter
"""

def slide(cell: Cell, name: str, key: str = "ArrowRight") -> None:
    """Move a slider by a key."""
    cell.drawn.get_by_role("slider", name=name).focus()
    cell.page.keyboard.press(key)


IS_WHOLE = """node => {
  const bottom = (part) => node.shadowRoot.querySelector(part)?.getBoundingClientRect().bottom
  return bottom(".area .stdout") <= bottom(".controls")
}"""


def test_an_interact_shows_its_function_at_each_new_value_and_is_not_cut_off(cell, page):
    cell.run(INTERACT)
    area = cell.output.locator(".area")
    expect(area).to_have_text("5 Ann True plain\n")
    # The frame is told how high it is, and grows a moment later.
    page.wait_for_function(IS_WHOLE, arg=cell.node.element_handle())
    cell.drawn.get_by_role("slider").focus()
    page.keyboard.press("ArrowRight")
    expect(area).to_have_text("6 Ann True plain\n")
    cell.drawn.get_by_label("name").fill("Bob")
    cell.drawn.get_by_label("really").uncheck()
    cell.drawn.get_by_label("kind").select_option("bold")
    expect(area).to_have_text("6 Bob False bold\n")
    assert page.watch.errors == []


def test_buttons_links_boxes_and_outputs_work_together(cell, page):
    cell.run(MANY)
    cell.drawn.get_by_role("slider").first.focus()
    page.keyboard.press("ArrowRight")
    cell.shows("moved to 1")
    cell.drawn.get_by_role("button", name="press").click()
    expect(cell.drawn.get_by_text("touched", exact=True)).to_be_visible()
    area = cell.output.locator(".area")
    expect(area).to_contain_text("pressed 1 1")
    expect(area.frame_locator(".frame").frame_locator("iframe").locator("#bold")).to_be_visible()
    cell.drawn.get_by_role("tab", name="two").click()
    expect(cell.drawn.get_by_label("second")).to_have_value("in the second")
    expect(area).to_be_hidden()
    assert page.watch.errors == []


def test_an_anywidget_speaks_with_the_kernel_in_both_directions(cell, page):
    cell.run(COUNTER)
    button = cell.drawn.get_by_role("button", name="count is 0")
    expect(button).to_have_attribute("title", "you7,8")
    expect(button).to_have_css("color", "rgb(1, 2, 3)")
    button.click()
    cell.shows("kernel has 1")
    expect(cell.drawn.get_by_role("button", name="count is 1")).to_be_visible()
    assert page.watch.errors == []


def test_a_control_whose_session_has_ended_offers_to_run_again(cell, page, server):
    cell.run(INTERACT)
    area = cell.output.locator(".area")
    expect(area).to_have_text("5 Ann True plain\n")
    session = cell.node.evaluate("cell => cell.messages[0].header.session")
    page.request.delete(f"{server.url}/sessions/{session}")
    cell.drawn.get_by_role("slider").focus()
    page.keyboard.press("ArrowRight")
    again = cell.output.get_by_role("button", name="Run again")
    expect(again).to_be_visible()
    expect(area).to_have_text("5 Ann True plain\n")
    again.click()
    expect(cell.output.locator(".controls.gone")).to_have_count(0)
    expect(area).to_have_text("5 Ann True plain\n")
    cell.drawn.get_by_role("slider").focus()
    page.keyboard.press("ArrowRight")
    expect(area).to_have_text("6 Ann True plain\n")


def test_what_shows_no_control_ends_its_session(cell, page, server):
    with page.expect_request(lambda request: request.method == "DELETE" and "/sessions/" in request.url):
        cell.run("print('interact with nobody')")


def test_a_long_drag_leaves_no_history_and_ends_at_its_last_value(cell, page, server):
    cell.run(INTERACT.replace("(0, 10)", "(0, 1000)"))
    handle = cell.drawn.get_by_role("slider")
    handle.hover()  # when it has come to rest
    box = handle.bounding_box()
    x, y = box["x"] + box["width"] / 2, box["y"] + box["height"] / 2
    page.mouse.move(x, y)
    page.mouse.down()
    for step in range(40):
        page.mouse.move(x + step - 20, y)
    page.mouse.move(x + 1000, y)
    page.mouse.up()
    expect(cell.output.locator(".area")).to_have_text("1000 Ann True plain\n")
    session = cell.node.evaluate("cell => cell.messages[0].header.session")
    assert len(page.request.get(f"{server.url}/sessions/{session}").json()["computations"]) <= 10
