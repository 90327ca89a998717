"""A control lives while somebody sees it; then it stays as it was, to be looked at, printed and run again."""

from __future__ import annotations

import json

import pytest

from tests.browser.cell import Cell
from tests.browser.pdf_text import text_of
from tests.browser.sight import expect
from tests.browser.test_controls import INTERACT, slide

HEARTBEAT_S = 120
# A picture that changes, and a button whose presses come after that.
PICTURE = """
import io
import ipywidgets as w
from PIL import Image
def picture_of(width):
    file = io.BytesIO()
    Image.new("RGB", (width, 1)).save(file, "png")
    return file.getvalue()
picture, paint, press = w.Image(value=picture_of(1)), w.Button(description="paint"), w.Button(description="press")
presses = []
paint.on_click(lambda _: setattr(picture, "value", picture_of(9)))
press.on_click(lambda _: (presses.append(1), print(f"press {len(presses)}")))
w.VBox([paint, press, picture])
"""
SHOWN = ["x", "10", "name", "Ann", "really", "plain", "10 Ann True plain"]  # labels, values and output of `moved`


def session_of(cell: Cell) -> str:
    """Return the session in which the cell has run."""
    return cell.node.evaluate("cell => cell.messages[0].header.session")


@pytest.fixture
def moved(cell) -> Cell:
    """A cell whose control has been moved to its end, once its output shows that."""
    cell.run(INTERACT)
    slide(cell, "x", "End")
    expect(cell.output.locator(".area")).to_have_text("10 Ann True plain\n")
    return cell


def test_after_a_reload_the_last_output_is_there_and_the_control_is_live(moved, page):
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.url) if "/comms" in request.url else None)
    on_paper = text_of(page.pdf())
    assert all(f"\n{shown}\n" in on_paper for shown in SHOWN), on_paper
    page.reload()
    again = Cell(page).ready()
    area = again.output.locator(".area")
    expect(area).to_have_text("10 Ann True plain\n")
    expect(again.drawn.get_by_role("slider")).to_have_attribute("aria-valuenow", "10.0")
    slide(again, "x", "ArrowLeft")
    expect(area).to_have_text("9 Ann True plain\n")
    assert len(asked) == 1


def test_after_a_reload_without_its_session_it_is_read_only_with_the_last_output(moved, page, server):
    page.request.delete(f"{server.url}/sessions/{session_of(moved)}")
    page.reload()
    again = Cell(page).ready()
    gone = again.output.locator(".controls.gone")
    expect(gone).to_contain_text("no longer live")
    expect(again.output.locator(".area")).to_have_text("10 Ann True plain\n")
    expect(again.drawn.get_by_role("slider")).to_have_attribute("aria-valuenow", "10.0")
    expect(gone.locator("iframe").first).to_have_js_property("inert", True)
    # On paper stands what was last shown, and no button.
    on_paper = text_of(page.pdf())
    assert all(f"\n{shown}\n" in on_paper for shown in SHOWN), on_paper
    assert "Run again" not in on_paper


def test_what_changed_long_before_a_reload_is_there_again_with_its_bytes(cell, page):
    cell.run(PICTURE)
    cell.drawn.get_by_role("button", name="paint").click()
    expect(cell.drawn.locator("img")).to_have_js_property("naturalWidth", 9)
    # More than a page reads again: then the state of all models in one message tells of the picture.
    for _ in range(11):
        cell.drawn.get_by_role("button", name="press").click()
    cell.shows("press 11")
    page.reload()
    expect(Cell(page).ready().drawn.locator("img")).to_have_js_property("naturalWidth", 9)


def test_a_page_keeps_a_session_alive_while_it_is_seen_and_no_history(cell, page, server):
    page.clock.install()
    cell.run(INTERACT)
    expect(cell.output.locator(".area")).to_have_text("5 Ann True plain\n")
    beats: list[str] = []
    page.on("request", lambda request: beats.append(request.post_data) if "/comms" in request.url else None)
    page.clock.fast_forward(1000 * HEARTBEAT_S // 2)
    assert beats == []
    for _ in range(5):
        with page.expect_response(lambda response: "/comms" in response.url):
            page.clock.fast_forward(1000 * (HEARTBEAT_S + 30))
    assert len(beats) == 5 and json.loads(beats[0])["content"]["comm_id"] == "alive"
    described = page.request.get(f"{server.url}/sessions/{session_of(cell)}").json()
    assert len(described["computations"]) <= 1 + 3
    page.evaluate("Object.defineProperty(document, 'visibilityState', { value: 'hidden', configurable: true })")
    page.clock.fast_forward(10_000 * HEARTBEAT_S)
    assert len(beats) == 5
    # Who comes back finds out at once.
    page.request.delete(f"{server.url}/sessions/{session_of(cell)}")
    page.evaluate("""() => {
        Object.defineProperty(document, 'visibilityState', { value: 'visible', configurable: true });
        document.dispatchEvent(new Event('visibilitychange'));
    }""")
    expect(cell.output.locator(".controls.gone")).to_contain_text("no longer live")


def test_two_readers_of_one_page_have_a_session_each(server, browser, cell):
    cell.run(INTERACT)
    context = browser.new_context()
    other_page = context.new_page()
    other_page.goto(server.url)
    other = Cell(other_page).ready().run(INTERACT)
    assert session_of(cell) != session_of(other)
    context.close()
