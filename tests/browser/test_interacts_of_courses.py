"""Interacts of courses, moved by hands and keys, show what their functions show for those values."""

from __future__ import annotations

import re
from typing import Any

import pytest
from playwright.sync_api import Locator

from harness.processes import wait_for
from tests.browser.cell import Cell
from tests.browser.sage_hand import move
from tests.sage.interacts import INTERACTS, Interact

pytestmark = pytest.mark.sage

SIGHT_S = 30.0
MARK = "=== moved"
# Shows what a call returns, as an interact does; else Sage draws each plot at other points.
SHOW = "from ipywidgets import IntSlider\n"
SHOW += "plot.options['randomize'] = False\ndef call(said):\n    if said is not None:\n        display(said)"
# What a reader sees: the text, and of each picture how grey it is, on white paper, in parts.
LOOK = """async node => ({
  text: node.innerText.replace(/\\s+/g, " ").trim(),
  pictures: await Promise.all([...node.querySelectorAll("img")].map(async (picture) => {
    await picture.decode();
    const canvas = Object.assign(document.createElement("canvas"), { width: 24, height: 24 });
    const context = canvas.getContext("2d");
    context.fillStyle = "#fff";
    context.fillRect(0, 0, 24, 24);
    context.drawImage(picture, 0, 0, 24, 24);
    return [...context.getImageData(0, 0, 24, 24).data].filter((_, at) => at % 4 < 3);
  })),
})"""
ALIKE_MAX = 2.0  # mean difference, of 255


def comes_to(node: Locator, text: str, pictures: list[list[int]]) -> None:
    """Wait until a reader sees this."""
    try:
        wait_for(lambda: is_alike(looks(node), text, pictures), SIGHT_S)
    except AssertionError:
        assert looks(node) == {"text": text, "pictures": pictures}
        raise


def looks(node: Locator) -> dict[str, Any]:
    """Return what a reader sees; a page's sums of steps differ from Python's in the last digit."""
    seen: dict[str, Any] = node.evaluate(LOOK)
    text = re.sub(r"\d+\.\d+", lambda number: f"{float(number.group()):.10g}", seen["text"])
    return {**seen, "text": text}


def is_alike(seen: dict[str, Any], text: str, pictures: list[list[int]]) -> bool:
    if seen["text"] != text or len(seen["pictures"]) != len(pictures):
        return False
    pairs = zip(seen["pictures"], pictures, strict=True)
    return all(sum(abs(a - b) for a, b in zip(*pair, strict=True)) < ALIKE_MAX * len(pair[0]) for pair in pairs)


@pytest.fixture(scope="module")
def cells(browser, server):
    """Two cells of one session: one for interacts, one for their functions called."""
    context = browser.new_context(locale="en-GB", color_scheme="light")
    page = context.new_page()
    page.goto(f"{server.url}/embed")
    page.evaluate("""() => {
      const cell = (id) => Object.assign(document.createElement("single-cell"), { id });
      document.body.replaceChildren(...["interact", "call"].map(cell));
      for (const one of document.querySelectorAll("single-cell")) {
        one.setAttribute("language", "sage");
        one.setAttribute("link-key", "one");
      }
    }""")
    both = Cell(page, "#interact").ready(), Cell(page, "#call").ready()
    both[1].run(SHOW)
    yield both
    context.close()


@pytest.mark.parametrize("interact", INTERACTS, ids=str)
def test_an_interact_shows_what_its_function_shows_for_those_values(cells, interact: Interact):
    moved, called = cells
    moved.run(interact.code)
    called.run(f"call({interact.first})\nprint({MARK!r})\ncall({interact.then})")
    expected = looks(called.draws().output)
    texts, pictures = [part.strip() for part in expected["text"].split(MARK)], expected["pictures"]
    halves = pictures[: len(pictures) // 2], pictures[len(pictures) // 2 :]
    area = moved.output.locator(".area").last
    comes_to(area, texts[0], halves[0])
    for one in interact.moves:
        move(moved.drawn, *([one] if isinstance(one, str) else one))
    comes_to(area, texts[1], halves[1])
    assert texts[0] != texts[1] or halves[0] != halves[1]
