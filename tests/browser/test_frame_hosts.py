"""For a page of another server in an output stands a link, or the page itself where the author named its host."""

from __future__ import annotations

import pytest
from playwright.sync_api import Page

from tests.browser.cell import Cell
from tests.browser.sight import expect, until

VIDEO = "from IPython.display import YouTubeVideo\nYouTubeVideo('dQw4w9WgXcQ', width=400, height=300)"
SHOW = "from IPython.display import HTML, display\n"
NAMED = "www.youtube.com"
PLAYER = "<title>Player</title><p id=player>playing</p>"
OTHERS = {
    "another host": "https://evil.example/",
    "a host below": "https://a.www.youtube.com/",
    "a host above": "https://youtube.com/",
    "a host that begins so": "https://www.youtube.com.evil.example/",
    "a name before the host": "https://www.youtube.com@evil.example/",
    "a name for the named host": "https://me@www.youtube.com/",
    "without encryption": "http://www.youtube.com/embed/a",
    "another port": "https://www.youtube.com:8443/",
    "a dot behind": "https://www.youtube.com./",
    "a backslash": "https:\\\\\\\\evil.example\\\\@www.youtube.com/",
    "no server": "//evil.example/www.youtube.com",
}
HOSTILE = [
    "*", "*.com", "*.youtube.com", "https:", "https://www.youtube.com", "www.youtube.com/", "www.youtube.com:443",
    "'self'", "data:", "javascript:alert(1)", "www.youtube.com;script-src", "www.youtube.com,evil.example",
    "<script>alert(1)</script>", "youtube", "localhost", "127.0.0.1", "[::1]", "2130706433", ".", "..", "a..b",
    "-a.example", "a-.example", "x" * 64 + ".example", "w\u0301ww.youtube.com",
]  # fmt: skip


# For Locator.evaluate of an output: the addresses of the pages of other servers in it.
LET_IN = "output => [...output.querySelectorAll('iframe.embedded')].map(({ src }) => src)"


class Net:
    """The pages of all hosts but the test's own, which are answered here; ``asked`` are their addresses."""

    def __init__(self, page: Page) -> None:
        self.asked: list[str] = []
        page.context.route(lambda url: "localhost" not in url and "127.0.0.1" not in url, self._answer)

    def _answer(self, route) -> None:
        self.asked.append(route.request.url)
        route.fulfill(content_type="text/html", body=PLAYER)


@pytest.fixture
def net(page) -> Net:
    """What a page asks of the rest of the world."""
    return Net(page)


def shown(*addresses: str) -> str:
    """Return code that shows frames with these addresses, each in an output of its own with a witness."""
    html = "<iframe width=300 height=200 src=\"{}\"></iframe><p id=witness>shown</p>"
    return SHOW + "".join(f"display(HTML('{html.format(address)}'))\n" for address in addresses)


def test_a_video_of_another_server_is_a_link_in_its_place(embed, page, net):
    cell = embed("<single-cell></single-cell>")
    cell.run(VIDEO)
    link = cell.output.locator(".elsewhere a")
    expect(link).to_have_text("https://www.youtube.com/watch?v=dQw4w9WgXcQ")
    expect(link).to_have_attribute("rel", "noopener noreferrer nofollow")
    expect(cell.output.locator(".elsewhere")).to_contain_text("A page of another server, not shown here")
    expect(cell.output.locator(".notice")).to_have_count(1)
    expect(cell.drawn.locator("iframe")).to_have_count(0)
    until(page, lambda: cell.output.locator(".frame").bounding_box()["height"] < 10)
    assert net.asked == []
    with page.context.expect_page() as opened:
        link.click()
    expect(opened.value).to_have_url("https://www.youtube.com/watch?v=dQw4w9WgXcQ")


def test_a_host_that_the_author_named_is_let_in(embed, page, net):
    cell = embed('<single-cell frame-hosts="player.vimeo.com WWW.YouTube.com"></single-cell>')
    cell.run(VIDEO)
    frame = cell.output.locator("iframe.embedded")
    expect(cell.output.frame_locator("iframe.embedded").locator("#player")).to_have_text("playing")
    box = frame.bounding_box()
    assert (round(box["width"]), round(box["height"])) == (400, 300)
    assert "allow-top-navigation" not in frame.get_attribute("sandbox")
    expect(cell.output.locator(".notice")).to_have_count(0)
    assert [url.partition("?")[0] for url in net.asked] == ["https://www.youtube.com/embed/dQw4w9WgXcQ"]
    page.set_viewport_size({"width": 300, "height": 600})
    expect(frame).to_be_visible()
    until(page, lambda: frame.bounding_box()["width"] < 300)


def test_a_host_that_is_not_named_stays_closed(embed, net):
    cell = embed(f'<single-cell frame-hosts="{NAMED}"></single-cell>')
    cell.run(shown(*OTHERS.values()))
    for number, name in enumerate(OTHERS):
        witness = cell.output.frame_locator(".frame").nth(number).frame_locator("iframe").locator("#witness")
        expect(witness, name).to_be_visible()
    expect(cell.output.locator(".elsewhere a")).to_have_count(len(OTHERS))
    assert cell.output.evaluate(LET_IN) == []
    assert net.asked == []


def test_a_hostile_value_of_the_attribute_lets_nobody_in(embed, page, net):
    embed("<single-cell></single-cell>")
    page.evaluate(
        """async ([values, code]) => {
          for (const value of values) {
            const cell = document.createElement("single-cell");
            cell.setAttribute("frame-hosts", value);
            cell.setAttribute("linked", "");
            document.body.append(cell);
            cell.code = code;
            await cell.run();
          } }""",
        [HOSTILE, shown("https://evil.example/www.youtube.com", "https://www.youtube.com/embed/a")],
    )
    for value in HOSTILE:
        cell = page.locator("single-cell[linked]").nth(HOSTILE.index(value))
        expect(cell.locator(".elsewhere a"), value).to_have_count(2)
        assert cell.locator(".output").evaluate(LET_IN) == [], value
    assert net.asked == []


def test_the_named_host_is_let_in_as_a_frame_and_as_nothing_else(embed, net):
    html = (
        "<img src='https://www.youtube.com/1'><script src='https://www.youtube.com/2'></script>"
        "<script>fetch('https://www.youtube.com/3').catch(() => 0); location = 'https://www.youtube.com/4'</script>"
    )
    cell = embed(f'<single-cell frame-hosts="{NAMED}"></single-cell>')
    cell.run(f"{SHOW}HTML({html!r})")
    expect(cell.output.locator(".notice").last).to_contain_text("could not be drawn")
    assert net.asked == []


def test_the_own_host_of_page_and_server_stays_closed_though_it_is_named(server, page):
    script = "<script type=module src=/cells/embedded_singlecell.js></script>"
    text = f'<!doctype html>{script}<single-cell frame-hosts="school.example {NAMED}"></single-cell>'
    framed: list[str] = []

    def answer(route) -> None:
        path = route.request.url.removeprefix("http://school.example")
        if path.startswith("/cells/"):
            return route.fulfill(response=route.fetch(url=server.url + path.removeprefix("/cells")))
        if path != "/page":
            framed.append(route.request.url)
        return route.fulfill(content_type="text/html", body=text)

    page.context.route("**/*", answer)
    page.goto("http://school.example/page")
    cell = Cell(page).ready()
    cell.run(shown("https://school.example/other"))
    expect(cell.output.locator(".elsewhere a")).to_have_text("https://school.example/other")
    expect(cell.output.locator("iframe.embedded")).to_have_count(0)
    assert framed == []


def test_an_output_may_show_ten_pages_and_no_more(embed, net):
    cell = embed("<single-cell></single-cell>")
    cell.run(f"{SHOW}HTML('<iframe src=https://a.example></iframe>' * 11 + '<p id=witness>shown</p>')")
    expect(cell.drawn.locator("#witness")).to_be_visible()
    expect(cell.output.locator(".elsewhere")).to_have_count(10)


def test_a_document_in_a_frame_of_the_output_that_is_refused_something_says_so(embed, net):
    cell = embed("<single-cell></single-cell>")
    cell.run(f"{SHOW}HTML('''<iframe srcdoc=\"<script src='https://maps.example/a.js'></script>\"></iframe>''')")
    expect(cell.output.locator(".notice")).to_contain_text("another server, maps.example")
    assert net.asked == []
