"""Web part and device are replaced by newer ones while cells come in, and not one of them is lost or runs twice."""

from __future__ import annotations

import os
import signal
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

import pytest
import requests

import settings as settings_file
import store as stores
from harness import processes
from harness.processes import Process
from harness.server import ROOT, free_port
from host.services import web_command
from singlecell_client import Client, Result
from store import Store, embedded
from tests.device.test_connector import open_door
from tests.mongod import new_name

UWSGI = Path(sys.executable).with_name("uwsgi")
PROGRAM = [sys.executable, str(ROOT / "trusted_db.py")]
START_S = END_S = 60.0
VISITORS = 6
SHORT, LONG = "print({0} * {0})", "import time\ntime.sleep(2)\nprint({0} * {0})"


@dataclass
class Site:
    """A web part in front of a database, and the devices that a test starts."""

    url: str
    store: Store
    web: Process
    argv: list[str]
    env: dict[str, str]
    cwd: Path
    stack: ExitStack

    def start_device(self, *more: str) -> Process:
        """Start a device, and return when it can run cells."""
        argv = [*self.argv, *more]
        started = processes.start(
            argv, ready=": python .* is ready", deadline_s=START_S, env=self.env, cwd=self.cwd
        )
        return self.stack.enter_context(started)


@pytest.fixture
def site(mongo_directory: Path, tmp_path: Path) -> Iterator[Site]:
    """uWSGI as ``make run`` starts it; devices run cells in the untrusted account."""
    chosen = {
        "mongo_uri": embedded.uri(mongo_directory), "mongo_database": new_name(), "http_port": free_port(),
        "languages": {"sage": None}, "web_greenlets": 256,
    }  # fmt: skip
    settings = settings_file.load(**chosen)
    with ExitStack() as stack:
        door, _sshd = stack.enter_context(open_door(forward=False))
        chosen |= {"ssh_key_file": str(door.key_file), "ssh_known_hosts_file": str(door.known_hosts_file)}
        config = tmp_path / "config.py"
        config.write_text("".join(f"{name} = {value!r}\n" for name, value in chosen.items()))
        env = {**os.environ, settings_file.ENVIRONMENT_NAME: str(config)}
        store = stores.connect(settings)
        stack.callback(store.close)
        web = stack.enter_context(
            processes.start(
                web_command(UWSGI, settings), ready="WSGI app 0 .* ready", deadline_s=START_S, env=env, cwd=ROOT
            )
        )
        argv = [*PROGRAM, "-w", "4", "--untrusted-account", door.account]
        yield Site(f"http://127.0.0.1:{settings.http_port}", store, web, argv, env, tmp_path, stack)


class Visitors:
    """Visitors who run one cell after another until they are told to stop, each as its program does."""

    def __init__(self, url: str) -> None:
        self.results: list[tuple[int, Result]] = []
        self.faults: list[BaseException] = []
        self._stopped = threading.Event()
        self._url, self._count = url, iter(range(1, 10**9))
        self._threads = [threading.Thread(target=self._visit, args=(number,)) for number in range(VISITORS)]

    def __enter__(self) -> Visitors:
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *_error: object) -> None:
        self._stopped.set()
        for thread in self._threads:
            thread.join(END_S)

    def go_on(self, count: int) -> None:
        """Wait until so many more cells have ended."""
        wanted = len(self.results) + count
        processes.wait_for(lambda: self.faults or len(self.results) >= wanted, END_S)

    def _visit(self, visitor: int) -> None:
        client = Client(self._url)
        try:
            while not self._stopped.is_set():
                number = next(self._count)
                code = (LONG if visitor == 0 else SHORT).format(number)
                self.results.append((number, client.run(code)))
        except BaseException as fault:
            self.faults.append(fault)


@pytest.mark.root
def test_web_and_device_are_replaced_under_load_and_no_cell_is_lost(site: Site) -> None:
    old = site.start_device("--drain", "30")
    with Visitors(site.url) as visitors:
        visitors.go_on(20)
        site.start_device("--drain", "30")
        visitors.go_on(10)
        old.signal(signal.SIGTERM)
        assert old.wait(END_S) == 0
        visitors.go_on(20)
        worker = site.web.descendants()
        site.web.signal(signal.SIGHUP)
        processes.wait_for(lambda: not set(worker) & set(site.web.descendants()), END_S)
        visitors.go_on(20)
    assert not visitors.faults
    wrong = [(number, result) for number, result in visitors.results if result.text != f"{number * number}\n"]
    assert not wrong
    for _number, result in visitors.results:
        computation = site.store.computations.get(result.id)
        assert computation is not None and (computation.state, computation.attempt) == ("done", 1), result.id
    rows = site.store.report.rows(1, ["state"])
    assert [(row["state"], row["computations"]) for row in rows] == [("done", len(visitors.results))]


@pytest.mark.root
def test_what_does_not_end_in_time_is_handed_back_and_runs_again_elsewhere(site: Site) -> None:
    old = site.start_device("--drain", "1")
    client = Client(site.url)
    id = client.submit("import time\nprint('begun', flush=True)\ntime.sleep(8)\nprint('over')")["id"]
    processes.wait_for(lambda: requests.get(f"{site.url}/computations/{id}/messages", timeout=10).text.count("begun"))
    began = time.monotonic()
    old.signal(signal.SIGTERM)
    assert old.wait(END_S) == 0
    assert time.monotonic() - began > 1
    site.start_device()
    assert list(client.follow(id))[-1]["content"] == {"execution_state": "idle"}
    computation = site.store.computations.get(id)
    assert computation is not None and (computation.state, computation.attempt) == ("done", 2)


@pytest.mark.root
def test_a_second_signal_cuts_the_wait_short(site: Site) -> None:
    device = site.start_device("--drain", "600")
    id = Client(site.url).submit("import time\ntime.sleep(600)")["id"]
    processes.wait_for(lambda: (found := site.store.computations.get(id)) and found.state == "running")
    device.signal(signal.SIGTERM)
    device.wait_for_line("takes nothing new", END_S)
    device.signal(signal.SIGINT)
    assert device.wait(END_S) == 0
    found = site.store.computations.get(id)
    assert found is not None and found.state == "queued"


@pytest.mark.root
def test_a_device_reports_the_workers_that_its_pools_have_ready(site: Site) -> None:
    site.start_device()
    # Of the other languages that this machine has there may be some, too.
    processes.wait_for(lambda: ["python", 4] in site.store.devices.alive()[0]["accounts"][0]["pool"], END_S)
