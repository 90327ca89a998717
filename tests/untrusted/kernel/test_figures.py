"""Figures are sharp, have the colours of the page, and say what they show."""

from __future__ import annotations

import base64
import json
import subprocess
from typing import Any

import pytest

from harness.processes import untrusted_python
from tests.untrusted.kernel.child import LocalProcess, Ran

LINE = "import matplotlib.pyplot as plt\nplt.plot([1, 2]); plt.title('A line'); plt.show()"
DARK_INK, WHITE = (0xE3, 0xE7, 0xEE), (255, 255, 255)
# Opens a picture in the sandbox's Python, which has Pillow: its size, its first pixel, and its opaque colours.
LOOK = """import io, json, sys
from PIL import Image
picture = Image.open(io.BytesIO(sys.stdin.buffer.read())).convert("RGBA")
colours = [colour[:3] for _, colour in picture.getcolors(1 << 24) if colour[3] == 255]
print(json.dumps({"size": picture.size, "corner": picture.getpixel((0, 0)), "colours": colours}))"""


def look(ran: Ran) -> dict[str, Any]:
    """Return what the only picture looks like, and its metadata."""
    (content,) = ran.all("display_data") + ran.all("execute_result")
    png = base64.b64decode(content["data"]["image/png"])
    said = subprocess.run([untrusted_python(), "-c", LOOK], input=png, capture_output=True, check=True).stdout
    seen = json.loads(said)
    seen["colours"] = set(map(tuple, seen["colours"]))
    return {**seen, **content["metadata"].get("image/png", {})}


def test_a_figure_has_twice_the_pixels_that_it_takes_on_the_page(child: LocalProcess) -> None:
    seen = look(child.run(LINE))
    assert seen["size"] == [2 * seen["width"], 2 * seen["height"]] or max(seen["size"]) % 2
    assert 500 < seen["width"] < 700
    assert seen["corner"] == [255, 255, 255, 255] and "scheme" not in seen


def test_a_figure_on_a_dark_page_has_no_paper_and_light_ink(child: LocalProcess) -> None:
    seen = look(child.run(LINE, scheme="dark"))
    assert seen["corner"][3] == 0 and seen["scheme"] == "dark" and seen["invertible"]
    assert DARK_INK in seen["colours"] and (0, 0, 0) not in seen["colours"]


def test_a_figure_on_a_light_page_has_no_paper_and_dark_ink(child: LocalProcess) -> None:
    seen = look(child.run(LINE, scheme="light"))
    assert seen["corner"][3] == 0 and seen["scheme"] == "light"
    assert (0, 0, 0) in seen["colours"] and WHITE not in seen["colours"]


@pytest.mark.parametrize(
    "chosen",
    [
        "plt.figure(facecolor='white')",
        "plt.figure(facecolor='#ffe')",
        "plt.axes(facecolor='lavender')",
        "plt.style.use('dark_background')",
        "plt.style.use('ggplot')",
    ],
)
def test_a_figure_whose_author_chose_the_paper_keeps_it(child: LocalProcess, chosen: str) -> None:
    seen = look(child.run(LINE.replace("\n", f"\n{chosen}\n"), scheme="dark"))
    assert seen["corner"][3] == 255 and "scheme" not in seen and DARK_INK not in seen["colours"]


def test_a_figure_is_put_back_after_it_was_shown(child: LocalProcess) -> None:
    code = f"""{LINE.replace("plt.show()", "fig = plt.gcf(); plt.close()")}
import io
def saved():
    file = io.BytesIO(); fig.savefig(file, metadata={{'Software': None}}); return file.getvalue()
before = saved(); display(fig); print(saved() == before)"""
    assert child.run(code, scheme="dark").text() == "True\n"


def test_texts_on_light_areas_and_on_pictures_stay_as_they_are(child: LocalProcess) -> None:
    nodes = """import matplotlib.pyplot as plt
plt.axis('off'); plt.scatter([0, 1], [0, 1], s=3000, c='#fec7b8', edgecolors='none')
plt.text(0, 0, 'a', ha='center', va='center', size=30);"""
    assert (0, 0, 0) in look(child.run(nodes, scheme="dark"))["colours"]
    picture = """import matplotlib.pyplot as plt
plt.imshow([[0, 1]], cmap='gray'); plt.text(1, 0, 'a', color='black', size=30);"""
    seen = look(child.run(picture, scheme="dark"))
    assert {(0, 0, 0), WHITE, DARK_INK} <= seen["colours"] and not seen["invertible"]


def test_a_colour_too_dark_for_a_dark_page_becomes_lighter(child: LocalProcess) -> None:
    code = "import matplotlib.pyplot as plt\nplt.axis('off'); plt.plot([1, 2], color='{}', lw=9);"
    assert (0, 0, 128) not in look(child.run(code.format("navy"), scheme="dark"))["colours"]
    assert (255, 165, 0) in look(child.run(code.format("orange"), scheme="dark"))["colours"]


@pytest.mark.parametrize(
    "code",
    [
        "ax = plt.axes(projection='3d'); ax.plot_surface(*np.mgrid[:4, :4], np.eye(4))",
        "plt.axes(projection='polar').plot([1, 2])",
        "plt.contour(np.eye(4), colors='k')",
        "plt.contourf(np.eye(4)); plt.colorbar()",
        "plt.pie([1, 2], labels=['a', 'b'])",
        "plt.hist([1, 2, 2], edgecolor='white'); plt.twinx().plot([1])",
        "plt.errorbar([1], [1], [1]); plt.legend(['a']); plt.annotate('a', (1, 1), (0, 0), arrowprops={})",
        "plt.boxplot([1, 2, 3]); plt.quiver([0], [0], [1], [1]); plt.fill_between([0, 1], [0, 1])",
    ],
)
def test_figures_of_every_kind_are_drawn_on_a_dark_page(child: LocalProcess, code: str) -> None:
    seen = look(child.run(f"import numpy as np, matplotlib.pyplot as plt\n{code};", scheme="dark"))
    assert seen["scheme"] == "dark" and seen["corner"][3] == 0 and DARK_INK in seen["colours"]


def test_an_artist_that_does_not_let_itself_be_changed_is_drawn_as_it_is(child: LocalProcess) -> None:
    code = """import matplotlib.pyplot as plt
from matplotlib.lines import Line2D
class Stubborn(Line2D):
    def set_color(self, colour):
        if getattr(self, 'is_made', False): raise ValueError('no')
        super().set_color(colour)
line = Stubborn([0, 1], [0, 1]); line.is_made = True
plt.gca().add_line(line);"""
    seen = look(child.run(code, scheme="dark"))
    assert seen["corner"][3] == 255 and "scheme" not in seen


def test_a_figure_says_its_title_labels_and_names(child: LocalProcess) -> None:
    code = """import matplotlib.pyplot as plt
plt.plot([1, 2], label='fall'); plt.legend()
plt.title('Height $h_0$'); plt.xlabel('time (s)'); plt.ylabel('height (m)');"""
    assert look(child.run(code))["alt"] == "Height h_0; x: time (s); y: height (m); fall"
    assert "alt" not in look(child.run("import matplotlib.pyplot as plt\nplt.plot([1]);"))


def test_a_very_large_figure_is_no_larger_than_its_author_made_it(child: LocalProcess) -> None:
    seen = look(child.run("import matplotlib.pyplot as plt\nplt.figure(figsize=(30, 20)); plt.plot([1]);"))
    assert seen["size"][0] < 3200 and "width" not in seen


def test_a_picture_of_noise_has_room_in_an_output(child: LocalProcess) -> None:
    noise = "plt.imshow(np.random.default_rng(1).random((900, 900, 3)))"
    code = f"import numpy as np, matplotlib.pyplot as plt\nplt.figure(figsize=(12, 8)); {noise};"
    (content,) = child.run(code).all("display_data")
    assert len(content["data"]["image/png"]) < 4 << 20
