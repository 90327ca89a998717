"""While the web part is flooded, with nothing in front, others' cells run and the server's health is told."""

from __future__ import annotations

from contextlib import ExitStack

import pytest
import requests

from harness.server import Server
from tests.adversarial.conftest import INNOCENT
from tests.checking_client import CheckingClient
from tests.client import Client
from tests.floods import flood, get, post

# Of each kind: more than may be slow at once, or wait; together far more than that, and fewer than a flood may open.
SLOW, WAITING = 400, 900
HUGE = b'{"code": "1", "message": {"msg_type": "comm_msg", "content": {"x": [' + b"9e307," * 100_000
FLOODS = {
    "half heads": (b"GET /healthz HTTP/1.1\r\nHost: x\r\nX: ", b"x"),
    "slow bodies": (post(100_000, b'{"code": "'), b"x"),
    "slow uploads": (post(30_000_000, b"--x\r\n", "multipart/form-data; boundary=x"), b"x"),
    "huge bodies": (post(8_000_000, HUGE), HUGE),
}
ANSWER_S = 30.0

pytestmark = pytest.mark.timeout(300)  # all that it waits for has a deadline; a busy machine uses much of each


@pytest.fixture(scope="module")
def server(roomy: Server) -> Server:
    """A server without Sage, which is loaded for longer than the floods last."""
    return roomy


@pytest.fixture(scope="module")
def client(server: Server) -> Client:
    """A client of this server; every conversation that it sees is checked."""
    return CheckingClient(server.url)


@pytest.fixture(scope="module")
def innocent(client: Client) -> str:
    """What the neighbour's cell comes to when nobody attacks."""
    return client.run(INNOCENT).result


def test_slow_and_huge_requests_of_all_kinds_at_once_take_nothing_from_others(server, client, neighbour):
    """G20: each kind by itself is in tests/web/test_floods.py."""
    with ExitStack() as floods:
        for first, drop in FLOODS.values():
            floods.enter_context(flood(server.port, SLOW, first, drop))
            visit(client)


def test_waiting_requests_take_nothing_from_others(server, client, neighbour):
    """G20"""
    id = client.submit("input()")["id"]
    last = client.until_asked(id)[-1]["sequence"]  # what is there already would be the answer, at once
    with ExitStack() as floods:
        for way in ("events", f"messages?wait=30&after={last}"):
            floods.enter_context(flood(server.port, WAITING, get(f"/computations/{id}/{way}")))
            visit(client)
    assert client.cancel(id).status_code == 202


def visit(client) -> None:
    for _ in range(3):
        assert requests.get(f"{client.url}/healthz", timeout=ANSWER_S).json() == {"alive": True}
        assert client.run("6 * 7").result == "42"
