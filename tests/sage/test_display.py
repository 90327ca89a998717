"""Sage shows formulas, tables, pictures, animations, scenes in three dimensions and interacts."""

from __future__ import annotations

import base64
import re

import pytest

from tests.client import Outcome
from tests.sage.test_cells import formula

# Names of XML's own: nobody fetches them.
NAMES_ONLY = ("http://www.w3.org/", "https://www.w3.org/")
ADDRESS = re.compile(r"(?:src|href)\s*=\s*[\"']?\s*(?:https?:)?//[^\"'\s>]+|import\s[^;]*?[\"'](?:https?:)?//[^\"']+")


def bundles(outcome: Outcome) -> list[dict]:
    """Return everything that a cell showed."""
    assert (outcome.state, outcome.of_type("error")) == ("done", []), outcome.messages[-3:]
    return [content["data"] for content in outcome.of_type("execute_result", "display_data")]


@pytest.mark.parametrize(
    ("code", "latex"),
    [
        ("show(x^2 / 2)", r"\frac{1}{2} \, x^{2}"),
        ("pretty_print(sqrt(2))", r"\sqrt{2}"),
        ("view(x^3 - 1)", "x^{3} - 1"),
        ("%display latex\n1/2", r"\frac{1}{2}"),
        ("show(matrix(1, 2, [1, 2]))", "\\left(\\begin{array}{rr}\n1 & 2\n\\end{array}\\right)"),
    ],
)
def test_a_formula_is_shown_as_latex(client, code, latex):
    (data,) = bundles(client.run(code))
    assert formula(data["text/latex"]) == latex


def test_latex_of_a_value_is_its_text(client):
    assert client.run("latex(x^2 / 2)").result == r"\frac{1}{2} \, x^{2}"


def test_the_way_of_display_stays_with_its_session(client):
    session = client.run("%display latex", keep=True).description["session"]
    (data,) = bundles(client.run("1/3", session=session))
    assert formula(data["text/latex"]) == r"\frac{1}{3}"


def test_what_is_said_of_a_name_comes_as_a_page(client):
    (reply,) = client.run("euler_phi?").of_type("execute_reply")
    (payload,) = reply["payload"]
    assert payload["source"] == "page" and set(payload["data"]) == {"text/plain"}
    assert "Euler" in payload["data"]["text/plain"]


def test_show_of_several_things_shows_all_of_them(client):
    outcome = client.run("show('the value is', x^2)")
    assert "the value is" in str(bundles(outcome)) and "x^{2}" in str(bundles(outcome))


def test_a_table_is_html(client):
    (data,) = bundles(client.run("table([['n', 'n^2'], [2, 4]], header_row=True)"))
    assert re.search(r"<th.*n.*<td.*4", data["text/html"], re.DOTALL)
    assert "2" in data["text/plain"]


@pytest.mark.parametrize("code", ["graphs.PetersenGraph().show()", "graphs.CycleGraph(4)", "show(graphs.PathGraph(3))"])
def test_a_graph_is_drawn(client, code):
    assert any(base64.b64decode(data.get("image/png", "")).startswith(b"\x89PNG") for data in bundles(client.run(code)))


@pytest.mark.parametrize("code", ["plot(x^2, (x, 0, 1)).show()", "show(plot(x^2, (x, 0, 1)))", "p = plot(x, 0, 1)\np"])
def test_a_plot_is_one_png_however_it_is_shown(client, code):
    (data,) = bundles(client.run(code))
    assert base64.b64decode(data["image/png"]).startswith(b"\x89PNG")


def test_a_plot_that_is_not_shown_is_not_drawn(client):
    assert bundles(client.run("p = plot(sin, (0, 1))\nNone")) == []


def test_an_animation_is_a_moving_picture(client):
    shown = bundles(client.run("animate([plot(sin(x + k), (x, 0, 6), figsize=2) for k in [0, 1]])"))
    images = [base64.b64decode(data["image/gif"]) for data in shown if "image/gif" in data]
    (image,) = images
    assert image.startswith(b"GIF89a") and image.count(b"\x21\xf9\x04") == 2


@pytest.mark.parametrize(
    "code",
    [
        "sphere()",
        "var('x y')\nplot3d(sin(x*y), (x, -2, 2), (y, -2, 2))",
        "u = var('u')\nparametric_plot3d((cos(u), sin(u), u/4), (u, 0, 9)).show()",
        "icosahedron(color='gold') + text3d('top', (0, 0, 2))",
    ],
    ids=["a sphere", "a surface", "a curve that is shown", "a sum with a text"],
)
def test_a_scene_in_three_dimensions_names_no_address_outside(client, code):
    (data,) = bundles(client.run(code))
    page = data["text/html"]
    assert "three" in page.lower() and len(page) > 2000
    for address in ADDRESS.findall(page):
        assert any(name in address for name in NAMES_ONLY), address
    assert not re.search(r"jsdelivr|unpkg|cdnjs|rawgit|googleapis", page)


def test_an_interact_runs_once_with_its_defaults_and_shows_its_controls(client):
    outcome = client.run("@interact\ndef f(n=(2..10), m=slider(0, 9, 1, default=3)):\n    print('sum', n^2 + m)\n")
    assert outcome.of_type("error") == []
    assert outcome.text().splitlines().count("sum 7") == 1
    assert "application/vnd.jupyter.widget-view+json" in str(outcome.of_type("display_data"))


def test_what_follows_an_interact_runs(client):
    outcome = client.run("@interact\ndef f(a=1/2, draw=True, kind=['sin', 'cos']):\n    print(a^2, draw, kind)\n2^10")
    assert "1/4 True sin" in outcome.text() and outcome.result == "1024"


def test_a_saved_plot_is_a_file_to_download(client):
    outcome = client.run("plot(sin, (0, 6)).save('wave.svg')\nsave(matrix(2, [1, 2, 3, 4]), 'm')")
    files = {file["name"]: file for file in outcome.files}
    assert set(files) == {"wave.svg", "m.sobj"}
    assert b"<svg" in client.fetch(files["wave.svg"]).content
