"""Start a real browser, and pages of another origin to put cells into."""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from playwright.sync_api import Browser, Page, expect, sync_playwright

from harness import chromium
from tests.browser.cell import SIGHT_MS, Cell
from tests.browser.elsewhere import Elsewhere
from tests.browser.site import Site

FRONTEND = Path(__file__).parents[2] / "frontend"
DEADLINE_MS = 30_000
expect.set_options(timeout=SIGHT_MS)


@pytest.fixture(scope="session")
def browser() -> Iterator[Browser]:
    """Debian's chromium."""
    program = chromium.find()
    if program is None:
        pytest.skip("no chromium here: apt-get install chromium-headless-shell")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=program, args=chromium.OPTIONS)
        yield browser
        browser.close()


@pytest.fixture(scope="session")
def packages() -> Path:
    """The npm packages that the front end is built and checked with."""
    if shutil.which("npm") is None:
        pytest.fail("no Node here: it comes with the environment for tests, .build/tests/bin/npm")
    installed = FRONTEND / "node_modules" / ".package-lock.json"
    if not installed.exists() or installed.stat().st_mtime < (FRONTEND / "package-lock.json").stat().st_mtime:
        subprocess.run(["npm", "ci", "--prefix", FRONTEND, "--no-audit", "--no-fund"], check=True)
    return FRONTEND / "node_modules"


class Watch:
    """What went wrong in a page, and whom it spoke to."""

    def __init__(self, page: Page) -> None:
        self.errors: list[str] = []
        self.hosts: set[str] = set()
        page.on("pageerror", lambda error: self.errors.append(str(error)))
        page.on("console", lambda line: self.errors.append(line.text) if line.type == "error" else None)
        page.on("request", lambda request: self._note(request.url))

    def _note(self, url: str) -> None:
        parts = urlsplit(url)
        if parts.scheme in ("http", "https", "ws", "wss"):
            self.hosts.add(parts.netloc)


@pytest.fixture
def page(browser) -> Iterator[Page]:
    """A fresh page with an empty memory; `page.watch` has its errors and the hosts it asked."""
    context = browser.new_context(locale="en-GB")
    context.set_default_timeout(DEADLINE_MS)
    page = context.new_page()
    page.watch = Watch(page)
    yield page
    context.close()


@pytest.fixture
def site() -> Iterator[Site]:
    """An author's site on a port of its own."""
    site = Site()
    yield site
    site.close()


@pytest.fixture
def cell(server, page) -> Cell:
    """The cell of the server's own page, without the gallery below, whose cells run when a reader comes to them."""
    page.add_init_script("addEventListener('DOMContentLoaded', () => document.querySelector('.gallery')?.remove())")
    page.goto(server.url)
    return Cell(page).ready()


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
