"""Controls of other packages are drawn by the scripts that these bring for classic notebooks, from the cell server."""

from __future__ import annotations

from tests.browser.sight import expect

CLASSIC = """
import ipywidgets as w, traitlets
class Classic(w.DOMWidget):
    _model_module = _view_module = traitlets.Unicode("a-package").tag(sync=True)
    _model_name, _view_name = traitlets.Unicode("Model").tag(sync=True), traitlets.Unicode("View").tag(sync=True)
    count = traitlets.Int(1).tag(sync=True)
classic = Classic()
classic.observe(lambda change: print("kernel has", change.new), "count")
w.VBox([classic, w.IntSlider(description="beside")])
"""
SCRIPT = """
define("a-package", ["@jupyter-widgets/base", "another-package", "exports"], (base, another, exports) => {
  exports.Model = class extends base.DOMWidgetModel {};
  exports.View = class extends base.DOMWidgetView {
    render() {
      const button = document.createElement("button");
      button.onclick = () => { this.model.set("count", 1 + this.model.get("count")); this.touch() };
      const show = () => (button.textContent = another.say(this.model.get("count")));
      this.listenTo(this.model, "change:count", show);
      show();
      this.el.append(button);
    }
  };
});
"""
FIGURE = """
%matplotlib widget
import matplotlib.pyplot as plt
fig, ax = plt.subplots(figsize=(3, 2))
ax.plot([1, 4, 2])
fig.canvas.mpl_connect("button_press_event", lambda event: print("pressed", event.button))
"""


def test_a_classic_control_is_drawn_by_its_packages_script(cell, page, server):
    scripts = {
        "a-package": SCRIPT,
        "another-package": "define(function () { return { say: (count) => 'count is ' + count } })",
    }
    folder = f"{server.url}/static/widgets/"
    page.route(f"{folder}*", lambda route: route.fulfill(body=scripts[route.request.url[len(folder) : -3]]))
    cell.run(CLASSIC)
    cell.drawn.get_by_role("button", name="count is 1").click()
    cell.shows("kernel has 2")
    expect(cell.drawn.get_by_role("button", name="count is 2")).to_be_visible()
    expect(cell.drawn.get_by_role("slider", name="beside")).to_be_visible()
    assert page.watch.errors == []


def test_the_server_has_the_scripts_of_what_is_installed(page, server):
    answer = page.request.get(f"{server.url}/static/widgets/anywidget.js")
    assert answer.ok and "javascript" in answer.headers["content-type"] and "define" in answer.text()
    assert page.request.get(f"{server.url}/static/widgets/no-such-package.js").status == 404


def test_a_figure_of_matplotlib_is_a_control(cell, page):
    cell.run(FIGURE)
    canvas = cell.drawn.locator("canvas").last
    expect(canvas).to_be_visible()
    canvas.click(position={"x": 100, "y": 100})
    cell.shows("pressed 1")
    cell.drawn.get_by_title("Zoom to rectangle").hover()
    assert page.watch.errors == []
