"""Cells of textbooks, sent through the whole server, come to what the installed Sage says of them itself."""

from __future__ import annotations

import pytest

from tests.client import Outcome
from tests.sage.cells import CELLS, PICTURES, Cell

# Of 255: two drawings of one picture differ where a curve's points, which Sage shakes a little, fall elsewhere.
DIFFERENCE_MAX = 3.0
# Of 255: a picture without anything on it has none.
DEVIATION_MIN = 5.0


def shown(outcome: Outcome) -> dict[str, str]:
    """Return the types and data of the one value that a cell shows; nothing when it shows none."""
    assert (outcome.state, outcome.of_type("error")) == ("done", []), outcome.messages[-3:]
    bundles = [content["data"] for content in outcome.of_type("execute_result", "display_data")]
    assert len(bundles) <= 1, bundles
    return bundles[0] if bundles else {}


def formula(latex: str) -> str:
    """Return the formula without what says that it is one and how large, and without Sage's macro for bold."""
    latex = latex.strip().removeprefix("$").removesuffix("$").strip().removeprefix(r"\displaystyle").strip()
    return latex.removeprefix(r"\newcommand{\Bold}[1]{\mathbf{#1}}")


@pytest.mark.parametrize("cell", CELLS, ids=str)
def test_a_value_is_what_sage_says(cell: Cell, outcome_of, oracle):
    says = oracle.ask(cell.code)
    assert says["error"] is None
    outcome = outcome_of(cell.text)
    data = shown(outcome)
    assert (outcome.text(), data.get("text/plain")) == (says["printed"], says["plain"])
    if cell.typeset:
        assert formula(data["text/latex"]) == says["latex"]


@pytest.mark.parametrize("cell", PICTURES, ids=str)
def test_a_picture_is_the_one_that_sage_draws(cell: Cell, outcome_of, oracle):
    png = shown(outcome_of(cell.text))["image/png"]
    says = oracle.ask(cell.code, png)
    assert says["error"] is None
    assert says["other_deviation"] > DEVIATION_MIN
    for mine, theirs in zip(says["other_size"], says["size"], strict=True):
        assert abs(mine - theirs) <= 2
    if says["difference"] is not None:
        assert says["difference"] < DIFFERENCE_MAX
