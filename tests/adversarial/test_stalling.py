"""What a cell says costs its own session, and none of the time that the device has for others."""

from __future__ import annotations

import os
import signal
import time
from contextlib import suppress
from pathlib import Path

import pytest

from device.checking.pool import CHECKERS
from harness.processes import cpu_s, wait_for
from harness.server import Server
from host import descendants
from tests.checking_client import CheckingClient
from tests.client import Client

ROUNDS = 20
PIECE_S = 0.5  # below it a machine is merely busy
TRIES = 3  # a machine that stands still for a moment does not do so each time
SLOW = "from IPython.display import display\nfor i in range(2): display({'text/plain': 'x', 'application/json': %s}, raw=True)"
STALLS = {
    "A15 numbers that are slow to read": SLOW % "[9e307] * 295_000",
    "A15 integers of thousands of digits": SLOW % "[10 ** 4200] * 400",
    "A15 lists in lists": SLOW % "[eval('[' * 60 + ']' * 60)] * 14_000",
    "A15 objects in objects": SLOW % "[{'': {'': {'': {'': {}}}}}] * 70_000",
    "A15 escapes": SLOW % "'\\n\\x01\"' * 180_000",
    "A18 many tiny displays": "from IPython.display import display\n"
    "for i in range(9_000): display({'text/plain': ''}, raw=True)",
    "A15 one file that is large and many that are not": "for i in range(60): open(f'{i}', 'w').write('x')\n"
    "open('large', 'wb').write(bytes(30_000_000))",
}


pytestmark = pytest.mark.timeout(300)  # many cells one after another, each late on a busy machine


@pytest.fixture(scope="module")
def clients(roomy: Server) -> tuple[Client, Client]:
    """The attacker, whose messages would take long to check here, too, and the neighbour."""
    return Client(roomy.url), CheckingClient(roomy.url)


def time_of_cell(client: Client) -> float:
    """Run a short cell; return how long its end took to come, in seconds."""
    began_s = time.monotonic()
    answer = client.http.post(f"{client.url}/computations?wait=30", json={"code": "6 * 7"}, timeout=60).json()
    assert answer["state"] == "done", answer
    return time.monotonic() - began_s


def p95(times_s: list[float]) -> float:
    """Return the 95th percentile."""
    return sorted(times_s)[int(0.95 * (len(times_s) - 1))]


@pytest.mark.parametrize("name", STALLS)
def test_what_is_slow_to_check_does_not_slow_the_neighbour(clients, name):
    for _ in range(TRIES):
        alone, beside = times_of_neighbour(*clients, name)
        if p95(beside) < 2 * alone + PIECE_S:
            return
    raise AssertionError((alone, beside))


def times_of_neighbour(attacker: Client, neighbour: Client, name: str) -> tuple[float, list[float]]:
    """Return the 95th percentile of a neighbour's times while nobody attacks, and its times beside the attack."""
    for _ in range(5):
        time_of_cell(neighbour)
    alone = p95([time_of_cell(neighbour) for _ in range(ROUNDS)])
    id = attacker.submit(STALLS[name])["id"]
    beside = [time_of_cell(neighbour)]
    while attacker.get(id)["state"] in ("queued", "running") and len(beside) < 3 * ROUNDS:
        beside.append(time_of_cell(neighbour))
    outcome = attacker.finish(id)
    assert (outcome.state, outcome.reason) in (("done", None), ("failed", "output")), outcome.description
    assert outcome.description["attempt"] == 1
    return alone, beside


def checkers(server: Server) -> list[int]:
    """Return the processes of this server that check what cells say."""

    def command(pid: int) -> bytes:
        with suppress(OSError):
            return Path(f"/proc/{pid}/cmdline").read_bytes()
        return b""  # it has just ended

    return [pid for pid in descendants.find(server.process.pid) if b"device.checking.process" in command(pid)]


def test_a_poisoned_checker_costs_its_own_cell_alone(roomy, clients):
    """H10"""
    attacker, neighbour = clients
    for _ in range(10):
        pids = wait_for(lambda: len(found := checkers(roomy)) == CHECKERS and found)
        before = {pid: cpu_s([pid]) for pid in pids}
        id = attacker.submit(STALLS["A15 numbers that are slow to read"])["id"]
        while attacker.get(id)["state"] in ("queued", "running"):
            works = [pid for pid in pids if cpu_s([pid]) > before[pid]]
            if works:
                os.kill(works[0], signal.SIGKILL)
                break
        assert time_of_cell(neighbour)
        outcome = attacker.finish(id)
        assert outcome.description["attempt"] == 1
        if outcome.state == "failed":
            break  # else it was killed between two frames, or too late
    assert (outcome.state, outcome.reason) == ("failed", "output")
    assert attacker.run(STALLS["A15 numbers that are slow to read"]).state == "done"
    wait_for(lambda: len(checkers(roomy)) == CHECKERS)
