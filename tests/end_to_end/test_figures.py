"""Figures and animations of matplotlib are shown, whatever way of showing them the code asks for."""

from __future__ import annotations

import base64
import re

import pytest

from harness.languages import has_ffmpeg

PLOT = "import matplotlib.pyplot as plt\nplt.plot([1, 3, 2])\nplt.show()"
MOVING = """
import matplotlib.pyplot as plt
from matplotlib.animation import FuncAnimation
from IPython.display import HTML
figure, axes = plt.subplots(figsize=(2, 2))
line, = axes.plot([0, 1], [0, 1])
moving = FuncAnimation(figure, lambda n: line.set_data([0, 1], [0, n]), frames=4)
plt.close()
"""


def pictures(outcome) -> list[str]:
    assert (outcome.state, outcome.of_type("error")) == ("done", []), outcome.messages[-3:]
    shown = [content["data"] for content in outcome.of_type("display_data", "execute_result")]
    return [data["text/plain"] for data in shown if base64.b64decode(data.get("image/png", "")).startswith(b"\x89PNG")]


@pytest.mark.parametrize("line", ["%matplotlib notebook", "%pylab nbagg"])
def test_figures_with_controls_become_plain_pictures_and_a_sentence_says_so(client, line):
    outcome = client.run(f"{line}\n{PLOT}")
    assert len(pictures(outcome)) == 1
    assert outcome.text("stderr").count("plain pictures below the cell") == 1
    assert "without controls" in outcome.text("stderr")


@pytest.mark.parametrize("line", ["%matplotlib qt", "%matplotlib tk", "%matplotlib osx"])
def test_figures_in_windows_become_plain_pictures_and_a_sentence_says_so(client, line):
    outcome = client.run(f"{line}\n{PLOT}")
    assert len(pictures(outcome)) == 1
    assert outcome.text("stderr").count("without windows") == 1


@pytest.mark.parametrize("line", ["%matplotlib inline", "%matplotlib agg\n%matplotlib inline", "%pylab inline"])
def test_plain_pictures_need_no_sentence(client, line):
    outcome = client.run(f"{line}\n{PLOT}")
    assert len(pictures(outcome)) == 1 and "pictures" not in outcome.text("stderr")


@pytest.mark.parametrize("end", ["plt.show()", "", "plt.savefig('f.png'); plt.show()"], ids=["shown", "left", "saved"])
def test_a_script_that_is_run_shows_its_figure_and_no_empty_one(client, end):
    code = f"open('s.py', 'w').write({PLOT[:-10] + end!r})\n%run s.py\n%run s.py\nprint('on')"
    outcome = client.run(code)
    assert pictures(outcome) == ["<Figure size 640x480 with 1 Axes>"] * 2
    assert outcome.text() == "on\n"


def test_a_script_that_draws_nothing_shows_nothing(client):
    assert pictures(client.run("open('s.py', 'w').write('x = 1')\n%run s.py\nprint(x)")) == []


def test_an_animation_is_a_player_that_fits_into_one_message(client):
    outcome = client.run(MOVING + "HTML(moving.to_jshtml())")
    (content,) = outcome.of_type("execute_result")
    assert content["data"]["text/html"].count("data:image/png;base64") == 4
    # More than one message holds: what there is room for is shown, and a sentence says what is missing.
    long = MOVING.replace("(2, 2)", "(8, 8), dpi=200").replace("frames=4", "frames=60")
    long += "import numpy as np; axes.imshow(np.random.rand(400, 400), extent=(0, 1, 0, 1))\n"
    outcome = client.run(long + "HTML(moving.to_jshtml())", stdin=False)
    (content,) = outcome.of_type("execute_result")
    assert content["data"]["text/html"].count("data:image/png;base64") > 1
    assert "embed_limit" in outcome.text("stderr")


@pytest.mark.skipif(not has_ffmpeg("untrusted"), reason="neither ffmpeg nor imageio-ffmpeg is here")
def test_an_animation_becomes_a_video(client):
    outcome = client.run(MOVING + "print(moving.to_html5_video()[:6])\nHTML(moving.to_html5_video())")
    (content,) = outcome.of_type("execute_result")
    (video,) = re.findall(r'src="data:video/mp4;base64,([^"]*)"', content["data"]["text/html"])
    assert base64.b64decode(video)[4:8] == b"ftyp"
    outcome = client.run(MOVING + "moving.save('moving.mp4')")
    (file,) = outcome.files
    assert client.fetch(file).content[4:8] == b"ftyp"
