"""Interacts of courses show, wherever their controls are moved to, what their functions show for those values."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from tests.client import Outcome
from tests.sage.controls import Controls, shown
from tests.sage.interacts import INTERACTS, Interact, Move

MARK = "=== what the function shows by itself\n"
# Shows what a call returns, as an interact does; else Sage draws each plot at other points.
SHOW = "from ipywidgets import IntSlider\nplot.options['randomize'] = False\n"
SHOW += "def call(said):\n    if said is not None:\n        display(said)"


@pytest.fixture(scope="module")
def controls(client) -> Iterator[Controls]:
    """A session for all of them."""
    controls = Controls(client)
    controls.run(SHOW)
    yield controls
    client.end_session(controls.session)


def parts(outcome: Outcome) -> list[list[Any]]:
    """Return what an outcome shows, taken apart at the marks."""
    found: list[list[Any]] = [[]]
    for one in shown(outcome.messages):
        for at, text in enumerate(one.split(MARK) if isinstance(one, str) else [one]):
            found += [[]] if at else []
            found[-1] += [text] if text else []
    return found


def make(controls: Controls, move: Move) -> list[dict]:
    """Make a move; return the messages that it brings about."""
    if isinstance(move, str):
        return controls.press(controls.labelled(move))
    model = controls.labelled(move[0]) if len(move) == 2 else controls.beside(move[0])[move[1]]
    return controls.move(model, **move[-1])


@pytest.mark.parametrize("interact", INTERACTS, ids=str)
def test_an_interact_shows_what_its_function_shows_for_those_values(controls, interact: Interact):
    calls = "".join(f"print({MARK!r}, end='')\ncall({call})\n" for call in (interact.first, interact.then))
    outcome = controls.run(f"{interact.code}\n{calls}")
    assert outcome.of_type("error") == []
    begins, first, then = parts(outcome)
    assert begins == first != then
    moved = [make(controls, move) for move in interact.moves]
    assert shown(moved[-1]) == then
