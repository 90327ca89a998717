"""The operator's page in a browser: readable at every width, in light and dark, and by everybody."""

from __future__ import annotations

import os
from pathlib import Path

from singlecell_client import Client
from tests.browser.sight import expect
from tests.browser.test_accessibility import violations

PICTURES = os.environ.get("STATUS_PICTURES")  # a directory, for who wants to look at the page


def test_the_status_page_is_readable_at_every_width_and_axe_finds_nothing(server, page, packages):
    Client(server.url).run("print(1)")
    page.goto(f"{server.url}/status")
    expect(page.get_by_role("heading", name="Isolation self-test")).to_be_visible()
    expect(page.locator("main")).to_contain_text("seccomp on")
    for colours in ("light", "dark"):
        page.emulate_media(color_scheme=colours)
        for width in (360, 768, 1280):
            page.set_viewport_size({"width": width, "height": 900})
            assert page.evaluate("document.documentElement.scrollWidth <= innerWidth"), width
            if PICTURES:
                page.screenshot(path=Path(PICTURES, f"status-{width}-{colours}.png"), full_page=True)
        assert violations(page, packages) == [], colours
