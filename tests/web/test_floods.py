"""Floods against uWSGI as ``make run`` starts it, with nothing in front; beside each a second visitor's cells run."""

from __future__ import annotations

import os
import re
import socket
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import ExitStack, suppress
from dataclasses import dataclass
from pathlib import Path

import pytest
import requests

import settings as settings_file
import store as stores
from harness.processes import Process, start, wait_for
from harness.server import free_port
from host.services import web_command
from settings import Settings
from store import Claim, embedded
from tests.floods import flood, get, post
from tests.web.conftest import ROOT, Device, texts
from web.stages import SHARES, Kind

UWSGI = Path(sys.executable).with_name("uwsgi")
START_S = 60.0
ROUNDS = 3
GREENLETS = 128
FLOOD = 160  # connections: more than there are greenlets, and many times as many as may be at one stage
VISIT_S = 20.0  # long enough for a busy machine, far shorter than what an attacker could hold
MEMORY_BYTES = 200 << 20


@dataclass(frozen=True)
class Site:
    """A running uWSGI; the device behind it is played by the test."""

    url: str
    settings: Settings
    process: Process
    device: Device

    def most(self, kind: Kind) -> int:
        """Return how many connections may be at this."""
        return int(self.settings.web_greenlets) * SHARES[kind] // 16

    def running(self) -> Claim:
        """Return a computation that runs, to be finished by the test."""
        requests.post(f"{self.url}/computations", json={"code": "1"}, timeout=VISIT_S)
        return self.device.claim()

    def at(self, what: str) -> float:
        """Return how many connections are at this now, as /metrics says."""
        figures = requests.get(f"{self.url}/metrics", timeout=VISIT_S).text
        return float(re.search(f'singlecell_http_connections{{at="{what}"}} (.*)', figures)[1])

    def memory_bytes(self) -> int:
        """Return what uWSGI's processes hold."""
        pids = [self.process.pid, *self.process.descendants()]
        return sum(int(Path(f"/proc/{pid}/statm").read_text().split()[1]) for pid in pids) * os.sysconf("SC_PAGE_SIZE")


@pytest.fixture(scope="module")
def site(mongo_directory: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    """uWSGI with the flags of ``make run`` over a database of its own."""
    chosen = {
        "mongo_uri": embedded.uri(mongo_directory),
        "mongo_database": "test_floods",
        "http_port": free_port(),
        "web_greenlets": GREENLETS,
    }
    settings = settings_file.load(**chosen)
    config = tmp_path_factory.mktemp("floods") / "singlecell_config.py"
    config.write_text("".join(f"{name} = {value!r}\n" for name, value in chosen.items()))
    env = {**os.environ, "SINGLECELL_CONFIG": str(config)}
    door = stores.connect(settings)
    argv = web_command(UWSGI, settings)
    with start(argv, ready="WSGI app 0 .* ready", deadline_s=START_S, env=env, cwd=ROOT) as process:
        yield Site(f"http://127.0.0.1:{settings.http_port}", settings, process, Device(door))
    door.close()


def visit(site: Site) -> None:
    """Run a cell as a second visitor does, and ask for the server's health."""
    assert requests.get(f"{site.url}/healthz", timeout=VISIT_S).json() == {"alive": True}
    answer = requests.post(f"{site.url}/computations", json={"code": "1"}, timeout=VISIT_S)
    assert answer.status_code == 201, answer.text
    links = answer.json()["links"]
    told: list[dict] = []
    poll = threading.Thread(target=lambda: told.append(_finished(links["messages"])))
    poll.start()
    site.device.run("hello")
    poll.join(VISIT_S)
    assert texts(told[0]["messages"]) == ["hello"]


def _finished(messages: str) -> dict:
    end = time.monotonic() + VISIT_S
    while True:
        page: dict = requests.get(messages, params={"wait": 5}, timeout=VISIT_S).json()
        if page["finished"]:
            return page
        assert time.monotonic() < end


JSON = {"Content-Type": "application/json"}
HALF_HEAD = b"GET /healthz HTTP/1.1\r\nHost: x\r\nX: "
MULTIPART = "multipart/form-data; boundary=x"
SLOW = {
    "half heads": (HALF_HEAD, b"x"),
    "silent connections": (b"", b""),  # the kernel keeps them to itself (TCP_DEFER_ACCEPT)
    "slow bodies": (post(100_000, b'{"code": "'), b"x"),
    "bodies that never come": (post(100_000), b""),
    "slow uploads": (post(10_000_000, b'--x\r\nContent-Disposition: form-data; name="code"\r\n\r\n', MULTIPART), b"x"),
    "bodies too long, slowly": (post(8_000_000, b"["), b"["),
    "answers that nobody reads": (get("/static/singlecell/plotly-3b6e15d45d.js"), b""),
}


@pytest.mark.parametrize("kind", SLOW)
def test_a_flood_of_slow_connections_leaves_others_alone(site: Site, kind: str) -> None:
    first, drop = SLOW[kind]
    reads = kind != "answers that nobody reads"
    count = FLOOD if reads else 2 * FLOOD  # at once, before any of them is old enough to give way
    with flood(site.settings.http_port, count, first, drop, reads=reads) as attack:
        for _ in range(ROUNDS):
            visit(site)
        assert site.memory_bytes() < MEMORY_BYTES
        if reads and first:
            wait_for(lambda: attack.lost >= FLOOD, 60)  # as many were cut as were opened at first
        visit(site)


@pytest.mark.parametrize("way", ["events", "messages?wait=30"])
def test_a_flood_of_waiting_requests_leaves_others_alone(site: Site, way: str) -> None:
    claim = site.running()
    with flood(site.settings.http_port, FLOOD, get(f"/computations/{claim.id}/{way}")):
        for _ in range(ROUNDS):
            visit(site)
        assert site.memory_bytes() < MEMORY_BYTES
    site.device.finish(claim)


def test_a_flood_of_huge_bodies_leaves_others_alone(site: Site) -> None:
    # 8 MB of numbers each of which msgspec by itself reads for 18 µs; and the same in chunks, which say no length.
    body = b'{"session": "x", "message": {"msg_type": "comm_msg", "content": {"x": [' + b"9e307," * 1_300_000
    pieces = [body[start : start + 100_000] for start in range(0, len(body), 100_000)]
    over, statuses = threading.Event(), set()

    def attack(chunked: bool) -> None:
        while not over.is_set():
            with suppress(requests.ConnectionError):  # an answer before all was sent may be lost
                data = iter(pieces) if chunked else body
                answer = requests.post(f"{site.url}/computations", data=data, headers=JSON, timeout=VISIT_S)
                statuses.add(answer.status_code)

    attackers = [threading.Thread(target=attack, args=(number % 2 == 0,)) for number in range(8)]
    for attacker in attackers:
        attacker.start()
    for _ in range(ROUNDS):
        visit(site)
    assert site.memory_bytes() < MEMORY_BYTES
    over.set()
    for attacker in attackers:
        attacker.join(VISIT_S)
        assert not attacker.is_alive()
    assert statuses <= {411, 413} and 413 in statuses


def test_event_streams_are_bounded_and_what_is_beyond_is_told_to_poll(site: Site) -> None:
    claim, most = site.running(), site.most(Kind.EVENTS)
    url = f"{site.url}/computations/{claim.id}"
    wait_for(lambda: site.at("events") == 0)
    with ExitStack() as streams:
        for _ in range(most):
            stream = streams.enter_context(requests.get(f"{url}/events", stream=True, timeout=VISIT_S))
            assert stream.status_code == 200
        refused = requests.get(f"{url}/events", timeout=VISIT_S)
        assert refused.status_code == 503 and refused.headers["Retry-After"]
        assert "ask for the messages instead" in refused.json()["detail"]
        assert requests.get(f"{url}/messages", timeout=VISIT_S).status_code == 200
    site.device.finish(claim)
    wait_for(lambda: site.at("events") == 0)
    assert requests.get(f"{url}/events", timeout=VISIT_S).status_code == 200


def test_a_poll_beyond_the_bound_is_answered_before_its_time(site: Site) -> None:
    claim, most = site.running(), site.most(Kind.WAIT)
    url = f"{site.url}/computations/{claim.id}"
    wait_for(lambda: site.at("wait") == 0)
    with flood(site.settings.http_port, most, get(f"{url.removeprefix(site.url)}/messages?wait=30")):
        wait_for(lambda: site.at("wait") == most)
        page = requests.get(f"{url}/messages", params={"wait": 30}, timeout=VISIT_S)
        assert page.status_code == 200 and page.json()["messages"] == [] and not page.json()["finished"]
        assert site.at("wait") == most  # those before it wait on
    site.device.finish(claim)


def test_a_body_that_came_too_slowly_is_told_so(site: Site) -> None:
    with socket.create_connection(("127.0.0.1", site.settings.http_port), timeout=60) as late:
        late.sendall(post(100))
        answer = late.makefile("rb").read()
    assert answer.startswith(b"HTTP/1.1 408") and b"too slowly" in answer
