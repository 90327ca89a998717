"""While the web part is flooded, with nothing in front, others' cells run and the server's health is told."""

from __future__ import annotations

import pytest
import requests

from tests.floods import flood, get, post

COUNT = 1200  # many times what may be slow, and more than may wait
HUGE = b'{"code": "1", "message": {"msg_type": "comm_msg", "content": {"x": [' + b"9e307," * 100_000
FLOODS = {
    "half heads": (b"GET /healthz HTTP/1.1\r\nHost: x\r\nX: ", b"x"),
    "slow bodies": (post(100_000, b'{"code": "'), b"x"),
    "slow uploads": (post(30_000_000, b"--x\r\n", "multipart/form-data; boundary=x"), b"x"),
    "huge bodies": (post(8_000_000, HUGE), HUGE),
}
ANSWER_S = 30.0

pytestmark = pytest.mark.timeout(300)  # all that it waits for has a deadline; a busy machine uses much of each


@pytest.mark.parametrize("kind", FLOODS)
def test_slow_and_huge_requests_take_nothing_from_others(server, client, neighbour, kind):
    """G20"""
    first, drop = FLOODS[kind]
    with flood(server.port, COUNT, first, drop):
        visit(client)


@pytest.mark.parametrize("way", ["events", "messages?wait=30&after={last}"], ids=["events", "messages"])
def test_waiting_requests_take_nothing_from_others(server, client, neighbour, way):
    """G20"""
    id = client.submit("input()")["id"]
    last = client.until_asked(id)[-1]["sequence"]  # what is there already would be the answer, at once
    with flood(server.port, COUNT, get(f"/computations/{id}/{way.format(last=last)}")):
        visit(client)
    assert client.cancel(id).status_code == 202


def visit(client) -> None:
    for _ in range(3):
        assert requests.get(f"{client.url}/healthz", timeout=ANSWER_S).json() == {"alive": True}
        assert client.run("6 * 7").result == "42"
