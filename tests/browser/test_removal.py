"""A cell that leaves the page leaves nothing behind, and one that comes back goes on."""

from __future__ import annotations

from playwright.sync_api import expect

from tests.browser.cell import Cell

CELLS = 200


def test_a_cell_that_is_taken_out_while_it_runs_goes_on_when_it_is_put_back(embed, page):
    cell = embed("<main><single-cell id=moved></single-cell></main>")
    cell.start("import time\nfor i in range(30):\n    print('line', i)\n    time.sleep(0.1)").shows("line 2")
    page.evaluate("() => { window.cell = document.querySelector('#moved'); cell.remove() }")
    page.wait_for_function("!cell.busy")
    assert page.evaluate("cell.state") == "idle"
    page.evaluate("document.querySelector('main').append(cell)")
    expect(cell.node).to_have_attribute("state", "done")
    assert cell.output.inner_text().split() == " ".join(f"line {i}" for i in range(30)).split()


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
