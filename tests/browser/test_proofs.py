"""Under load cells and the client program do the work that the server asks for, and pages hear their readers."""

from __future__ import annotations

import re
from collections.abc import Iterator

import pytest
import requests

from harness.processes import wait_for
from harness.server import Server, serve
from singlecell_client import Client as Program
from tests.browser.sight import expect, until
from tests.client import Client
from tests.test_built_files import ROOT

SETTINGS = "workers = 1\nproof_of_work = True\nproof_waiting_min = 1\nproof_tries = 20000\n"
# No number solves it, and all of them take hours: a page that was frozen meanwhile would not come to its ticks.
ENDLESS = """async (address) => {
  const { prove } = await import(address);
  const away = new AbortController();
  const asked = { algorithm: "SHA-256", challenge: "0".repeat(64), maxnumber: 1e10, salt: "s", signature: "" };
  const proving = prove(asked, away.signal).catch(() => "left");
  for (let tick = 0; tick < 20; tick += 1) await new Promise((done) => setTimeout(done, 10));
  away.abort();
  return proving;
}"""


@pytest.fixture(scope="module")
def server() -> Iterator[Server]:
    """A server with one place, which asks for proofs as soon as one computation waits."""
    with serve(SETTINGS, LANGUAGES="python") as running:
        yield running


@pytest.fixture
def crowd(server: Server) -> Iterator[list[str]]:
    """One computation that runs, and one that waits, until the test lets them go; the server has seen them."""
    client = Client(server.url)
    ids = [client.submit("import time\ntime.sleep(1000)")["id"] for _ in range(2)]
    said = {"json": {}, "headers": {"X-Forwarded-For": "203.0.113.6"}, "timeout": 30}
    wait_for(lambda: "challenge" in requests.post(f"{server.url}/computations", **said).text)
    yield ids
    for id in ids:
        client.cancel(id)


POLICIES = {"with a worker": {}, "without workers": {"Content-Security-Policy": "worker-src 'none'"}}


@pytest.mark.parametrize("headers", POLICIES.values(), ids=POLICIES)
def test_a_cell_solves_the_challenge_and_runs(embed, page, server, crowd, headers) -> None:
    loads: list = []
    page.route("**/singlecell/proof-*.js", lambda route: loads.append(route))
    cell = embed("<single-cell>print(6 * 7)</single-cell>", headers=headers)
    cell.start()
    expect(cell.status).to_have_text("Doing a sum for a place in the queue …")
    until(page, lambda: len(loads) > 0)
    with page.expect_response(lambda answer: "proof=" in answer.url) as accepted:
        loads[0].continue_()
    assert accepted.value.status == 201
    client = Client(server.url)
    for id in crowd:
        client.cancel(id)
    cell.ends().shows("42")


@pytest.mark.parametrize("headers", POLICIES.values(), ids=POLICIES)
def test_the_page_hears_its_reader_while_a_number_is_searched(embed, page, server, headers) -> None:
    embed("<single-cell>1</single-cell>", headers=headers)
    [part] = (ROOT / "static" / "singlecell").glob("proof-*.js")
    assert page.evaluate(ENDLESS, f"{server.url}/static/singlecell/{part.name}") == "left"


def test_stop_ends_the_search(embed, page, server, crowd) -> None:
    loads: list = []
    page.route("**/singlecell/proof-*.js", lambda route: loads.append(route))
    cell = embed("<single-cell>print(6 * 7)</single-cell>")
    cell.start()
    expect(cell.status).to_have_text(re.compile("Doing a sum"))
    until(page, lambda: len(loads) > 0)
    expect(cell.button).to_have_attribute("aria-disabled", "false")  # when its first second is over
    cell.button.click()
    expect(cell.node).to_have_attribute("state", "idle")
    loads[0].continue_()


def test_the_client_program_solves_the_challenge(server, crowd) -> None:
    program = Program(server.url)
    http = program._connection._http
    http.headers["X-Forwarded-For"] = "203.0.113.7"  # not the operator, who needs no proof
    id = program.submit("1")["id"]
    assert http.get(f"{server.url}/computations/{id}", timeout=10).json()["state"] == "queued"
    program.cancel(id)
