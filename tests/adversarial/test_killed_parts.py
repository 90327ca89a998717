"""A process of ours that is killed takes its sessions along and is replaced, and what it ran is tried again."""

from __future__ import annotations

import os
import re
import signal
import uuid
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path

import pytest
import requests

from harness.processes import wait_for
from harness.server import Server, serve
from tests.adversarial.conftest import SETTINGS
from tests.adversarial.test_lifetime import until_gone
from tests.checking_client import CheckingClient
from tests.client import Client

DEVICE = r"trusted_db\.py"
SUPERVISOR = r"run_module\('untrusted'"


@pytest.fixture(scope="module")
def server() -> Iterator[Server]:
    """A server without Sage, which each supervisor that replaces another would load anew, and with time for cells."""
    with serve(SETTINGS.replace("cell_wall_s = 15.0", "cell_wall_s = 60.0")) as running:
        yield running


@pytest.fixture(scope="module")
def client(server: Server) -> Client:
    """A client of this server; every conversation that it sees is checked."""
    return CheckingClient(server.url)


def command_lines(server: Server) -> dict[int, str]:
    """Return the command of each process of a server."""
    found = {}
    for pid in server.process.descendants():
        try:
            found[pid] = Path(f"/proc/{pid}/cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace")
        except OSError:
            continue
    return found


def parent_of(pid: int) -> int:
    """Return the parent of a process; 0 when it has ended."""
    with suppress(OSError):
        return int(Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[1])
    return 0


def find_part(server: Server, pattern: str) -> int:
    """Return the process of a part, once there is one alone: that of a killed one may still be on its way out.

    What it forked has its command line, too: the first of them is the part itself.
    """

    def found() -> list[int]:
        pids = {pid for pid, line in command_lines(server).items() if re.search(pattern, line)}
        return [pid for pid in pids if (parent := parent_of(pid)) and parent not in pids]

    return wait_for(lambda: len(pids := found()) == 1 and pids)[0]


@pytest.mark.parametrize(
    "part",
    ["untrusted.worker.zygote.* python ", SUPERVISOR, "sshd: untrusted@"],
    ids=["zygote", "supervisor", "connection"],
)
def test_a_part_that_is_killed_takes_its_sessions_along_and_is_replaced(client, server, part):
    """B3, H10"""
    if part.startswith("sshd") and not server.accounts:
        pytest.skip("without a second account there is no connection to it")
    mark = f"part-{uuid.uuid4().hex[:12]}"
    code = f"import subprocess\nsubprocess.Popen(['{mark}', '1000'], executable='/bin/sleep')\nprint('in', flush=True)\nimport time\ntime.sleep(1000)"
    running = client.submit(code, keep=True)["id"]
    client.until_printed(running)
    os.kill(find_part(server, part), signal.SIGKILL)
    if "zygote" in part:
        assert client.finish(running).reason == "kernel_died"
    else:
        # Not the code's fault: it is tried again.
        wait_for(lambda: (said := client.get(running))["attempt"] == 2 and said["state"] == "running")
        client.cancel(running)
        assert client.finish(running).state == "cancelled"
    until_gone(mark)
    assert client.run("6 * 7").result == "42"


@pytest.mark.root
@pytest.mark.parametrize("part", ["sshd: untrusted@", DEVICE], ids=["connection", "device"])
def test_a_kept_session_that_rests_outlives_a_part_that_is_killed(client, server, part):
    """H10"""
    first = client.submit("n = 41", keep=True)
    client.finish(first["id"])
    session = first["session"]
    wait_for(lambda: requests.get(f"{server.url}/sessions/{session}", timeout=30).json()["state"] == "idle")

    def times_lost() -> int:
        return (server.data / "logs" / "server.log").read_text().count("its supervisor has ended")

    lost = times_lost()
    os.kill(find_part(server, part), signal.SIGKILL)
    # A turn that is sent before the device has heard of it does not rest any more.
    wait_for(lambda: part == DEVICE or times_lost() > lost)
    assert client.run("n += 1; n", session=session, keep=True).result == "42"
    assert client.run("n", session=session).result == "42"


def test_a_cell_that_is_sent_again_after_the_web_process_died_has_run_once(client, server):
    """G17"""
    session = client.submit("n = 0", keep=True)["session"]
    mark = f"part-{uuid.uuid4().hex[:12]}"
    code = f"""
n += 1
import subprocess, time
subprocess.Popen(['{mark}', '1000'], executable='/bin/sleep')
try: time.sleep(1000)
except KeyboardInterrupt: pass
n"""

    def send(wait_s: int) -> requests.Response:
        body, headers = {"code": code, "session": session, "keep": True}, {"Idempotency-Key": mark}
        return requests.post(f"{server.url}/computations?wait={wait_s}", json=body, headers=headers, timeout=60)

    with ThreadPoolExecutor() as pool:
        lost = pool.submit(send, 20)
        wait_for(lambda: any(line.startswith(mark) for line in command_lines(server).values()))
        workers = {pid for pid, line in command_lines(server).items() if "uwsgi" in line}
        for pid in workers:
            if parent_of(pid) in workers:
                with suppress(ProcessLookupError):  # one that is being started is another program by now
                    os.kill(pid, signal.SIGKILL)
        with pytest.raises(requests.ConnectionError):
            lost.result(60)

    def again() -> requests.Response | None:
        with suppress(requests.ConnectionError):
            return send(0)
        return None

    first, second = wait_for(again), send(0)
    assert first.status_code == second.status_code == 201 and first.json()["id"] == second.json()["id"]
    client.interrupt(first.json()["id"])
    assert client.finish(first.json()["id"]).result == "1"
    assert client.run("n", session=session).result == "1"


def test_a_computation_cancelled_between_two_attempts_still_ends_its_conversation(client, server):
    """H10"""
    running = client.submit("print('in', flush=True)\nimport time\ntime.sleep(1000)")["id"]
    client.until_printed(running)
    os.kill(find_part(server, SUPERVISOR), signal.SIGKILL)
    wait_for(lambda: client.get(running)["state"] == "queued")
    client.cancel(running)
    client.finish(running)  # checks that the last message is the status idle
