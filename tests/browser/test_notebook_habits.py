"""What authors bring from notebooks is shown: animations, coloured code, scripts with `element`, pagers, pictures."""

from __future__ import annotations

import pytest

from harness.languages import has_ffmpeg
from tests.browser.sight import expect

SHOW = "from IPython.display import Code, HTML, Javascript, display\n"
ANIMATION = """
import matplotlib.pyplot as plt
from matplotlib.animation import FuncAnimation
from IPython.display import HTML
figure, axes = plt.subplots(figsize=(2, 2))
line, = axes.plot([0, 1], [0, 1])
moving = FuncAnimation(figure, lambda n: line.set_data([0, 1], [0, n]), frames=3)
plt.close()
"""


def test_a_player_of_animations_has_signs_on_its_buttons_and_plays(cell, page):
    cell.run(ANIMATION + "HTML(moving.to_jshtml())")
    buttons = cell.drawn.locator(".anim-buttons button")
    expect(buttons).to_have_count(9)
    drawn = """signs => signs.map(sign => {
      const { maskImage, backgroundColor, width } = getComputedStyle(sign);
      return maskImage.startsWith('url("data:') && backgroundColor !== "rgba(0, 0, 0, 0)" && parseFloat(width) > 8;
    })"""
    assert buttons.locator("i").evaluate_all(drawn) == [True] * 9
    slider = cell.drawn.locator(".anim-slider")
    expect(slider).to_have_attribute("max", "2")
    buttons.nth(7).click()  # to the last frame
    expect(slider).to_have_js_property("value", "2")
    expect(cell.output.locator(".notice")).to_have_count(0)
    assert page.watch.errors == []


@pytest.mark.skipif(not has_ffmpeg("untrusted"), reason="neither ffmpeg nor imageio-ffmpeg is here")
def test_a_video_of_an_animation_can_be_played(cell, page):
    cell.run(ANIMATION + "HTML(moving.to_html5_video())")
    video = cell.drawn.locator("video")
    expect(video).to_be_visible()
    played = """video => new Promise(done => {
      video.onended = () => done(video.videoWidth);
      video.loop = false;
      video.play() })"""
    assert video.evaluate(played) > 100
    expect(cell.output.locator(".notice")).to_have_count(0)
    assert page.watch.errors == []


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_code_is_coloured_and_can_be_read(embed, theme):
    cell = embed(f'<single-cell theme="{theme}"></single-cell>')
    cell.run(SHOW + "Code('def f(x):\\n    return x + 1  # more', language='python')")
    contrast = """node => {
      const light = (colour) => colour.match(/[\\d.]+/g).slice(0, 3)
        .map((part) => part / 255).map((part) => part <= 0.04045 ? part / 12.92 : ((part + 0.055) / 1.055) ** 2.4)
        .reduce((sum, part, i) => sum + part * [0.2126, 0.7152, 0.0722][i], 0);
      const { backgroundColor } = getComputedStyle(document.body);
      const [one, other] = [light(getComputedStyle(node).color), light(backgroundColor)];
      return (Math.max(one, other) + 0.05) / (Math.min(one, other) + 0.05);
    }"""
    colours = set()
    for token in (".k", ".nf", ".mi", ".c1", ".n"):
        place = cell.drawn.locator(token).first
        assert place.evaluate(contrast) >= 4, token
        colours.add(place.evaluate("node => getComputedStyle(node).color"))
    assert len(colours) >= 4


F = "def f():\n    'Says 42.'\n    return 41 + 1\n"


def test_what_a_pager_would_show_is_shown(cell):
    for code, text in (
        ("print?", "Prints the values to a stream"),
        (F + "f??", "return 41 + 1"),
        (F + "%psource f", "return 41 + 1"),
        (F + "%pdoc f", "Says 42."),
        ("open('a.py', 'w').write('a = 17')\n%pycat a.py", "a = 17"),
        ("open('a.txt', 'w').write('long ago')\n%less a.txt", "long ago"),
        ("%less b.txt", "b.txt cannot be read: No such file or directory"),
    ):
        expect(cell.run(code).output, code).to_contain_text(text)


def test_code_that_is_loaded_stands_in_the_editor_and_the_authors_can_come_back(page, embed):
    cell = embed("<single-cell>open('a.py', 'w').write('a = 17')\n%load a.py</single-cell>")
    cell.run()
    assert cell.code == "# %load a.py\na = 17"
    # What is written after that is not lost when the page is loaded again.
    cell.write("a = 18")
    page.reload()
    cell.ready().ends()
    assert cell.code == "a = 18"
    cell.node.get_by_role("button", name="Back to the author’s code").click()
    assert cell.code.endswith("%load a.py")


def test_what_a_pager_shows_comes_behind_what_was_printed(cell):
    cell.run("print('before')\nlen?").shows("Return the number of items")
    assert cell.output.inner_text().startswith("before")


def test_scripts_of_notebooks_write_into_their_element(cell, page):
    for code in (
        "%%javascript\nelement.textContent = 'mine';",
        "%%js\nelement.append('<b>mine</b>');",
        "%%javascript\nelement.html('<b>mine</b>').append(' and more'); element.text(element.text().slice(0, 4))",
        "%%javascript\nelement.get(0).appendChild(document.createTextNode('mine'))",
        SHOW + "Javascript('var b = document.createElement(\"b\"); b.append(\"mine\"); element.append(b)')",
        "%%javascript\nvar element = document.body; element.append('mine')",
    ):
        cell.run(code)
        expect(cell.drawn.locator("body"), code).to_contain_text("mine")
        expect(cell.drawn.locator("body"), code).not_to_contain_text("<b>")
        expect(cell.output.locator(".notice"), code).to_have_count(0)
        expect(cell.output.locator(".frame"), code).not_to_have_css("height", "0px")
    assert page.watch.errors == []


ERRORS = {
    "ReferenceError: IPython is not defined": "%%javascript\nIPython.notebook.kernel.execute('1')",
    "SyntaxError": "%%javascript\nlet x = ;",
    "TypeError: later": "%%javascript\nPromise.reject(new TypeError('later'))",
    "ReferenceError: nope is not defined": "%%html\n<p>shown</p><script>setTimeout(() => nope())</script>",
    "<b>bold</b>": "%%html\n<p>shown</p><script>throw '<b>bold</b>'.repeat(1000)</script>",
}


def test_an_error_in_a_script_is_said_once_below_its_output(cell):
    for error, code in ERRORS.items():
        notice = cell.run(code).output.locator(".notice")
        expect(notice, error).to_have_count(1)
        expect(notice).to_contain_text(f"A script in this output went wrong: {error}")
        expect(notice.locator("b"), error).to_have_count(0)
        assert len(notice.inner_text()) < 1000, error
