"""A page of the browser that is lent to one test after another has nothing of the tests before."""

from __future__ import annotations

from tests.browser.conftest import DEADLINE_MS
from tests.browser.lent_page import Lender

WRITE = "localStorage.a = sessionStorage.b = 1; document.cookie = 'c=1'; console.error('mine')"
READ = "[localStorage.length, sessionStorage.length, document.cookie]"
LASTS = {
    "a window of another size": lambda page, _: page.set_viewport_size({"width": 300, "height": 300}),
    "another colour scheme": lambda page, _: page.emulate_media(color_scheme="dark"),
    "a script before all others": lambda page, _: page.add_init_script("window.mine = 1"),
    "an answer in the server's place": lambda page, _: page.route("**/languages", lambda route: route.abort()),
    "a listener": lambda page, _: page.on("request", lambda request: None),
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
    for name, act in LASTS.items():
        act(page, site)
        lender.take_back()
        other = lender.lend()
        assert other is not page, name
        page = other
        page.goto(address)
    lender.close()
