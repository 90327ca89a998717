"""A page of the browser that is lent to one test after another has nothing of the tests before."""

from __future__ import annotations

from tests.browser.conftest import DEADLINE_MS
from tests.browser.lent_page import Lender

WRITE = "localStorage.a = sessionStorage.b = 1; document.cookie = 'c=1'; console.error('mine')"
SEEN = """[
  innerWidth, innerHeight, matchMedia("(prefers-color-scheme: dark)").matches, document.body.innerText.length,
  matchMedia("(prefers-reduced-motion: reduce)").matches,
]"""
READ = "[localStorage.length, sessionStorage.length, document.cookie]"
LASTS = {
    "a script before all others": lambda page, _: page.add_init_script("window.mine = 1"),
    "what is around the page": lambda page, _: page.context.set_offline(False),
    "a clock": lambda page, _: page.clock.install(),
    "a page of another server": lambda page, site: page.goto(site.put("<p>x</p>")),
}


def test_a_page_is_lent_again_with_nothing_in_it_or_not_at_all(browser, server, site):
    address = f"{server.url}/installed"
    lender = Lender(browser, DEADLINE_MS)
    page = lender.lend()
    page.goto(address)
    page.evaluate(WRITE)
    lender.take_back()
    assert lender.lend() is page and page.watch.errors == [] and page.watch.hosts == set()
    page.goto(address)
    assert page.evaluate(READ) == [0, 0, ""]
    undone = page.evaluate(SEEN)
    heard: list[object] = []
    page.on("request", lambda request: heard.append(request))
    page.route("**/installed", lambda route: route.fulfill(body="in the server's place"))
    page.emulate_media(color_scheme="dark", reduced_motion="reduce")
    page.set_viewport_size({"width": 300, "height": 300})
    page.mouse.down()
    page.goto(address)
    assert page.evaluate(SEEN) != undone and len(heard) == 1
    heard.clear()
    lender.take_back()
    assert lender.lend() is page
    page.goto(address)
    assert page.evaluate(SEEN) == undone and heard == []
    for name, act in LASTS.items():
        act(page, site)
        lender.take_back()
        other = lender.lend()
        assert other is not page, name
        page = other
        page.goto(address)
    lender.close()
