"""Below the cell of ``/`` stands what the server can do: each comes to life when a reader comes to it."""

from __future__ import annotations

import re
from urllib.parse import urlsplit

import pytest
from playwright.sync_api import Page

from tests.browser.cell import Cell
from tests.browser.sight import expect

SEEN = {"A plot": "img.picture", "A data frame": "iframe", "A formula": ".katex"}


@pytest.fixture
def cell(server, page) -> Cell:
    """The cell of the server's own page, with the gallery below it."""
    page.goto(server.url)
    return Cell(page).ready()


def alive(page: Page, name: str) -> Cell:
    """Come to a card, and wait until its cell has run."""
    card = page.locator(".card:not([hidden])").filter(has=page.get_by_role("heading", name=name, exact=True))
    card.scroll_into_view_if_needed()
    card.evaluate("card => card.scrollIntoView({ block: 'center' })")
    expect(card.locator("single-cell")).to_have_attribute("state", "done")
    cell = Cell(page)
    cell.node, cell.output = card.locator("single-cell"), card.locator(".output")
    return cell


def test_nothing_runs_before_a_reader_comes_to_it(page, cell):
    expect(page.locator(".card:not([hidden])").first).to_be_attached()
    expect(page.locator("single-cell")).to_have_count(1)


def test_each_card_runs_and_shows_what_it_says(page, cell, server):
    for name, selector in SEEN.items():
        card = alive(page, name)
        expect(card.output.locator(selector).first).to_be_visible()
        expect(card.output.locator(".error, .stderr")).to_have_count(0)
    assert page.watch.hosts == {urlsplit(server.url).netloc} and page.watch.errors == []


@pytest.mark.sage
def test_a_server_with_sage_shows_a_surface_of_sage(page, cell):
    card = alive(page, "A surface, in Sage")
    expect(card.output.locator("iframe")).to_be_visible()
    expect(card.output.locator(".error, .stderr")).to_have_count(0)
    expect(page.get_by_role("heading", name="A surface", exact=True)).to_have_count(0)
    assert page.watch.errors == []


def test_a_server_with_python_alone_shows_another_surface(server, page):
    def only_python(route):
        answer = route.fetch()
        route.fulfill(response=answer, json={"languages": answer.json()["languages"][:1]})

    page.route("**/languages", only_python)
    page.goto(server.url)
    card = alive(page, "A surface")
    expect(card.drawn.locator("canvas").first).to_be_visible()
    expect(page.get_by_role("heading", name="A surface, in Sage")).to_have_count(0)


def test_every_page_has_the_mark_of_the_server_and_asks_no_other_host(server, page):
    for path in ("/", "/embed", "/installed"):
        page.goto(server.url + path)
        mark = page.get_by_role("banner").get_by_text("Single cell")
        expect(mark, path).to_be_visible()
        assert (mark.get_attribute("href") is None) == (path == "/")
        assert mark.locator("img").evaluate("img => img.complete && img.naturalWidth > 0"), path
        icon = page.locator("link[rel=icon]").get_attribute("href")
        assert re.search(r"/static/mark\.svg$", icon or ""), path
    assert page.watch.hosts == {urlsplit(server.url).netloc}


def test_the_pages_fit_into_every_width(server, page):
    for path in ("/", "/installed"):
        page.goto(server.url + path)
        for width in (1280, 768, 360, 320):
            page.set_viewport_size({"width": width, "height": 700})
            assert page.evaluate("document.documentElement.scrollWidth") <= width, (path, width)
