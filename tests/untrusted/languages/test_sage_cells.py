"""What a cell of Sage says: preparser, formulas, pictures, scenes, other systems, errors, completion."""

from __future__ import annotations

import base64
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.untrusted.kernel.child import LocalProcess, Zygote

pytestmark = pytest.mark.sage

VALUES = {
    "2^10": "1024",
    "1/3 + 1/6": "1/2",
    "0.1r + 0.2r": "0.30000000000000004",
    "R.<x> = QQ[]; factor(x^4 - 1)": "(x - 1) * (x + 1) * (x^2 + 1)",
    "f(x) = x^2; f(3), diff(f, x)": "(9, x |--> 2*x)",
    "[1..4], 12.factor()": "([1, 2, 3, 4], 2^2 * 3)",
    "factor(2^101-1)": "7432339208719 * 341117531003194129",
    "integrate(x^2*sin(x), x)": "-(x^2 - 2)*cos(x) + 2*x*sin(x)",
    "EllipticCurve([0,1]).rank()": "0",
    "α = 2^3; α": "8",
    "sage: a = 2^3\n....: a": "8",
    "gap('Size(SymmetricGroup(5))'), maxima('diff(x^3, x)'), singular('2^10'), gp('2^10')": (
        "(120, 3*x^2, 1024, 1024)"
    ),
    "open('a.txt', 'w').write('1'); save(2^10, 'b'); load('b.sobj')": "1024",
}
CELLS = {
    "%%gap\nSize(SymmetricGroup(5));": "120",
    "%%gp\nfactor(12)": "[2 2]\n\n[3 1]",
    "%%maxima\nintegrate(x, x);": "x^2/2",
    "%%singular\nring r = 0,(x,y),dp; ideal i = x2-y,xy; std(i);": "_[1]=y2\n_[2]=xy\n_[3]=x2-y",
}
LATEX = {
    "show(sqrt(x)/2)": r"$\displaystyle \frac{1}{2} \, \sqrt{x}$",
    "pretty_print(x^2)": r"$\displaystyle x^{2}$",
    "view(x^2)": r"$\displaystyle x^{2}$",
    "%display latex\nx^2": r"$\displaystyle x^{2}$",
}
# Where the error points: the line, and what stands at the column.
WRONG = {
    "y = 2^3 +": (1, ""),
    "x = 2^10; 3 4^2": (1, "4^2"),
    "a = 1\nb = 2^2 — 1": (2, "— 1"),
    "R.<t> = QQ{]": (1, "]"),
    "a = 1\nb = (2 + 3": (2, "(2 + 3"),
    "\n\ns = 'abc": (3, "'abc"),
    "y = [1, 2)": (1, ")"),
    "def f(x):\n\tif x:\n        return 2^3": (3, "return 2^3"),
}


def shown(child: LocalProcess, code: str) -> dict[str, Any]:
    """Run the code and return the data of its only output."""
    ran = child.run(code)
    (content,) = ran.all("execute_result") + ran.all("display_data")
    return content["data"]


@pytest.mark.parametrize(("code", "value"), VALUES.items())
def test_a_value_is_exact(child: LocalProcess, code: str, value: str) -> None:
    assert shown(child, code)["text/plain"] == value


@pytest.mark.parametrize(("code", "text"), CELLS.items())
def test_a_cell_may_be_one_of_another_system(child: LocalProcess, code: str, text: str) -> None:
    assert child.run(code).text().strip() == text


@pytest.mark.parametrize(("code", "formula"), LATEX.items())
def test_a_formula_comes_as_latex_beside_plain_text(child: LocalProcess, code: str, formula: str) -> None:
    data = shown(child, code)
    assert data["text/latex"] == formula
    assert set(data) == {"text/latex", "text/plain"}


@pytest.mark.parametrize(
    ("code", "kind", "beginning"),
    [
        ("plot(sin, (0, 6))", "image/png", b"\x89PNG"),
        ("graphs.PetersenGraph().show()", "image/png", b"\x89PNG"),
        ("animate([plot(x + k, (x, 0, 1), figsize=1) for k in range(2)])", "image/gif", b"GIF89a"),
    ],
)
def test_a_picture_is_shown(child: LocalProcess, code: str, kind: str, beginning: bytes) -> None:
    assert base64.b64decode(shown(child, code)[kind]).startswith(beginning)


def test_a_plot_is_svg_when_asked_for(child: LocalProcess) -> None:
    assert "<svg" in shown(child, "%display graphics vector\nplot(x^2, (x, 0, 1))")["image/svg+xml"]


@pytest.mark.parametrize("code", ["sphere()", "sphere().show(online=True)", "plot3d(x*y, (x,0,1), (y,0,1)).show()"])
def test_a_scene_is_a_page_that_asks_nobody_outside(child: LocalProcess, code: str) -> None:
    page = shown(child, f"y = var('y')\n{code}")["text/html"]
    assert page.startswith("<!DOCTYPE html>")
    assert '<script src="three-sage-130.min.js"></script>' in page
    assert page.count("<script src=") == 1 and "https://cdn" not in page


def test_a_table_is_html_and_matrices_are_text(child: LocalProcess) -> None:
    assert "<table" in shown(child, "table([[1, 2], [3, 4]])")["text/html"]
    assert shown(child, "matrix([[1, 2], [3, 4]])")["text/plain"] == "[1 2]\n[3 4]"


def test_an_interact_runs_once_at_its_defaults(child: LocalProcess) -> None:
    code = (
        "@interact\ndef waves(n=(1, 10), c=['a', 'b'], s=slider(0, 5, 1, default=3), t=checkbox(False), q=('Q', 7)):\n"
        "    print([n, c, s, t, q])"
    )
    assert child.run(code).text() == "[1.0, 'a', 3, False, 7]\n"


@pytest.mark.parametrize(("code", "place"), WRONG.items())
def test_an_error_points_at_what_the_student_wrote(child: LocalProcess, code: str, place: tuple[int, str]) -> None:
    ran = child.run(code)
    line, rest = place
    lines = ran.error.splitlines()
    (at,) = (number for number, text in enumerate(lines) if text.strip() == "^")
    assert f"line {line}" in lines[0]
    assert lines[at - 1].strip() == code.splitlines()[line - 1].strip()
    assert lines[at - 1][lines[at].index("^") :] == rest


def test_a_traceback_shows_the_lines_as_they_were_written(child: LocalProcess) -> None:
    ran = child.run("\ndef g(n):\n    return 2^3/(n-2)\ng(2)")
    assert "----> 4 g(2)" in ran.error
    assert "----> 3     return 2^3/(n-2)" in ran.error
    assert "Integer(" not in ran.error
    assert ran.reply["ename"] == "ZeroDivisionError"


def test_an_unknown_magic_is_named(child: LocalProcess) -> None:
    assert "%nosuch" in child.run("%nosuch 1").text("stderr")


def test_help_completion_input_and_a_reset_work(child: LocalProcess) -> None:
    assert (
        "determinant"
        in child.run("R.<t> = QQ[]\nm = matrix([[1]])\nm.determinant?").reply["payload"][0]["data"]["text/plain"]
    )
    assert ".factor" in child.call("complete", "S.<u> = QQ[]\nt.fact", 19)["matches"]
    assert child.run("2^int(input())", answers=("5",)).only("execute_result")["data"]["text/plain"] == "32"
    assert child.run("%reset -f\n2^factorial(3)").only("execute_result")["data"]["text/plain"] == "64"


def test_random_numbers_differ_between_sessions(zygote: Zygote) -> None:
    code = (
        "print([randint(1, 10^9), ZZ.random_element(10^9), pari('random(10^9)'), libgap.eval('Random(1, 10^9)'),\n"
        " gp('random(10^9)'), singular.eval('random(1, 10000000)'), GF(10^9 + 7).random_element(),\n"
        " gap('Random(1, 10^9)')])"
    )
    drawn = []
    for _ in range(2):
        session = LocalProcess(zygote)
        drawn.append(session.run(code).text().strip("[]\n").split(", "))
        session.end()
    first, second = drawn
    assert len(first) == len(second) == 8
    assert not [a for a, b in zip(first, second, strict=True) if a == b]


def test_the_zygote_has_one_thread(zygote: Zygote) -> None:
    assert zygote.tasks == 1


def test_the_description_is_read_without_sage() -> None:
    root = Path(__file__).resolve().parents[3]
    code = "import sys, untrusted.languages.sage; print([m for m in ('sage', 'IPython', 'numpy') if m in sys.modules])"
    said = subprocess.check_output([sys.executable, "-c", code], cwd=root, env=os.environ, text=True)
    assert said == "[]\n"
