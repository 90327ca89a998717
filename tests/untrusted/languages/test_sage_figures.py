"""Sage's graphics are sharp, have the colours of the page, and say what they show."""

from __future__ import annotations

import pytest

from tests.untrusted.kernel.child import LocalProcess
from tests.untrusted.kernel.test_figures import DARK_INK, look

pytestmark = pytest.mark.sage


@pytest.mark.parametrize(
    "code",
    [
        "plot(sin, (0, 6), axes_labels=['x', 'sin x'], title='A wave')",
        "graphics_array([plot(sin, (0, 6)), plot(cos, (0, 6))])",
        "import matplotlib.pyplot as plt\nplt.plot([1, 2]);",
    ],
)
def test_graphics_on_a_dark_page_have_no_paper_and_light_ink(child: LocalProcess, code: str) -> None:
    seen = look(child.run(code, scheme="dark"))
    assert seen["corner"][3] == 0 and seen["scheme"] == "dark" and DARK_INK in seen["colours"]
    assert abs(seen["size"][0] - 2 * seen["width"]) <= 1


def test_graphics_are_as_they_were_where_nobody_says_what_the_page_is(child: LocalProcess) -> None:
    seen = look(child.run("plot(sin, (0, 6), title='A wave')"))
    assert seen["corner"] == [255, 255, 255, 255] and seen["alt"].startswith("A wave")
    assert "scheme" not in seen and 550 < seen["width"] < 700


def test_the_vertices_names_stay_dark_on_their_light_ground(child: LocalProcess) -> None:
    seen = look(child.run("graphs.PetersenGraph().show()", scheme="dark"))
    assert (0, 0, 0) in seen["colours"] and DARK_INK in seen["colours"]


def test_graphics_without_paper_by_their_authors_wish_stay_as_they_are(child: LocalProcess) -> None:
    seen = look(child.run("plot(sin, (0, 6), transparent=True)", scheme="dark"))
    assert seen["corner"][3] == 0 and "scheme" not in seen and DARK_INK not in seen["colours"]


def test_a_picture_is_of_the_size_that_its_author_asked_for(child: LocalProcess) -> None:
    small, large = (look(child.run(f"plot(sin, (0, 6), dpi={dpi}, fig_tight=False)")) for dpi in (50, 100))
    assert large["width"] == 2 * small["width"]
    assert "width" not in look(child.run("plot(sin, (0, 6), figsize=[40, 20])"))
