"""A control's script speaks for its own session's models alone: not for another cell, no code, nothing of the page."""

from __future__ import annotations

import re

import pytest

from tests.browser.cell import Cell
from tests.browser.sight import expect

# What a widget's script, or an output's, says to whom it can reach, so that a model of another cell changes.
FORGED = """
const data = {{ method: "update", state: {{ value: 99 }} }};
const forged = {{ controls: {{ send: {{ id: "{model}", data, buffers: [], ticket: "1" }} }} }};
for (const above of [parent, parent.parent, top]) above.postMessage(forged, "*");
// As if it were the page, to the frames of other outputs and to what they hold.
const message = {{ id: "{model}", data, buffers: [] }};
const reach = (window) => {{
  window.postMessage({{ controls: {{ message, close: "{model}", module: {{ name: "x", text: "" }} }} }}, "*");
  for (let i = 0; i < window.length; i += 1) reach(window[i]);
}};
reach(top);
"""
VICTIM = """
import ipywidgets as w
s, b = w.IntSlider(), w.Button(description='tell')
b.on_click(lambda _: print('value is', s.value))
print('model', s.model_id)
w.VBox([s, b])
"""
# What is no message that Jupyter's packages would send, or is for no model of this session.
NO_MESSAGES = """
const [id] = Object.keys(model.widget_manager._models);
const own = (data, more) => ({ id, data, ...more });
const update = (more) => own({ method: "update", state: {}, ...more });
const bytes = new ArrayBuffer(1);
for (const message of [
  { msg_type: "comm_open", id: "x", target_name: "evil", data: {} }, { code: "print('owned')" },
  null, 7, "owned", [], { data: [] }, own({ method: "owned" }), own({ method: "update", state: null }),
  own({ method: "update", state: [] }), own({ method: "comm_open" }), own(null),
  update({ buffer_paths: 3 }), update({ buffer_paths: [3] }), update({ buffer_paths: [[]] }),
  update({ buffer_paths: [["a"]] }), update({ buffer_paths: [[1]] }),
  { ...update(), buffers: [bytes] }, { ...update(), buffers: 3 }, { ...update(), buffers: ["AAEC"] },
  { ...update(), buffers: [{}] }, own({ method: "custom" }, { buffers: Array(65).fill(bytes) }),
  { id: "__proto__", data: { method: "update", state: {} } },
  { id: "OTHER", data: { method: "update", state: { value: 99 } } },
  { id: "OTHER", data: { method: "custom", content: { event: "click" } } },
]) parent.postMessage({ controls: { send: message } }, "*");
for (const controls of [
  null, 7, { ready: 0 }, { module: 7 }, { module: "../../languages" }, { module: "a/b/c" }, { module: "//host/x" },
  { places: [null, 7, { view: {} }, { view: "v", model: "none", x: 1e9 }, { view: "w", model: "OTHER" }] },
]) parent.postMessage({ controls }, "*");
"""
READS = """
const tries = {
  page: () => parent.parent.document.title, address: () => top.location.href, storage: () => localStorage.length,
  cookie: () => document.cookie, "other frames": () => top[0].document.title,
  leave: () => (top.location = "about:blank"), open: () => window.open("about:blank").document,
  "our server": () => fetch("SERVER/languages"), script: () => import("SERVER/embedded_singlecell.js"),
};
const said = Object.entries(tries).map(async ([name, act]) => {
  try { return `${name}: ${await act()}` } catch { return "" }
});
const heard = [];
addEventListener("message", ({ source, data }) => source === parent || heard.push(data));
el.innerHTML = "<p id=read>";
Promise.all(said).then((all) => (el.firstChild.textContent = `read ${all.join("")}${heard.length}`));
"""


# What a kernel says of buffers whose places lead out of their states.
POLLUTES = """
from comm import create_comm
c = create_comm(target_name='jupyter.widget', data={'state': {'_model_name': 'LabelModel'}}, comm_id='c')
ways = ['__proto__'], ['c', '__proto__'], ['c', 'state', '__proto__'], ['none']
for way in ways:
    paths = {'buffer_paths': [[*way, 'polluted']]}
    c.send({'method': 'update_states', 'states': {'c': {'state': {}}}, **paths}, buffers=[b'x'])
    c.send({'method': 'update', 'state': {}, **paths}, buffers=[b'x'])
print('said')
"""


def forger(script: str) -> str:
    """Return code that shows a control whose script does this, and then says so."""
    script += "\nel.insertAdjacentHTML('beforeend', '<p id=done>done')"
    esm = f"export default {{ render({{ model, el }}) {{ {script} }} }}"
    return f"import anywidget\nclass Forger(anywidget.AnyWidget):\n    _esm = {esm!r}\nForger()"


def settled(cell: Cell) -> None:
    """Wait until a control's script has run, and what it said has been heard."""
    expect(cell.drawn.locator("#done")).to_be_visible()
    cell.drawn.locator("#done").evaluate("() => new Promise((done) => setTimeout(done, 100))")


@pytest.fixture
def victim(embed) -> Cell:
    """A cell with a slider; the page has another one, ``#attacker``."""
    cell = embed("<single-cell id=victim></single-cell><single-cell id=attacker></single-cell>")
    return cell.run(VICTIM).shows("model ")  # what speaks of controls is shown when the part for them has come


def model_of(cell: Cell) -> str:
    """Return the id of the victim's slider, which nobody else knows but by a leak of the author's."""
    [model] = re.findall(r"model (\w+)", cell.output.inner_text())
    return model


@pytest.mark.parametrize("kind", ["widget", "html"])
def test_no_script_of_an_output_speaks_for_a_control_of_another_cell(victim, page, kind):
    forged = FORGED.format(model=model_of(victim))
    attacker = Cell(page, "#attacker").ready()
    if kind == "html":
        attacker.run(f"from IPython.display import HTML\nHTML({f'<p id=done>done<script>{forged}</script>'!r})")
    else:
        attacker.run(forger(forged))
    settled(attacker)
    victim.drawn.get_by_role("button", name="tell").click()
    victim.shows("value is 0")
    expect(victim.drawn.get_by_role("slider")).to_have_attribute("aria-valuenow", "0.0")


def test_a_widgets_script_opens_no_comm_runs_no_code_and_reads_nothing(victim, page, server):
    attacker = Cell(page, "#attacker").ready()
    sent: list[str] = []
    page.on("request", lambda request: sent.append(f"{request.method} {request.url}"))
    script = NO_MESSAGES.replace("OTHER", model_of(victim)) + READS.replace("SERVER", server.url)
    attacker.run(forger(script))
    settled(attacker)
    expect(attacker.drawn.locator("#read")).to_have_text("read 0")
    assert [line for line in sent if line.startswith("POST")] == [line for line in sent if "/computations?" in line]
    assert len([line for line in sent if line.startswith("POST")]) == 1
    assert not [line for line in sent if "/widgets/" in line]
    assert page.evaluate("[document.title, Object.keys(Object.prototype).length]") == ["A page", 0]
    assert len(page.context.pages) == 1
    expect(victim.drawn.get_by_role("slider")).to_have_attribute("aria-valuenow", "0.0")


def test_a_control_that_floods_the_page_is_stopped_alone(victim, page):
    attacker = Cell(page, "#attacker").ready()
    flood = "setInterval(() => { for (let i = 0; i < 500; i += 1) model.send({ i }) }, 10);"
    attacker.run(forger(flood))
    expect(attacker.output.locator(".notice")).to_contain_text("stopped")
    expect(attacker.output.locator("iframe")).to_have_count(0)
    victim.drawn.get_by_role("button", name="tell").click()
    victim.shows("value is 0")


def test_no_message_of_a_kernel_reaches_what_all_objects_share(cell, page):
    cell.run(POLLUTES).shows("said")
    cell.run("1").shows("1")
    assert page.evaluate("[Object.keys(Object.prototype).length, ({}).polluted ?? null]") == [0, None]
    assert page.watch.errors == []
