"""A reader does an exercise: blanks, verdicts, hints, the solution, attempts, and the progress of the page."""

from __future__ import annotations

import csv
import io
import json
from pathlib import Path
from urllib.parse import quote

import pytest
from playwright.sync_api import Page

from tests.browser.cell import Cell
from tests.browser.sight import expect
from tests.browser.test_accessibility import violations
from tests.client import Client

CHECK = 'test("double(2)", 4)\ntest("double(\'ab\')", "abab", message="Texts can be doubled, too.")\n'
CHECK += 'test("double(-3)", -6, shown=False)\n'
RIGHT, WRONG = "def double(x):\n    return x + x", "def double(x):\n    return x ** 2"
HINTS = "<p data-hint>First <b>hint</b></p><p data-hint>Second hint</p>"
SOLUTION = f"<template data-solution><pre>{RIGHT}</pre></template>"


@pytest.fixture
def check(server) -> str:
    """The id of a published check."""
    return Client(server.url).publish(CHECK)


class Exercise:
    """What an exercise has beside its cell."""

    def __init__(self, cell: Cell) -> None:
        self.cell = cell
        self.button = cell.node.locator(".check")
        self.verdict = cell.node.locator(".verdict")
        self.hints = cell.node.locator(".help[part=hint]")
        self.solution = cell.node.locator(".help[part=solution]")

    def says(self, word: str) -> None:
        """Press Check and wait for the verdict."""
        self.button.click()
        expect(self.verdict).to_contain_text(word)
        expect(self.button).to_have_attribute("aria-disabled", "false")


@pytest.fixture
def exercise(embed, check) -> Exercise:
    """An exercise in an author's page."""
    cell = embed(
        f'<single-cell id="double" label="Doubling"><pre>{WRONG}</pre><script data-check="{check}"></script>'
        f"{HINTS}{SOLUTION}</single-cell><single-cell-progress></single-cell-progress>"
    )
    found = Exercise(cell)
    expect(found.button).to_be_visible()
    return found


def told(page: Page) -> list[dict]:
    """Return what the events `verdict` of the page's cells have told since ``listen``."""
    return page.evaluate("window.verdicts")


def listen(page: Page) -> None:
    """Have the page write down its events `verdict`."""
    page.evaluate(
        "window.verdicts = []; document.querySelectorAll('single-cell').forEach((cell) =>"
        " cell.addEventListener('verdict', (event) => window.verdicts.push(event.detail)))"
    )


def test_a_wrong_answer_is_told_what_is_wrong_and_a_right_one_that_it_is(page, exercise, check) -> None:
    listen(page)
    exercise.says("Not right yet")
    tests = exercise.verdict.locator(".tests li")
    expect(tests).to_have_count(3)
    expect(tests.nth(0)).to_contain_text("✓")
    expect(tests.nth(1)).to_contain_text("✗")
    expect(tests.nth(1)).to_contain_text("expected 'abab'")
    expect(tests.nth(1)).to_contain_text("Texts can be doubled, too.")
    expect(tests.nth(2)).to_contain_text("A hidden test")
    expect(exercise.verdict).to_contain_text("1 of 3 points")
    exercise.cell.write(RIGHT)
    exercise.says("Correct")
    expect(exercise.verdict).to_contain_text("3 of 3 points")
    wrong, right = told(page)
    assert (wrong["correct"], wrong["type"], wrong["attempt"], wrong["check"]) == (False, "warning", 1, check)
    assert (right["correct"], right["points"], right["points_max"], right["attempt"]) == (True, 3, 3, 2)
    assert "test(" not in page.content() and page.watch.errors == []


def test_the_page_and_its_traffic_never_hold_the_check(server, embed, page) -> None:
    secret = "expected-in-secret-77"
    check = Client(server.url).publish(f'assert answer("x") == "{secret}"')
    bodies: list[str] = []
    page.on("response", lambda response: bodies.append(response.text() if "static" not in response.url else ""))
    cell = embed(f'<single-cell data-check="{check}"><pre>x = "something"</pre></single-cell>')
    Exercise(cell).says("Not right yet")
    assert len(bodies) > 3 and not any(secret in body for body in bodies)
    assert secret not in page.content()


def test_an_answer_that_raises_is_not_right_and_says_why(page, exercise) -> None:
    exercise.cell.write("1/0")
    exercise.says("ZeroDivisionError: division by zero")
    expect(exercise.verdict).to_have_class("verdict bad")
    assert exercise.cell.node.evaluate("cell => cell.progress.attempts") == 0


def test_a_verdict_that_the_answer_prints_is_no_verdict(page, exercise) -> None:
    forged = {"correct": True, "message": "", "type": "success", "points": 3, "points_max": 3, "tests": []}
    bundle = {"application/vnd.single-cell.check+json": forged, "text/plain": "x"}
    exercise.cell.write(f"display({bundle!r}, raw=True)")
    exercise.says("Not right yet")
    assert exercise.cell.node.evaluate("cell => cell.progress.correct") is False


def test_blanks_have_to_be_filled_before_the_cell_runs(embed, check) -> None:
    code = "def double(x):\n    return ______ + ______"
    cell = embed(f'<single-cell data-check="{check}"><pre>{code}</pre></single-cell>')
    exercise = Exercise(cell)
    for button in (cell.button, exercise.button):
        button.click()
        expect(exercise.verdict).to_contain_text("left blank")
        expect(exercise.verdict).to_contain_text("2")
        expect(cell.node).to_have_attribute("state", "idle")
    cell.button.click()
    expect(cell.field).to_be_focused()
    assert cell.field.evaluate("field => field.value.slice(field.selectionStart, field.selectionEnd)") == "______"
    cell.page.keyboard.type("x")
    cell.write(cell.code.replace("______", "x"))
    exercise.says("Correct")


def test_hints_open_one_after_another_and_then_the_solution(page, exercise) -> None:
    first, second = exercise.hints.nth(0), exercise.hints.nth(1)
    expect(first).to_contain_text("Hint 1 of 2")
    expect(second).to_be_hidden()
    first.locator("summary").press("Enter")
    expect(page.locator("[data-hint] b")).to_be_visible()
    expect(second).to_be_visible()
    expect(exercise.solution).to_be_hidden()
    second.locator("summary").click()
    expect(exercise.solution).to_be_hidden()  # nothing has been tried
    exercise.says("Not right yet")
    exercise.solution.locator("summary").click()
    exercise.solution.locator("button").click()
    assert exercise.cell.code == RIGHT
    exercise.says("Correct")
    record = exercise.cell.node.evaluate("cell => cell.progress")
    assert (record["hints"], record["solution"], record["attempts"], record["correct"]) == (2, True, 2, True)


def test_after_the_last_attempt_there_is_no_check_but_the_solution(embed, check) -> None:
    cell = embed(f'<single-cell attempts="2" data-check="{check}"><pre>{WRONG}</pre>{SOLUTION}</single-cell>')
    exercise = Exercise(cell)
    exercise.says("Attempts left: 1")
    expect(exercise.solution).to_be_hidden()
    exercise.button.click()
    expect(exercise.verdict).to_contain_text("No attempts are left.")
    expect(exercise.button).to_have_attribute("aria-disabled", "true")
    expect(exercise.solution).to_be_visible()
    exercise.button.click(force=True)
    assert cell.node.evaluate("cell => cell.check()") is None
    cell.run("print('still runs')").shows("still runs")


def test_progress_stays_over_a_reload_and_is_saved_as_csv_and_json(page, exercise) -> None:
    exercise.cell.write(RIGHT)
    exercise.says("Correct")
    page.reload()
    exercise.cell.ready()
    expect(exercise.verdict).to_contain_text("Correct")
    progress = page.locator("single-cell-progress")
    expect(progress.locator("p")).to_contain_text("Solved: 1 of 1")
    with page.expect_download() as saved:
        progress.locator("button").nth(0).click()
    (row,) = csv.DictReader(io.StringIO(saved.value.path().read_text()))
    assert (row["exercise"], row["attempts"], row["correct"], row["points"]) == ("Doubling", "1", "true", "3")
    with page.expect_download() as saved:
        progress.locator("button").nth(1).click()
    assert json.loads(saved.value.path().read_text())[0]["points_max"] == 3
    exercise.cell.node.evaluate("cell => cell.reset()")
    expect(exercise.verdict).to_be_empty()
    assert exercise.cell.node.evaluate("cell => cell.progress.correct") is True


def test_a_check_that_was_left_in_the_page_is_told_to_its_author(embed) -> None:
    exercise = Exercise(embed('<single-cell><pre>1</pre><script data-check>test("x", 1)</script></single-cell>'))
    expect(exercise.verdict).to_contain_text("author has to publish it")
    expect(exercise.button).to_have_count(0)


def test_a_check_that_is_gone_is_told_and_costs_no_attempt(server, embed, check) -> None:
    other = Client(server.url).publish("assert True  # to be deleted")
    exercise = Exercise(embed(f'<single-cell data-check="{other}" attempts="1"><pre>1</pre></single-cell>'))
    Client(server.url).http.delete(f"{server.url}/checks/{other}", timeout=60)
    exercise.says("There is no check with this id")
    assert exercise.cell.node.evaluate("cell => cell.progress.attempts") == 0


def test_a_run_that_is_stopped_costs_no_attempt(exercise) -> None:
    exercise.cell.write("import time; time.sleep(1000)")
    exercise.button.click()
    expect(exercise.cell.node).to_have_attribute("state", "running")
    exercise.cell.button.click()
    exercise.cell.ends()
    expect(exercise.verdict).to_be_empty()
    assert exercise.cell.node.evaluate("cell => cell.progress.attempts") == 0


def test_an_answer_whose_session_had_to_make_room_is_run_again(page, exercise) -> None:
    page.clock.install()
    gone = {"type": "about:blank", "title": "Gone", "status": 410, "detail": "The session has ended."}
    refused: list[str] = []

    def refuse_once(route) -> None:
        refused.append(route.request.url)
        route.fulfill(status=410, content_type="application/problem+json", body=json.dumps(gone),
                      headers={"Access-Control-Allow-Origin": "*"})  # fmt: skip

    page.route("**/verdict", refuse_once, times=1)
    exercise.cell.write(RIGHT)
    exercise.button.click()
    expect(exercise.cell.node).to_have_attribute("state", "done")
    page.clock.run_for(10_000)
    expect(exercise.verdict).to_contain_text("Correct")
    assert len(refused) == 1 and exercise.cell.node.evaluate("cell => cell.progress.attempts") == 1


def test_while_the_cell_runs_check_waits(exercise) -> None:
    exercise.cell.start("input()")
    expect(exercise.button).to_have_attribute("aria-disabled", "true")
    exercise.cell.button.click()
    expect(exercise.button).to_have_attribute("aria-disabled", "false")


def test_setup_and_linked_cells_are_there_when_the_check_asks(server, embed) -> None:
    check = Client(server.url).publish('test("total", 6)')
    cell = embed(
        f'<single-cell linked><pre>more = 1</pre></single-cell><single-cell id="sum" linked data-check="{check}">'
        "<pre data-setup>numbers = [2, 3]</pre><pre>total = sum(numbers) + more</pre></single-cell>"
    )
    cell.run()
    Exercise(Cell(cell.page, "#sum")).says("Correct")
    cell.run("print(total)").shows("6")  # the shared kernel lives on


def test_a_cell_that_is_no_exercise_loads_nothing_of_it(embed, page) -> None:
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.url))
    embed("<single-cell><pre>x_____ = 1</pre></single-cell>").run()
    assert not any("/exercise-" in url for url in asked)


@pytest.mark.parametrize("language", ["ar", "de", "fr"])
def test_an_exercise_speaks_the_language_of_the_page(embed, check, language) -> None:
    words = {"ar": "صحيح", "de": "Richtig", "fr": "Correct"}
    cell = embed(f'<single-cell data-check="{check}"><pre>{RIGHT}</pre></single-cell>', lang=language)
    Exercise(cell).says(words[language])


def test_a_check_that_a_page_asks_for_while_the_language_is_loaded_takes_place(embed, page, check) -> None:
    def check_first(route) -> None:
        page.evaluate("() => void document.querySelector('single-cell').check()")
        route.continue_()

    page.route("**/texts-*", check_first)
    cell = embed(f'<single-cell data-check="{check}"><pre>{RIGHT}</pre></single-cell>', lang="de")
    expect(Exercise(cell).verdict).to_contain_text("Richtig")


def test_axe_finds_nothing_in_an_exercise(page, embed, check, packages: Path) -> None:
    page.emulate_media(color_scheme="light", reduced_motion="reduce")
    dark = "<style>@media (prefers-color-scheme: dark) { body { background: #12151a; color: #e3e7ee } }</style>"
    cell = embed(
        f'<main><h1>x</h1><single-cell data-check="{check}"><pre>{WRONG}</pre>{HINTS}{SOLUTION}</single-cell>'
        "<single-cell-progress></single-cell-progress></main>", head=dark,
    )  # fmt: skip
    exercise = Exercise(cell)

    def look() -> None:
        for scheme, name in (("dark", "cell dark"), ("light", "cell")):
            page.emulate_media(color_scheme=scheme)
            expect(cell.node.locator(".cell")).to_have_class(name)
            assert violations(page, packages) == [], scheme

    exercise.says("Not right yet")
    for node in (exercise.hints.nth(0), exercise.hints.nth(1), exercise.solution):
        node.locator("summary").click()
    look()
    cell.write(RIGHT)
    exercise.says("Correct")
    look()


def test_texts_of_exercises_are_whole_in_each_language() -> None:
    folder = Path(__file__).parents[2] / "frontend/src/exercise/texts"
    keys = {file.name: [line.split(":")[0].strip() for line in file.read_text().splitlines()[1:-1]]
            for file in sorted(folder.glob("*.js"))}  # fmt: skip
    assert len(keys) >= 4 and all(found == keys["en.js"] for found in keys.values())


def test_an_exercise_in_a_frame_is_judged_there(server, page, check) -> None:
    query = f"code={quote(WRONG)}&data-check={check}&attempts=2"
    page.goto(f"{server.url}/cell?{query}")
    Exercise(Cell(page).ready()).says("Attempts left: 1")
