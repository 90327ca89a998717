"""The key of a page: the element takes it to the server; the operator takes it back while the page is open."""

from __future__ import annotations

import requests

from harness.processes import wait_for
from tests.browser.cell import Cell
from tests.browser.sight import expect
from tests.orders import order


def test_a_cell_runs_with_its_pages_key_until_the_operator_takes_it_back(embed, page, server, site):
    key = order(server, "keys", "make", "of-a-page", "--origins", site.url).split()[0]
    ways = ("key", "data-key")
    embed("".join(f'<single-cell id={way} {way}="{key}">print(6 * 7)</single-cell>' for way in ways))
    cells = [Cell(page, f"#{way}").ready() for way in ways]
    for cell in cells:
        cell.run().shows("42")
    order(server, "keys", "revoke", "of-a-page")
    page_says = {"Origin": site.url}
    address = f"{server.url}/computations?key={key}"
    wait_for(lambda: requests.post(address, json={"code": "1"}, headers=page_says, timeout=10).status_code == 401)
    for cell in cells:
        cell.start()
        expect(cell.node.locator(".bar")).to_contain_text("not known here")


def test_a_key_for_another_page_is_refused_in_the_reader_s_language(embed, server):
    text = order(server, "keys", "make", "elsewhere", "--origins", "https://a.example").split()[0]
    cell = embed(f'<single-cell key="{text}">print(6 * 7)</single-cell>', lang="de")
    cell.start()
    expect(cell.status).to_have_text("Der Schlüssel dieser Seite gilt für Seiten einer anderen Website.")
