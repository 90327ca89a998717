"""Attacks that fill a small disk are refused with a sentence; the database lives, neighbours come to their ends."""

from __future__ import annotations

import os
import threading
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from pathlib import Path

import pytest
import requests

from harness.processes import wait_for
from harness.server import Server, can_mount, serve
from tests.adversarial.conftest import INNOCENT, beside
from tests.checking_client import CheckingClient
from tests.client import Client

MIB = 1 << 20
WORKERS = 12
DISK_BYTES = 2560 * MIB
FLOOR_BYTES, END_BYTES = 768 * MIB, 512 * MIB  # the second as by default: MongoDB itself may write so much
STORED_BYTES, CLIENT_BYTES = 256 * MIB, 192 * MIB
ATTACKER = {"X-Forwarded-For": "198.51.100.66"}  # believed from the loopback alone, which is where the tests are
SETTINGS = f"""
disk_free_bytes_min = {FLOOR_BYTES}
disk_free_bytes_end = {END_BYTES}
stored_bytes_max = {STORED_BYTES}
client_stored_bytes_max = {CLIENT_BYTES}
client_permalinks_day_bytes_max = 1000000
workers = {WORKERS}
cell_wall_s = 30.0
cell_cpu_s = 10.0
"""
NEARLY_FULL = "The server's disk is nearly full"
DISK_FULL = "DiskFull"
# Goes on a second after it is interrupted: so old a process's measurement of the disk may be.
HELD = """import time
try:
    print('begun', flush=True)
    time.sleep(600)
except KeyboardInterrupt:
    time.sleep(1.2)
"""
ANSWER_S = 60.0
COUNT = WORKERS + 8

pytestmark = [
    pytest.mark.root,
    pytest.mark.skipif(not can_mount(), reason="no disk can be mounted here: tests on a small disk are left out"),
]


@pytest.fixture(scope="module")
def server() -> Iterator[Server]:
    """A whole server whose data directory is a small disk."""
    with serve(SETTINGS, disk_bytes=DISK_BYTES) as running:
        yield running
        assert running.process.exit_code is None, running.process.log[-3000:]


@pytest.fixture(scope="module")
def client(server: Server) -> Client:
    """A client of this server; every conversation that it sees is checked."""
    return CheckingClient(server.url)


@pytest.fixture(scope="module")
def innocent(client: Client) -> str:
    """What the neighbour's cell comes to when nobody attacks."""
    return client.run(INNOCENT).result


def free_bytes(data: Path) -> int:
    """Return what is free on the server's disk."""
    found = os.statvfs(data)
    return found.f_bavail * found.f_frsize


@contextmanager
def filled(data: Path, left_bytes: int) -> Iterator[None]:
    """Have somebody else fill the server's disk, but for so much, while the block lasts."""
    ballast = data / "ballast"
    with open(ballast, "wb") as file:
        os.posix_fallocate(file.fileno(), 0, max(1, free_bytes(data) - left_bytes))
    try:
        yield
    finally:
        with suppress(OSError):  # the disk has gone with its server
            ballast.unlink()


def readiness(client: Client) -> tuple[int, list[str]]:
    """Return what /readyz says."""
    answer = requests.get(f"{client.url}/readyz", timeout=ANSWER_S)
    return answer.status_code, answer.json()["reasons"]


def is_refused(answer: requests.Response, sentence: str) -> bool:
    """Return whether this is a refusal for want of room, with its sentence and the time of another try."""
    if answer.status_code not in (429, 503):
        return False
    problem = answer.json()
    assert answer.headers["Content-Type"] == "application/problem+json" and int(answer.headers["Retry-After"]) > 0
    assert problem["detail"].startswith(sentence), problem
    return True


def works_again(client: Client) -> bool:
    """Return whether the server takes cells and says that it is ready."""
    return readiness(client)[0] == 200 and client.run("1+1").result == "2"


def test_below_the_floor_everything_new_is_refused_and_service_returns_by_itself(client, server, innocent):
    with beside(client, innocent):
        asking = client.submit("input('?')")["id"]
        client.until_asked(asking)
        with filled(server.data, (FLOOR_BYTES + END_BYTES) // 2):
            wait_for(lambda: readiness(client)[0] == 503)
            assert readiness(client)[1][0].startswith(NEARLY_FULL)
            http, url = client.http, client.url
            for answer in (
                http.post(f"{url}/computations", json={"code": "1"}, timeout=ANSWER_S),
                http.post(f"{url}/computations", data={"code": "1"}, files={"file": b"x"}, timeout=ANSWER_S),
                http.post(f"{url}/permalinks", json={"code": "1"}, timeout=ANSWER_S),
                http.post(f"{url}/permalink", data={"code": "1"}, timeout=ANSWER_S),
                http.post(f"{url}/computations/{asking}/input", json={"value": "x"}, timeout=ANSWER_S),
                http.post(f"{url}/sessions/-/complete", json={"code": "x", "cursor_pos": 1, "language": "python"},
                          timeout=ANSWER_S),
            ):  # fmt: skip
                assert is_refused(answer, NEARLY_FULL), answer.text
            assert http.get(f"{url}/healthz", timeout=ANSWER_S).ok
            assert http.delete(f"{url}/computations/{asking}", timeout=ANSWER_S).status_code == 202
            assert client.finish(asking).state == "cancelled"
    wait_for(lambda: works_again(client))


def test_what_runs_when_the_floor_is_met_ends_as_it_would_have(client, server):
    id = client.submit(f"{HELD}print('x' * 3_000_000)\nopen('a', 'w').write('y')")["id"]
    client.until_printed(id)
    with filled(server.data, (FLOOR_BYTES + END_BYTES) // 2):
        assert client.interrupt(id).status_code == 202
        outcome = client.finish(id)
        assert outcome.state == "done" and outcome.text().count("x") == 3_000_000
        assert client.http.get(f"{client.url}/files/{id}/a", timeout=ANSWER_S).text == "y"
    wait_for(lambda: works_again(client))


# Code that makes much, and the reasons with which it ends where there is no room.
LONG = {
    "for _ in range(8): print('x' * 1_000_000, flush=True)": {"output"},
    "import os\nopen('a', 'wb').write(os.urandom(30_000_000))": {"files"},
    "import os\nprint('x' * 1_000_000)\nopen('a', 'wb').write(os.urandom(1_000_000))": {"output", "files"},
    "from IPython.display import display\nfor n in range(500): display({'text/plain': 'x' * 2000}, raw=True)": {"output"},
}


def test_with_no_room_at_all_cells_that_make_much_are_ended_and_short_ones_are_not(client, server):
    long, short = ([client.submit(HELD + code)["id"] for code in codes] for codes in (LONG, ["1+1"] * len(LONG)))
    for id in (*long, *short):
        client.until_printed(id)
    with filled(server.data, END_BYTES // 2):
        for id in (*long, *short):
            assert client.interrupt(id).status_code == 202
        for id, reasons in zip(long, LONG.values(), strict=True):
            outcome = client.finish(id)
            assert outcome.state == "failed" and outcome.reason in reasons
            assert outcome.error["ename"] == DISK_FULL and outcome.error["evalue"].endswith(".")
            assert sum(len(text) for text in map(str, outcome.messages)) < 400_000
            assert client.http.get(f"{client.url}/computations/{id}/files", timeout=ANSWER_S).json()["files"] == []
        assert [client.finish(id).result for id in short] == ["2"] * len(short)
    wait_for(lambda: works_again(client))


def test_a_cell_that_waits_in_the_queue_runs_when_there_is_room_again(client, server):
    with ThreadPoolExecutor(8) as clients:
        ids = list(clients.map(lambda n: client.submit(f"import time; time.sleep(2); {n}")["id"], range(COUNT)))
    with filled(server.data, END_BYTES // 2):
        first = client.finish(ids[0])
        assert first.state == "done"
        assert [client.get(id)["state"] for id in ids].count("failed") == 0
    assert [client.finish(id).result for id in ids] == [str(n) for n in range(COUNT)]


def test_a_flood_of_uploads_leaves_the_database_and_its_neighbours_alone(client, server, innocent):
    body = os.urandom(31_000_000)
    answers: Counter[int] = Counter()
    least_free = [free_bytes(server.data)]

    def upload(_number: int) -> None:
        answer = requests.post(
            f"{client.url}/computations", data={"code": "1"}, files={"file": body}, headers=ATTACKER, timeout=ANSWER_S
        )
        answers[answer.status_code] += 1
        assert answer.status_code == 201 or is_refused(answer, ""), answer.text
        least_free[0] = min(least_free[0], free_bytes(server.data))

    with beside(client, innocent), ThreadPoolExecutor(10) as attackers:
        list(attackers.map(upload, range(20)))
    assert set(answers) <= {201, 429, 503} and answers[201] >= 5, answers
    assert answers[503] + answers[429] > 0, answers  # 20 of them are twice what may be stored
    assert least_free[0] > END_BYTES, answers
    wait_for(lambda: works_again(client), 90)


def test_a_flood_of_files_and_output_is_bounded_and_older_results_go(client, server, innocent):
    ids = []
    least_free = [free_bytes(server.data)]
    stop = threading.Event()

    def watch() -> None:
        while not stop.wait(0.1):
            least_free[0] = min(least_free[0], free_bytes(server.data))

    watcher = threading.Thread(target=watch)
    watcher.start()
    code = "import os\nfor n in range(2): open(str(n), 'wb').write(os.urandom(30_000_000))\nprint('x' * 500_000)"

    def run(_number: int) -> tuple[str, str | None]:
        while True:
            url = f"{client.url}/computations?wait=30"
            answer = requests.post(url, json={"code": code}, headers=ATTACKER, timeout=ANSWER_S)
            if not is_refused(answer, ""):
                break
        cell = answer.json()
        ids.append(cell["id"])
        error = next((one["content"]["ename"] for one in cell["messages"] if one["header"]["msg_type"] == "error"), None)
        return cell["state"] if cell["finished"] else "more", error

    with beside(client, innocent), ThreadPoolExecutor(4) as attackers:
        ends = Counter(attackers.map(run, range(6)))
    stop.set()
    watcher.join(ANSWER_S)
    # Ended, each: with what it made, or with the sentence that there is no room for it.
    assert set(ends) <= {("done", None), ("more", None), ("failed", DISK_FULL)}, ends
    assert least_free[0] > 0, ends
    wait_for(lambda: works_again(client), 90)
    # The first of them made room for the last.
    wait_for(lambda: client.http.get(f"{client.url}/computations/{ids[0]}", timeout=ANSWER_S).status_code == 404)


def test_a_flood_of_permalinks_ends_with_its_client_s_day_and_nobody_else_s(client):
    def make(address: str, number: int) -> requests.Response:
        # The proxy's word is believed from the loopback alone, which is where the tests are.
        return client.http.post(
            f"{client.url}/permalinks", json={"code": f"{number:06}" * 10_000},
            headers={"X-Forwarded-For": address}, timeout=ANSWER_S,
        )  # fmt: skip

    answers = [make("2001:db8::1", number) for number in range(20)]
    assert [answer.status_code for answer in answers] == [201] * 16 + [429] * 4
    assert is_refused(answers[-1], "From your address")
    assert make("2001:db8::2", 100).status_code == 429  # of the same network
    assert make("2001:db8:0:1::1", 101).status_code == 201
    assert make("2001:db8::1", 0).status_code == 201  # it is there already


def test_when_others_fill_the_disk_wholly_the_server_says_so_and_loses_nothing():
    with serve(SETTINGS, disk_bytes=DISK_BYTES) as server:
        client = Client(server.url)
        kept = client.run("6 * 7").description["id"]

        def refuses() -> bool:
            try:
                return readiness(client)[0] == 503
            except requests.RequestException:
                return False

        def serves() -> bool:
            try:
                return works_again(client)
            except (requests.RequestException, AssertionError):
                return False

        with filled(server.data, MIB):
            # MongoDB notices with its next checkpoint, or when its journal needs another file.
            wait_for(refuses)
        wait_for(serves, 60)
        assert client.get(kept)["state"] == "done"
