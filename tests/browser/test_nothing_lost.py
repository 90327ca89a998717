"""What a reader has typed or attached stays until the reader takes it away."""

from __future__ import annotations

import re
from collections.abc import Iterator

import pytest
import requests

from tests.browser.cell import Cell
from tests.browser.sight import expect

MINE = "print('mine')"


def attach(cell: Cell, *files: tuple[str, bytes]) -> None:
    """Choose files in the dialog of the browser."""
    chosen = [{"name": name, "mimeType": "text/plain", "buffer": content} for name, content in files]
    cell.node.locator("input[type=file]").set_input_files(chosen)


def note(cell: Cell):
    return cell.node.locator(".note")


def test_reset_is_undone_by_a_button_that_has_the_focus(page, cell):
    authors = cell.code
    cell.run(MINE)
    cell.node.locator("[part=reset-button]").click()
    expect(note(cell)).to_contain_text("The author’s code is back.")
    assert cell.code == authors
    expect(note(cell).get_by_role("button", name="Undo")).to_be_focused()
    page.keyboard.press("Enter")
    assert cell.code == MINE
    expect(note(cell)).to_be_hidden()
    page.reload()
    assert cell.ready().code == MINE


@pytest.mark.parametrize("place", ["in the code", "where the focus is"])
def test_reset_is_undone_and_done_again_by_keys(page, cell, place):
    authors = cell.code
    cell.field.focus()
    page.keyboard.press("Control+a")
    page.keyboard.type("x = 1")
    cell.node.locator("[part=reset-button]").click()
    assert cell.code == authors
    if place == "in the code":
        cell.field.focus()
    page.keyboard.press("Control+z")
    assert cell.code == "x = 1"
    page.keyboard.press("Control+Shift+z")
    assert cell.code == authors
    page.keyboard.press("Control+z")
    cell.field.focus()
    page.keyboard.press("Control+z")
    assert cell.code != "x = 1", "and what was typed before is undone next"


@pytest.mark.parametrize("way", ["keys", "button"])
def test_an_example_makes_way_for_what_was_typed(page, cell, way):
    cell.field.focus()
    page.keyboard.press("Control+a")
    page.keyboard.type("precious = 1")
    page.get_by_role("button", name="a file", exact=True).click()
    cell.shows("squares.csv is ready").ends()
    assert "precious" not in cell.code
    if way == "button":
        note(cell).get_by_role("button", name="Undo").click()
    else:
        cell.field.focus()
        page.keyboard.press("Control+z")
    assert cell.code == "precious = 1"


def test_what_is_typed_after_an_example_is_not_lost_by_undo(page, cell):
    cell.write("precious = 1")
    cell.node.evaluate("cell => cell.show('example = 1')")
    cell.field.focus()
    page.keyboard.type("more")
    expect(note(cell)).to_be_hidden()
    page.keyboard.press("Control+z")
    assert cell.code == "example = 1"
    page.keyboard.press("Control+z")
    assert cell.code == "precious = 1"


def test_another_language_is_undone_and_remembered(embed, page):
    # Nothing is run here: the menu alone needs two languages.
    offered = [{"name": name, "label": name.title(), "available": True} for name in ("python", "sage")]
    page.route("**/languages", lambda route: route.fulfill(json={"languages": offered}))
    cell = embed("<single-cell languages='python sage'>a = 1</single-cell>")
    menu = cell.node.get_by_role("combobox")
    cell.field.focus()
    page.keyboard.press("End")
    page.keyboard.type("0")
    menu.select_option("sage")
    expect(note(cell)).to_contain_text("The language is Sage now.")
    page.reload()
    expect(cell.ready().node).to_have_attribute("language", "sage")
    assert cell.code == "a = 10"
    menu.select_option("python")
    menu.select_option("sage")
    cell.field.focus()
    page.keyboard.press("Control+z")
    expect(cell.node).to_have_attribute("language", "python")
    expect(menu).to_have_value("python")
    page.keyboard.press("Control+y")
    expect(cell.node).to_have_attribute("language", "sage")
    assert cell.code == "a = 10"


def test_files_stay_attached_until_they_are_removed(cell):
    attach(cell, ("data.txt", b"seven"))
    for _ in range(2):
        cell.run("print(open('data.txt').read())").shows("seven")
    expect(cell.node.locator(".uploads")).to_contain_text("data.txt")
    attach(cell, ("data.txt", b"eight"), ("other.txt", b""))
    cell.run("import os; print(open('data.txt').read(), sorted(os.listdir()))").shows("eight ['data.txt', 'other.txt']")
    for name in ("data.txt", "other.txt"):
        cell.node.get_by_role("button", name=f"Remove {name}").click()
    expect(cell.node.locator(".uploads")).to_be_hidden()
    cell.run("import os; print(os.listdir())").shows("[]")


def test_a_file_that_changes_on_the_disk_is_sent_as_it_was(cell, tmp_path):
    file = tmp_path / "data.txt"
    file.write_text("before")
    cell.node.locator("input[type=file]").set_input_files(file)
    expect(cell.node.locator(".uploads")).to_contain_text("data.txt")
    file.unlink()
    for _ in range(2):
        cell.run("print(open('data.txt').read())").shows("before")


def test_linked_cells_get_a_file_once_and_may_change_it(embed, page):
    first = embed("<single-cell linked id=a></single-cell><single-cell linked id=b></single-cell>")
    attach(first, ("data.txt", b"seven"))
    first.run("print(open('data.txt').read()); open('data.txt', 'w').write('changed')").shows("seven")
    first.run("print(open('data.txt').read())").shows("changed")
    Cell(page, "#b").run("print(open('data.txt').read())").shows("changed")


@pytest.fixture
def limits(server) -> dict[str, int]:
    return {name: int(one["value"]) for name, one in requests.get(f"{server.url}/limits").json()["limits"].items()}


@pytest.fixture
def asked(page) -> Iterator[list[str]]:
    """What was asked of the server with a body."""
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.url) if request.method == "POST" else None)
    return asked


def choose(cell: Cell, *sizes: tuple[str, int]) -> None:
    """Attach files of these sizes, as dropping them does."""
    cell.node.evaluate(
        """(cell, sizes) => {
          const dataTransfer = new DataTransfer();
          for (const [name, size] of sizes) dataTransfer.items.add(new File([new Uint8Array(size)], name));
          const inner = cell.shadowRoot.querySelector(".cell");
          inner.dispatchEvent(new DragEvent("drop", { dataTransfer, cancelable: true })) }""",
        [list(one) for one in sizes],
    )


def test_a_file_that_is_too_long_is_refused_at_once_with_its_name_and_the_limit(cell, limits, asked):
    most = min(limits["cell_file_bytes_max"], limits["request_bytes_max"] - 4096)
    choose(cell, ("small.txt", 1), ("fits.bin", most - 1), ("long.bin", most + 1))
    problem = cell.node.get_by_role("alert")
    expect(problem).to_have_text(re.compile(r"^long\.bin is larger than [\d.]+ [kM]B, the most for one file\.$"))
    assert float(re.search(r"[\d.]+ MB", problem.inner_text())[0][:-3]) * 1e6 <= most
    expect(cell.node.locator(".uploads li")).to_have_text(["small.txt", "fits.bin"])
    assert asked == []
    choose(cell, ("small.txt", 0))
    expect(problem).to_be_empty()


def test_files_are_refused_at_once_that_are_too_many_or_too_large_together(cell, limits, asked):
    most = limits["cell_files_max"]
    choose(cell, *((f"{number}.txt", 0) for number in range(most + 1)))
    expect(cell.node.get_by_role("alert")).to_have_text(f"{most}.txt: no more than {most} files can be attached.")
    expect(cell.node.locator(".uploads li")).to_have_count(most)
    cell.node.locator(".uploads button").first.click()
    expect(cell.node.get_by_role("alert")).to_be_empty()
    choose(cell, ("1.txt", limits["request_bytes_max"] // 2), ("2.txt", limits["request_bytes_max"] // 2))
    expect(cell.node.get_by_role("alert")).to_contain_text("With 2.txt the files would be larger than")
    assert asked == []


def test_a_name_that_cannot_be_shown_and_a_folder_are_refused_at_once(cell, tmp_path):
    choose(cell, ("a\u202eb.txt", 1), ("n" * 256, 1))
    problems = cell.node.get_by_role("alert").locator("p")
    expect(problems).to_have_count(2)
    expect(problems.first).to_contain_text("a file with such a name cannot be attached")
    expect(cell.node.locator(".uploads")).to_be_hidden()


SECOND = "<single-cell linked id=b>print(x + 1)</single-cell>"
LINKED = f"<single-cell linked id=a>x = 41</single-cell>{SECOND}"


def test_linked_cells_keep_their_session_over_a_reload(embed, page):
    setup = "<script type='text/x-python' data-setup>x = 0; print('set up')</script>"
    first = embed(f"<single-cell linked id=a>{setup}<pre>x += 41</pre></single-cell>{SECOND}")
    first.run()
    page.reload()
    first.ready()
    Cell(page, "#b").ready().run().shows("42")
    first.run("print(x)").shows("41")
    expect(page.get_by_text("The shared session had ended")).to_have_count(0)


def test_another_tab_is_told_that_its_kernel_is_a_new_one_before_a_name_is_missing(embed, page):
    embed(LINKED).run()
    Cell(page, "#b").run().shows("42")
    other = page.context.new_page()
    other.goto(page.url)
    second = Cell(other, "#b").ready().shows("42")
    second.run().shows("NameError")
    second.shows("The shared session had ended")
    said, missing = (second.output.inner_text().index(text) for text in ("had ended", "NameError"))
    assert said < missing
    Cell(other, "#a").run()
    second.run().shows("42")
    expect(second.output).not_to_contain_text("had ended")
    other.close()


def test_a_session_that_ended_before_a_reload_is_said_to_be_gone(embed, page, server):
    embed(LINKED).run()
    kept = page.evaluate("JSON.parse(Object.values(sessionStorage)[0]).id")
    requests.delete(f"{server.url}/sessions/{kept}").raise_for_status()
    page.reload()
    second = Cell(page, "#b").ready().run()
    second.shows("The shared session had ended").shows("NameError")
