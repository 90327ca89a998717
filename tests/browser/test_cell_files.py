"""An output shows the files that its cell wrote, by their names; what it asks for in vain is said as it is."""

from __future__ import annotations

import base64
import re
from pathlib import Path

import pytest
from playwright.sync_api import Locator

from tests.browser.cell import Cell
from tests.browser.sight import expect
from tests.browser.test_pictures import WHITE_PNG

# p.png has 3 by 2 pixels; a b.wav lasts half a second.
WRITE = """
from IPython.display import HTML, IFrame, FileLink, Image, Markdown, Video, Audio, display
import matplotlib.image, numpy, os, wave
matplotlib.image.imsave('p.png', numpy.zeros((2, 3)))
with wave.open('a b.wav', 'wb') as sound:
    sound.setparams((1, 1, 8000, 0, 'NONE', ''))
    sound.writeframes(bytes([128]) * 4000)
"""
PICTURES = {
    "HTML": "HTML('<img src=\"p.png\">')",
    "a name of SageMathCell's": "HTML('<img src=\"cell://p.png\">')",
    "a name with a question": "HTML('<img src=\"./p.png?1\">')",
    "a name of a notebook's": "HTML('<img src=\"files/p.png\">')",
    "the whole path": "HTML('<img src=\"' + os.path.abspath('p.png') + '\">')",
    "a picture by its address": "Image(url='p.png')",
    "Markdown with HTML": "Markdown('<b>b</b> <img src=\"p.png\">')",
    "a script": "HTML('<p id=a></p><script>setTimeout(() => { a.innerHTML = \"<img src=p.png>\" }, 50)</script>')",
    "an output before the file": "display(HTML('<img src=\"q.png\">'))\nos.rename('p.png', 'q.png')",
    "a file in a folder": "os.mkdir('d'); os.rename('p.png', 'd/p 1.png')\nHTML('<img src=\"d/p%201.png\">')",
    "a frame": "IFrame('p.png', 100, 100)",
}
DURATION = """media => new Promise((done) => {
  const look = () => (media.duration > 0 ? done(media.duration) : setTimeout(look, 20));
  look();
})"""


def width_of(picture: Locator) -> int:
    """Wait until a picture is there; return its width in pixels."""
    expect(picture).to_have_attribute("src", re.compile("^(?:blob|https?):"))
    return picture.evaluate("image => image.decode().then(() => image.naturalWidth)")


def test_a_picture_that_the_cell_wrote_is_shown_by_its_name(cell):
    for name, code in PICTURES.items():
        cell.run(WRITE + code)
        assert width_of(cell.drawn.locator("img")) == 3, name
        # It stands in the list of files as a file, and not as a picture a second time.
        expect(cell.output.locator(".files li"), name).to_have_count(2)
        expect(cell.output.locator("img.picture"), name).to_have_count(0)
        expect(cell.output.locator(".notice"), name).to_have_count(0)


def test_markdown_shows_a_picture_that_the_cell_wrote_and_links_a_file(cell, page):
    cell.run(WRITE + "Markdown('A ![plot](p.png), and [the sound](<a b.wav>).')")
    assert width_of(cell.output.locator(".markdown img")) == 3
    link = cell.output.locator(".markdown a")
    expect(link).to_have_text("the sound")
    with page.expect_download() as download:
        link.click()
    assert Path(download.value.path()).read_bytes().startswith(b"RIFF")
    expect(cell.output.locator("img")).to_have_count(1)


PLAYERS = {
    "Video('a b.wav')": "video",
    "Audio(url='a%20b.wav')": "audio",
    "HTML('<video controls><source src=\"a b.wav\"></video>')": "video",
}


def test_a_film_or_a_sound_that_the_cell_wrote_plays(cell):
    for code, selector in PLAYERS.items():
        cell.run(WRITE + code)
        assert cell.drawn.locator(selector).evaluate(DURATION) == pytest.approx(0.5, abs=0.05), code
        expect(cell.output.locator(".notice"), code).to_have_count(0)


def test_a_link_to_a_file_that_the_cell_wrote_offers_the_file(cell, page):
    for code in ("FileLink('a b.wav')", "HTML('<a href=\"cell://a b.wav\">a b.wav</a>')"):
        cell.run(WRITE + code)
        cell.drawn.locator("a").click()
        offered = cell.output.locator(".notice a")
        expect(offered, code).to_have_text("a b.wav")
        with page.expect_download() as download:
            offered.click()
        assert Path(download.value.path()).read_bytes().startswith(b"RIFF"), code


def test_a_page_that_the_cell_wrote_is_shown_in_its_frame(cell):
    cell.run(WRITE + "open('page.html', 'w').write('<p>written</p>')\nIFrame('page.html', 300, 100)")
    expect(cell.drawn.frame_locator("iframe").locator("p")).to_have_text("written")


def test_a_script_and_a_style_that_the_cell_wrote_are_used(cell):
    cell.run(
        WRITE + "open('s.js', 'w').write('document.getElementById(\"a\").textContent = \"ran\"')\n"
        "open('s.css', 'w').write('#a { color: rgb(1, 2, 3) }')\n"
        'HTML(\'<link rel=stylesheet href="s.css"><p id=a>no</p><script src="s.js"></script>\')'
    )
    expect(cell.drawn.locator("#a")).to_have_text("ran")
    expect(cell.drawn.locator("#a")).to_have_css("color", "rgb(1, 2, 3)")


def test_linked_cells_show_files_of_the_cells_and_the_setup_before(embed, page):
    svg = '<svg xmlns="http://www.w3.org/2000/svg" width="7" height="7"/>'
    setup = f"<script type='text/x-python' data-setup>open('s.svg', 'w').write({svg!r})</script>"
    first = embed(f"<single-cell linked id=a>{setup}</single-cell><single-cell linked id=b></single-cell>")
    first.run(WRITE + "None")
    second = Cell(page, "#b")
    second.run('HTML(\'<img id=p src="p.png"><img id=s src="s.svg">\')')
    assert (width_of(second.drawn.locator("#p")), width_of(second.drawn.locator("#s"))) == (3, 7)


def test_a_file_that_was_attached_is_shown_by_its_name(cell, page):
    file = {"name": "mine.png", "mimeType": "image/png", "buffer": base64.b64decode(WHITE_PNG)}
    cell.node.locator("input[type=file]").set_input_files(file)
    cell.run("from IPython.display import HTML\nHTML('<img src=mine.png>')")
    assert width_of(cell.drawn.locator("img")) == 1


def test_a_file_that_nobody_wrote_is_named_and_no_other_server(cell):
    html = '<img src="nope.png"><style>p { background: url(no.png) }</style><p>p'
    cell.run(f"from IPython.display import HTML\nHTML({html!r})")
    expect(cell.output.locator(".notice")).to_have_text("There is no file “nope.png” among those that the code wrote.")


def test_what_is_really_on_another_server_is_said_with_its_name(cell, nobody_is_asked):
    host = nobody_is_asked.removeprefix("http://")
    cell.run(f"from IPython.display import HTML\nHTML('<img src=\"{nobody_is_asked}/x.png\">')")
    expect(cell.output.locator(".notice")).to_have_text(
        f"This output asked for something on another server, {host}. Cells load nothing from there."
    )


REFUSED = [
    "<script>new Worker(URL.createObjectURL(new Blob([''])))</script>",
    "<img src=data:image/png;base64,xx><a href='#a'>a</a>",
    "<script>fetch('data.json').catch(() => {})</script>",
    "<link rel=stylesheet href='data:text/css,p{}'>",
]


def test_what_is_refused_without_another_server_is_not_called_one(cell):
    shows = "\n".join(f"display(HTML({html!r} + '<p id=witness>shown</p>'))" for html in REFUSED)
    cell.run(f"from IPython.display import HTML, display\n{shows}")
    for number, html in enumerate(REFUSED):
        witness = cell.output.frame_locator(".frame").nth(number).frame_locator("iframe").locator("#witness")
        expect(witness, html).to_be_visible()
    witness.evaluate("() => new Promise((done) => setTimeout(done, 300))")
    expect(cell.output.locator(".notice")).to_have_count(0)


def test_an_output_gets_no_file_but_those_of_its_own_run(server, cell, page):
    cell.run("open('a.txt', 'w').write('a');")
    address = cell.output.locator(".files a").first.get_attribute("href")
    asked: list[str] = []
    page.on("response", lambda response: asked.append(response.url))
    names = [
        address,
        f"cell://{address}",
        "../../languages",
        "cell://../../languages",
        "/languages",
        "..%2F..%2Flanguages",
    ]
    html = "".join(f'<img src="{name}">' for name in names)
    cell.run(f"from IPython.display import HTML\nHTML({html!r} + '<p id=witness>shown</p>')")
    cell.drawn.locator("#witness").evaluate("() => new Promise((done) => setTimeout(done, 300))")
    assert not [url for url in asked if "languages" in url or "/files/" in url]
