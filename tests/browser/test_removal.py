"""A cell that leaves the page leaves nothing behind, and one that comes back goes on."""

from __future__ import annotations

from tests.browser.cell import Cell
from tests.browser.late_part import LatePart
from tests.browser.sight import expect

CELLS = 200
TAKE_OUT = "() => { window.cell = document.querySelector('#moved'); cell.remove() }"
# Shows a slider, then goes on.
SLIDER = """
import ipywidgets, time
s = ipywidgets.IntSlider()
s.observe(lambda change: print('moved to', change.new), 'value')
display(s)
for i in range(30):
    print('line', i)
    time.sleep(0.1)
"""


def put_back(page) -> None:
    """Put the cell that was taken out of the page back."""
    page.wait_for_function("!cell.busy")
    page.evaluate("document.querySelector('main').append(cell)")


def test_a_cell_that_is_taken_out_while_it_runs_goes_on_when_it_is_put_back(embed, page):
    cell = embed("<main><single-cell id=moved></single-cell></main>")
    cell.start("import time\nfor i in range(30):\n    print('line', i)\n    time.sleep(0.1)").shows("line 2")
    page.evaluate(TAKE_OUT)
    page.wait_for_function("!cell.busy")
    assert page.evaluate("cell.state") == "idle"
    put_back(page)
    expect(cell.node).to_have_attribute("state", "done")
    assert cell.output.inner_text().split() == " ".join(f"line {i}" for i in range(30)).split()


def test_a_cell_that_is_moved_while_it_runs_keeps_its_controls_alive(embed, page):
    cell = embed("<main><single-cell id=moved></single-cell></main>")
    cell.start(SLIDER).shows("line 2")
    page.evaluate(TAKE_OUT)
    put_back(page)
    expect(cell.node).to_have_attribute("state", "done")
    expect(cell.output.locator(".controls.gone")).to_have_count(0)
    cell.drawn.get_by_role("slider").focus()
    page.keyboard.press("ArrowRight")
    cell.shows("moved to 1")


def test_a_cell_that_is_moved_before_its_controls_have_come_shows_them_once(embed, page):
    controls = LatePart(page, "controls")
    cell = embed("<main><single-cell id=moved></single-cell></main>")
    cell.start(SLIDER)
    controls.wait()
    page.evaluate(TAKE_OUT)
    put_back(page)
    expect(cell.status).to_contain_text("Running")
    controls.come()
    expect(cell.node).to_have_attribute("state", "done")
    expect(cell.output.locator(".display")).to_have_count(1)
    assert cell.output.locator(".stdout").inner_text().split() == " ".join(f"line {i}" for i in range(30)).split()


def test_a_chapter_of_cells_is_forgotten_when_it_leaves_the_page(embed, page):
    devtools = page.context.new_cdp_session(page)

    def count() -> dict[str, int]:
        devtools.send("HeapProfiler.collectGarbage")
        return devtools.send("Memory.getDOMCounters")

    embed("<div id=chapter></div><single-cell>1</single-cell>")
    before = count()
    page.evaluate(
        f"""() => {{ for (let i = 0; i < {CELLS}; i += 1) {{
          const cell = document.createElement("single-cell");
          cell.setAttribute("autorun", "");
          cell.style.marginTop = "2000px";
          cell.textContent = `print(${{i}})`;
          chapter.append(cell);
        }} }}"""
    )
    expect(page.locator("#chapter single-cell[state=idle]")).to_have_count(CELLS)
    Cell(page, "#chapter single-cell >> nth=7").node.evaluate("cell => { cell.focus(); return cell.run() }")
    assert count()["nodes"] > before["nodes"] + 20 * CELLS
    page.evaluate("chapter.replaceChildren()")
    page.evaluate("() => new Promise(done => setTimeout(done, 100))")
    after = count()
    assert after["nodes"] < before["nodes"] + 5 * CELLS
    assert after["jsEventListeners"] < before["jsEventListeners"] + CELLS
