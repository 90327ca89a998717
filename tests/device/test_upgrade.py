"""Web part and device are replaced, forward and back, while cells come in: no cell is lost or runs twice."""

from __future__ import annotations

import os
import shutil
import signal
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import requests
from pymongo import MongoClient

import settings as settings_file
import store as stores
from harness import processes
from harness.processes import Process
from harness.server import ROOT, free_port
from host.copies import FILES, ROOMS
from host.services import web_command
from singlecell_client import Client, Result
from store import Store, embedded, schema
from tests.device.test_connector import PYTHON_ALONE, open_door
from tests.mongod import new_name

UWSGI = Path(sys.executable).with_name("uwsgi")
START_S = END_S = 60.0
VISITORS = 3
# Between two cells of a visitor: without it they take both processors from the devices that start beside them.
PAUSE_S = 0.2
NEWER = schema.KNOWN + 1
SHORT, LONG = "print({0} * {0})", "import time\ntime.sleep(2)\nprint({0} * {0})"


@dataclass
class Site:
    """A web part in front of a database, and the devices that a test starts."""

    url: str
    database: schema.Mongo
    store: Store
    web: Process
    argv: list[str]
    env: dict[str, str]
    cwd: Path
    stack: ExitStack

    def start_device(self, *more: str, checkout: Path = ROOT) -> Process:
        """Start a device of a checkout, and return when it can run cells."""
        argv = [sys.executable, str(checkout / "trusted_db.py"), *self.argv, *more]
        started = processes.start(
            argv, ready=": python .* is ready", deadline_s=START_S, env=self.env, cwd=self.cwd
        )
        return self.stack.enter_context(started)

    def accounts(self) -> list[dict[str, Any]]:
        """Return what the devices that are alive report of their accounts."""
        return [account for device in self.store.devices.alive() for account in device["accounts"]]

    def reload_web(self) -> None:
        """Have uWSGI start its processes anew, and return when the old ones have ended."""
        old = set(self.web.descendants())
        self.web.signal(signal.SIGHUP)
        processes.wait_for(lambda: not old & set(self.web.descendants()), END_S)


@pytest.fixture
def site(mongo_directory: Path, tmp_path: Path) -> Iterator[Site]:
    """uWSGI as ``make run`` starts it; devices run cells in the untrusted account."""
    chosen = {
        "mongo_uri": embedded.uri(mongo_directory), "mongo_database": new_name(), "http_port": free_port(),
        "languages": PYTHON_ALONE, "web_greenlets": 256,
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
        argv = ["-w", "4", "--untrusted-account", door.account]
        mongo = stack.enter_context(MongoClient[dict[str, Any]](settings.mongo_uri))
        database = mongo[settings.mongo_database]
        yield Site(f"http://127.0.0.1:{settings.http_port}", database, store, web, argv, env, tmp_path, stack)


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
                self._stopped.wait(PAUSE_S)
        except BaseException as fault:
            self.faults.append(fault)


def newer_checkout(directory: Path) -> Path:
    """Return a copy of this checkout that knows one migration more, which expands."""
    directory.mkdir()
    for name in (*FILES, *ROOMS):
        source, target = ROOT / name, directory / name
        if source.is_dir():
            shutil.copytree(source, target, ignore=shutil.ignore_patterns("__pycache__"))
        else:
            shutil.copyfile(source, target)
    known = directory / "store" / "schema.py"
    known.write_text(known.read_text().replace(f"KNOWN = {schema.KNOWN}", f"KNOWN = {NEWER}"))
    all_of_them = directory / "store" / "migrations" / "__init__.py"
    more = f'MIGRATIONS += (Migration({NEWER}, "Nothing is changed.", lambda _database, _at_once: 0),)'
    before, line, after = all_of_them.read_text().partition("\n\nclass Migrations:")
    all_of_them.write_text(f"{before}\n{more}{line}{after}")
    return directory


@pytest.mark.root
@pytest.mark.timeout(300)  # it starts three devices one after another, and all that it waits for has a deadline
def test_web_and_device_are_replaced_forward_and_back_and_no_cell_is_lost(site: Site, tmp_path: Path) -> None:
    newer = newer_checkout(tmp_path / "newer")
    device = site.start_device("--drain", "30")
    with Visitors(site.url) as visitors:
        for checkout in (newer, ROOT):
            visitors.go_on(10)
            successor = site.start_device("--drain", "30", checkout=checkout)
            visitors.go_on(10)
            device.signal(signal.SIGTERM)
            assert device.wait(END_S) == 0
            site.reload_web()
            visitors.go_on(10)
            if checkout is newer:
                processes.wait_for(lambda: NEWER in schema.read(site.database)["done"], END_S)
            device = successor
    assert not visitors.faults
    wrong = [(number, result) for number, result in visitors.results if result.text != f"{number * number}\n"]
    assert not wrong
    for _number, result in visitors.results:
        computation = site.store.computations.get(result.id)
        assert computation is not None and (computation.state, computation.attempt) == ("done", 1), result.id
    rows = site.store.report.rows(1, ["state"])
    assert [(row["state"], row["computations"]) for row in rows] == [("done", len(visitors.results))]


# Its text, which is among its messages too, does not have the word in one piece.
UNTIL_INTERRUPTED = """
import time
try:
    print('be' 'gun', flush=True)
    time.sleep(600)
except KeyboardInterrupt:
    print('over')
"""


@pytest.mark.root
def test_what_does_not_end_in_time_is_handed_back_and_runs_again_elsewhere(site: Site) -> None:
    old = site.start_device("--drain", "1")
    client = Client(site.url)
    id = client.submit(UNTIL_INTERRUPTED)["id"]
    messages = f"{site.url}/computations/{id}/messages"
    processes.wait_for(lambda: requests.get(messages, timeout=10).text.count("begun") == 1)
    began = time.monotonic()
    old.signal(signal.SIGTERM)
    assert old.wait(END_S) == 0
    assert time.monotonic() - began > 1
    site.start_device()
    processes.wait_for(lambda: requests.get(messages, timeout=10).text.count("begun") == 2)
    site.store.computations.request_interrupt(id)
    assert list(client.follow(id))[-1]["content"] == {"execution_state": "idle"}
    computation = site.store.computations.get(id)
    assert computation is not None and (computation.state, computation.attempt) == ("done", 2)


@pytest.mark.root
def test_a_second_signal_cuts_the_wait_short(site: Site) -> None:
    """And a device reports the workers that its pools have ready."""
    device = site.start_device("--drain", "600")
    processes.wait_for(lambda: [account["pool"] for account in site.accounts()] == [[["python", 4]]], END_S)
    id = Client(site.url).submit("import time\ntime.sleep(600)")["id"]
    processes.wait_for(lambda: (found := site.store.computations.get(id)) and found.state == "running")
    device.signal(signal.SIGTERM)
    device.wait_for_line("takes nothing new", END_S)
    device.signal(signal.SIGINT)
    assert device.wait(END_S) == 0
    found = site.store.computations.get(id)
    assert found is not None and found.state == "queued"
