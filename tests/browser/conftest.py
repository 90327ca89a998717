"""Start a real browser, and pages of another origin to put cells into."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, sync_playwright

from harness import chromium
from tests.browser.cell import Cell
from tests.browser.elsewhere import Elsewhere
from tests.browser.lent_page import Lender, new_page
from tests.browser.site import Site
from tests.browser.slow_line import SlowLine

FRONTEND = Path(__file__).parents[2] / "frontend"
DEADLINE_MS = 30_000
# Who opens pages that hold cells themselves: what lies in a frame has a memory of its own there.
LEND_TO = {"cell", "embed", "made", "open_page", "sagecell", "select"}


@pytest.fixture(scope="session")
def browser() -> Iterator[Browser]:
    """Debian's chromium."""
    program = chromium.find()
    if program is None:
        pytest.skip("no chromium here: apt-get install chromium-headless-shell")
    line = SlowLine(os.environ["SLOW_LINE"]) if "SLOW_LINE" in os.environ else None
    options = [*chromium.OPTIONS, *(line.options if line else [])]
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=program, args=options)
        yield browser
        browser.close()
    if line:
        line.close()


@pytest.fixture(scope="session")
def packages() -> Path:
    """The npm packages that the front end is built and checked with."""
    if shutil.which("npm") is None:
        pytest.fail("no Node here: it comes with the environment for tests, .build/tests/bin/npm")
    installed = FRONTEND / "node_modules" / ".package-lock.json"
    if not installed.exists() or installed.stat().st_mtime < (FRONTEND / "package-lock.json").stat().st_mtime:
        subprocess.run(["npm", "ci", "--prefix", FRONTEND, "--no-audit", "--no-fund"], check=True)
    return FRONTEND / "node_modules"


@pytest.fixture(scope="session")
def lender(browser) -> Iterator[Lender]:
    """Who lends a page to test after test."""
    lender = Lender(browser, DEADLINE_MS)
    yield lender
    lender.close()


@pytest.fixture
def page(request, browser, lender) -> Iterator[Page]:
    """A page in which nothing is left of other tests; `page.watch` has its errors and the hosts it asked."""
    if LEND_TO & set(request.fixturenames):
        yield lender.lend()
        lender.take_back()
    else:
        page = new_page(browser, DEADLINE_MS)
        yield page
        page.context.close()


@pytest.fixture
def site() -> Iterator[Site]:
    """An author's site on a port of its own."""
    site = Site()
    yield site
    site.close()


@pytest.fixture
def cell(server, page) -> Iterator[Cell]:
    """The cell of the server's own page, without the gallery below, whose cells run when a reader comes to them."""
    alone = "addEventListener('DOMContentLoaded', () => document.querySelector('.gallery')?.remove())"
    with Page.add_init_script(page, alone):  # which does not last
        page.goto(server.url)
        yield Cell(page).ready()


@pytest.fixture
def embed(server, site, page):
    """Put cells into a page of another origin: ``embed(html, head="", headers=None) -> Cell`` (the first one)."""

    def embed(
        html: str,
        head: str = "",
        headers: dict[str, str] | None = None,
        body: str = "",
        lang: str = "en",
        direction: str = "ltr",
    ) -> Cell:
        head = "<title>A page</title><link rel=icon href='data:,'>" + head
        script = f'<script type="module" src="{server.url}/embedded_singlecell.js"></script>'
        text = f"<!doctype html><html lang={lang} dir={direction}><head>{head}{script}</head><body {body}>{html}"
        page.goto(site.put(text, headers=headers))
        return Cell(page).ready()

    return embed


@pytest.fixture(scope="session")
def elsewhere() -> Iterator[Elsewhere]:
    """Another server."""
    server = Elsewhere()
    yield server
    server.close()


@pytest.fixture
def nobody_is_asked(elsewhere) -> Iterator[str]:
    """The address of a server that a test tries to reach, and that must not hear of it."""
    elsewhere.asked.clear()
    yield elsewhere.url
    assert elsewhere.asked == []
