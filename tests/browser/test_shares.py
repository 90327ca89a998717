"""A cell whose reader's network has used its share says so in the reader's language, and tries again."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timezone

import pytest
import requests
from playwright.sync_api import Page

import settings as settings_file
import store as stores
from harness.processes import wait_for
from harness.server import Server
from store import Requester, embedded
from tests.browser.cell import Cell
from tests.browser.sight import expect

SENTENCES = {
    "en": "The computing time of your network or this page is used up. Trying again in 10 min …",
    "de": "Die Rechenzeit Ihres Netzes oder dieser Seite ist verbraucht. Neuer Versuch in 10 min …",
}


def overdraw(server: Server, address: str, minutes: float) -> None:
    """Charge a client so much that nothing is left for so long, and wait until the server says so."""
    store = stores.connect(settings_file.load(mongo_uri=embedded.uri(server.data / "mongo")))
    try:
        client = Requester(store.clients.identity(address))
        budget = store.budgets.look(client, datetime.now(timezone.utc))["client"]
        store.budgets.charge({client: budget.left_s + minutes * budget.cpu_s_per_hour / 60})
    finally:
        store.close()
    said = {"json": {}, "headers": {"X-Forwarded-For": address}, "timeout": 30}
    wait_for(lambda: requests.post(f"{server.url}/computations", **said).status_code == 429)


@pytest.mark.parametrize("language", SENTENCES)
def test_a_cell_without_computing_time_says_so_in_the_reader_s_language(
    embed: Callable[..., Cell], page: Page, server: Server, language: str
) -> None:
    address = f"203.0.113.{ord(language[0])}"
    overdraw(server, address, minutes=9.9)
    # As a proxy does it: a page could not.
    said = {"X-Forwarded-For": address}
    page.route(f"{server.url}/computations*", lambda route: route.continue_(headers={**route.request.headers, **said}))
    cell = embed("<single-cell>1 + 1</single-cell>", lang=language)
    cell.start()
    expect(cell.status).to_have_text(SENTENCES[language])
    expect(cell.node).not_to_have_attribute("state", "failed")
