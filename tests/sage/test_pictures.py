"""Pictures that are not Sage's own are shown in Sage cells, in all the ways in which lessons make them."""

from __future__ import annotations

import base64

import pytest

from harness.languages import has_ffmpeg, is_installed
from tests.sage.test_display import bundles

PLT = "import matplotlib.pyplot as plt\n"
ONE_PICTURE = {
    "show": PLT + "plt.plot([1, 2, 3])\nplt.show()",
    "no show": PLT + "plt.plot([1, 2, 3]);",
    "numbers of Sage": PLT + "plt.figure(figsize=(3, 2)); plt.plot([x^2 for x in srange(0, 2, 0.25)]); plt.xlim(0, 5)",
    "a figure that is closed, as value": PLT + "f, a = plt.subplots()\na.plot([1, 2])\nplt.close()\nf",
    "show of a figure": PLT + "f = plt.figure(); f.add_subplot().plot([1]); plt.close(); show(f)",
    "display": PLT + "f = plt.figure(); f.add_subplot().plot([1]); plt.close(); display(f)",
    "of a plot": "plot(x^2, (x, 0, 1)).matplotlib()",
    "sympy": "import sympy\ns = sympy.Symbol('s')\nsympy.plot(s**2, (s, 0, 1));",
    "networkx": "import networkx\nnetworkx.draw(networkx.path_graph(3))",
    "inline": "%matplotlib inline\n" + PLT + "plt.plot([1, 2, 3])\nplt.show()",
    "notebook": "%matplotlib notebook\n" + PLT + "plt.plot([1, 2, 3])\nplt.show()",
    "pandas": "import pandas\npandas.Series(range(3)).plot();",
    "numpy": PLT + "import numpy as np\nplt.imshow(np.eye(3)); plt.show()",
    "after latex": "%display latex\n" + PLT + "plt.plot([1, 2, 3])\nplt.show()",
    "a file": f"open('s.py', 'w').write({PLT + 'plt.plot([1]); plt.show()'!r})\n%run s.py",
}


def pngs(shown: list[dict]) -> int:
    return sum(base64.b64decode(data.get("image/png", "")).startswith(b"\x89PNG") for data in shown)


@pytest.mark.parametrize("code", ONE_PICTURE.values(), ids=ONE_PICTURE.keys())
def test_a_figure_of_matplotlib_is_one_picture_in_sage(client, code):
    assert pngs(bundles(client.run(code))) == 1


def test_several_figures_of_matplotlib_and_a_plot_of_sage_are_all_shown(client):
    code = PLT + "plt.plot([1]); plt.figure(); plt.plot([2]); plt.show()\nshow(plot(x, (x, 0, 1)))"
    assert pngs(bundles(client.run(code))) == 3


@pytest.mark.skipif(not is_installed("sage") or not has_ffmpeg("sage"), reason="no ffmpeg in Sage's environment")
def test_an_animation_of_sage_is_saved_as_a_video(client):
    outcome = client.run("animate([plot(sin(x + k), (x, 0, 6), figsize=2) for k in [0, 1, 2]]).save('wave.mp4')")
    (file,) = outcome.files
    assert client.fetch(file).content[4:8] == b"ftyp"


def test_figures_can_be_vectors_in_sage(client):
    code = f"%config InlineBackend.figure_formats = ['svg']\n{PLT}plt.plot([1, 2]); plt.show()"
    (data,) = bundles(client.run(code))
    assert "<svg" in data["image/svg+xml"]
