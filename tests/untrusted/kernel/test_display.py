"""Rich output: bundles, figures, displays that change."""

from __future__ import annotations

import base64
import json

import pytest

from tests.untrusted.kernel.child import LocalProcess


def test_an_expressions_value_is_the_result(child: LocalProcess) -> None:
    ran = child.run("40 + 2")
    assert ran.only("execute_result") == {"execution_count": 1, "data": {"text/plain": "42"}, "metadata": {}}
    assert child.run("_1 + _ + Out[1]").only("execute_result")["data"]["text/plain"] == "126"


def test_a_semicolon_and_none_have_no_result(child: LocalProcess) -> None:
    assert child.run("1;").types == child.run("None").types == []


def test_text_before_and_after_a_display_keeps_its_place(child: LocalProcess) -> None:
    assert child.run("print(1); display(2); print(3)\n4").types == [
        "stream",
        "display_data",
        "stream",
        "execute_result",
    ]


def test_a_display_can_be_updated(child: LocalProcess) -> None:
    ran = child.run("h = display('a', display_id='x')\nh.update('b')")
    assert ran.types == ["display_data", "update_display_data"]
    assert ran.only("display_data")["transient"] == ran.only("update_display_data")["transient"] == {"display_id": "x"}
    assert child.run("h.update('c')").only("update_display_data")["data"] == {"text/plain": "'c'"}


@pytest.mark.parametrize("wait", [True, False])
def test_output_can_be_cleared(child: LocalProcess, wait: bool) -> None:
    ran = child.run(f"from IPython.display import clear_output\nprint(1)\nclear_output(wait={wait})\nprint(2)")
    assert ran.types == ["stream", "clear_output", "stream"]
    assert ran.only("clear_output") == {"wait": wait}


@pytest.mark.parametrize(
    ("expression", "mime"),
    [
        ("HTML('<b>x</b>')", "text/html"),
        ("Latex('$x$')", "text/latex"),
        ("Math('x')", "text/latex"),
        ("Markdown('*x*')", "text/markdown"),
        ("SVG('<svg xmlns=\"http://www.w3.org/2000/svg\"/>')", "image/svg+xml"),
        ("Javascript('1')", "application/javascript"),
        ("JSON({'a': [1]})", "application/json"),
        ("Image(b'\\x89PNG\\r\\n\\x1a\\n' + b'0' * 40, format='png')", "image/png"),
        ("IFrame('https://example.org', 1, 1)", "text/html"),
        ("Audio([0.0, 1.0], rate=8000)", "text/html"),
        ("ProgressBar(3)", "text/html"),
    ],
)
def test_ipythons_displays_have_their_type(child: LocalProcess, expression: str, mime: str) -> None:
    ran = child.run(f"from IPython.display import *\ndisplay({expression})")
    assert mime in ran.only("display_data")["data"]


def test_figures_are_png_and_closed_at_the_end_of_the_cell(child: LocalProcess) -> None:
    ran = child.run("import matplotlib.pyplot as plt\nplt.plot([1, 2]);\nplt.figure(); plt.plot([1])\nprint('first')")
    assert ran.types == ["stream", "display_data", "display_data"]
    assert base64.b64decode(ran.all("display_data")[0]["data"]["image/png"]).startswith(b"\x89PNG")
    assert child.run("plt.get_fignums()").only("execute_result")["data"]["text/plain"] == "[]"


def test_figures_are_svg_or_retina_on_request(child: LocalProcess) -> None:
    plot = "import matplotlib.pyplot as plt\nplt.plot([1]);"
    assert (
        "<svg"
        in child.run(f"%config InlineBackend.figure_formats = ['svg']\n{plot}").only("display_data")["data"][
            "image/svg+xml"
        ]
    )
    retina = child.run(f"%config InlineBackend.figure_formats = ['retina']\n{plot}").only("display_data")
    assert retina["metadata"]["image/png"].keys() == {"width", "height"}
    assert child.run(f"%matplotlib inline\n{plot}").types == ["display_data"]


def test_a_figure_that_cannot_be_drawn_is_an_error(child: LocalProcess) -> None:
    ran = child.run("import matplotlib.pyplot as plt\nplt.title(r'$\\frac$');")
    assert "Exception: Expected" in ran.all("error")[0]["evalue"]
    assert child.run("plt.get_fignums()").only("execute_result")["data"]["text/plain"] == "[]"


def test_a_window_is_refused_with_a_sentence(child: LocalProcess) -> None:
    assert "There is no window system here" in child.run("%gui qt").text("stderr")


def test_pandas_sympy_and_pil_show_themselves(child: LocalProcess) -> None:
    assert (
        "<table"
        in child.run("import pandas as pd\npd.DataFrame({'a': [1]})").only("execute_result")["data"]["text/html"]
    )
    assert "text/latex" in child.run("import sympy\nsympy.Symbol('x') ** 2").only("execute_result")["data"]
    assert "image/png" in child.run("from PIL import Image\nImage.new('RGB', (2, 2))").only("execute_result")["data"]


def test_plotly_sends_json_for_the_page_to_draw(child: LocalProcess) -> None:
    code = "import plotly.graph_objects as go\nf = go.Figure(go.Scatter(y=[1, float('nan'), 2]))\nf.show()\nf"
    ran = child.run(code)
    assert ran.types == ["display_data", "display_data"]
    for content in ran.all("display_data"):
        assert content["data"]["application/vnd.plotly.v1+json"]["data"][0]["type"] == "scatter"
        assert "<script" not in json.dumps(content)


JUNK = """
class Junk:
    def __init__(self, bundle): self.bundle = bundle
    def _repr_mimebundle_(self, include=None, exclude=None): return self.bundle
    def __repr__(self): return "junk"
deep = []
for _ in range(5000): deep = [deep]
loop = {}; loop["loop"] = loop
class Bad(dict):
    def items(self): raise RuntimeError("no items")
"""


@pytest.mark.parametrize(
    ("bundle", "left", "told"),
    [
        ("{1: 2}", {"text/plain"}, "MIME type is of type int"),
        ("{'text/html': 3}", {"text/plain"}, "a int stands where text"),
        ("{'text/html': object()}", {"text/plain"}, "a object is no JSON value"),
        ("{'application/json': float('nan')}", {"text/plain", "application/json"}, ""),
        (
            "{'application/json': {'a': [10 ** 5000, -10 ** 30, float('inf'), True, None]}}",
            {"text/plain", "application/json"},
            "",
        ),
        ("{'application/json': {(1, 2): 3}}", {"text/plain"}, "a key is of type tuple"),
        ("{'application/json': deep}", {"text/plain"}, "64 levels"),
        ("{'application/json': loop}", {"text/plain"}, "64 levels"),
        ("{'application/x+json': Bad(a=1)}", {"text/plain"}, "RuntimeError"),
        ("{'image/png': b'\\x89PNG'}", {"text/plain", "image/png"}, ""),
        ("{'text/html': '\\ud800'}", {"text/plain", "text/html"}, ""),
        ("{'text/html': 'x' * (7 << 20)}", {"text/plain"}, "it has 7340032 characters"),
        ("{'a/\\ud800': 'x'}", {"text/plain", "a/\ufffd"}, ""),
        ("({'text/html': 'x'}, {'text/html': {1: object()}})", {"text/plain", "text/html"}, ""),
        ("Bad(a=1)", {"text/plain"}, ""),
        ("7", {"text/plain"}, ""),
    ],
)
def test_junk_in_a_bundle_is_left_out_with_a_word(child: LocalProcess, bundle: str, left: set[str], told: str) -> None:
    child.run(JUNK)
    ran = child.run(f"Junk({bundle})")
    shown = ran.all("execute_result")
    assert told in ran.text("stderr")
    assert shown == [] or shown[0]["data"].keys() <= left
    assert child.run("1 + 1").types == ["execute_result"]


@pytest.mark.parametrize("method", ["__repr__", "_repr_html_", "_repr_png_", "_repr_mimebundle_", "_ipython_display_"])
@pytest.mark.parametrize(
    "body", ["raise ValueError('mine')", "return 3", "return None", "exit()", "raise BaseException"]
)
def test_objects_that_misbehave_when_shown_do_no_harm(child: LocalProcess, method: str, body: str) -> None:
    child.run(f"class C:\n    def {method}(self, **_): {body}\nC()")
    child.run("display(C(), C())")
    assert child.run("1 + 1").only("execute_result")["data"] == {"text/plain": "2"}


def test_publishing_by_hand_is_cleaned(child: LocalProcess) -> None:
    code = (
        "from IPython.display import publish_display_data as publish\n"
        "publish({'text/plain': 'x'}, {'a': {1: float('nan')}}, transient={'display_id': 3, 'more': 1})"
    )
    assert child.run(code).only("display_data") == {
        "data": {"text/plain": "x"},
        "metadata": {"a": {"1": None}},
        "transient": {"display_id": "3"},
    }


def test_captured_output_stays_captured(child: LocalProcess) -> None:
    assert child.run("%%capture c\nprint(1); display(2)\n3").types == []
    assert child.run("c.stdout, len(c.outputs)").only("execute_result")["data"]["text/plain"] == "('1\\n', 2)"


def test_a_patched_displayhook_lasts_for_its_cell(child: LocalProcess) -> None:
    child.run("import sys\nsys.displayhook = lambda value: print('mine', value)\n5")
    assert child.run("5").types == ["execute_result"]
