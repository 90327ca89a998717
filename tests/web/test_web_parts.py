"""Two web parts behind nginx, as docs/running.md says how: each client has one share, and nobody notices which part."""

from __future__ import annotations

import os
import re
import shlex
import signal
import subprocess
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import requests

import settings as settings_file
import store as stores
from harness.processes import Process, start, wait_for
from harness.server import free_port
from settings import Settings
from store import embedded
from tests.mongod import new_name
from tests.web.conftest import ROOT, Device, texts
from tests.web.front import LACKING, NGINX, START_S, UWSGI, client_at, placed, run_nginx
from web.connections import Connections
from web.stages import Kind

KEY = "a-key-of-the-operator"
PARTS = ("web", "web-2")  # as nginx.conf calls their sockets
GREENLETS = 96
CLIENTS = [f"127.0.1.{number}" for number in range(1, 25)]
ADDRESS = "X-Address"

pytestmark = pytest.mark.skipif(NGINX is None, reason=LACKING)


@dataclass(frozen=True)
class Site:
    """nginx at ``url`` before two web parts, whose sockets are in a directory; ``homes``: each client's part."""

    url: str
    settings: Settings
    directory: Path
    parts: dict[str, Process]
    homes: dict[str, str]

    def of(self, part: str) -> str:
        """Return a client whose requests go to a part."""
        return next(client for client, home in self.homes.items() if home == part)


@pytest.fixture(scope="module", params=["pipes", "capped collection"])
def site(request: pytest.FixtureRequest, mongo_directory: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator:
    """Two parts over the embedded MongoDB, then over one that has an address: hints go by other roads."""
    directory = tmp_path_factory.mktemp("parts")
    url = f"http://127.0.0.1:{(port := free_port())}"
    (directory / "mongo").symlink_to(mongo_directory)
    chosen: dict[str, Any] = {
        "data_directory": str(directory),
        "mongo_uri": "" if request.param == "pipes" else embedded.uri(mongo_directory),
        "mongo_database": new_name(), "public_url": url, "operator_key": KEY, "web_greenlets": GREENLETS,
        "web_sockets": 1,
    }  # fmt: skip
    config = directory / "singlecell_config.py"
    config.write_text("".join(f"{name} = {value!r}\n" for name, value in chosen.items()))
    config.chmod(0o600)
    # For the test of IPv6, which not every machine has: who connects may say from which address.
    addressed = f"http {{\nset_real_ip_from 127.0.0.1;\nreal_ip_header {ADDRESS};\n"
    text = placed(directory, port).replace("#PART ", "").replace("http {\n", addressed)
    with ExitStack() as running:
        parts = {part: running.enter_context(run_part(directory, part)) for part in PARTS}
        running.enter_context(run_nginx(directory, text, url))
        homes = {client: home(url, client) for client in CLIENTS}
        yield Site(url, settings_file.load(**chosen), directory, parts, homes)


@contextmanager
def run_part(directory: Path, part: str) -> Iterator[Process]:
    """Run a web part as its unit does, with its socket in a directory."""
    unit = (ROOT / "deploy/singlecell-web.service").read_text()
    if part != PARTS[0]:
        unit = subprocess.run(["sed", running_md(part)], input=unit, text=True, check=True, capture_output=True).stdout
    [command] = re.findall(r"^ExecStart=((?:.*\\\n)*.*)", unit, re.MULTILINE)
    places = {
        "/run/singlecell/": f"{directory}/", "--gevent 3072": f"--gevent {GREENLETS + 1}",
        "/opt/singlecell/trusted/bin/uwsgi": str(UWSGI),
        "/opt/singlecell/trusted/bin/python": str(UWSGI.with_name("python")),
    }  # fmt: skip
    for place, ours in places.items():
        assert place in command, place
        command = command.replace(place, ours)
    assert f"/{part}.sock " in command
    env = {**os.environ, "SINGLECELL_CONFIG": str(directory / "singlecell_config.py")}
    argv = shlex.split(command.replace("\\\n", ""))
    with start(argv, ready="spawned uWSGI worker 1 ", deadline_s=START_S, env=env, cwd=ROOT) as process:
        yield process


def running_md(part: str) -> str:
    """Return what sed is told in docs/running.md to make the unit of a part."""
    text = (ROOT / "docs/running.md").read_text()
    [program] = re.findall(rf"^sed '(.*)' \S*/singlecell-web\.service >\S*/singlecell-{part}\.service$", text, re.M)
    return str(program)


def home(url: str, client: str, **headers: str) -> str:
    """Return the part that a client's requests go to, by what both have counted."""
    before = {part: asked(url, part) for part in PARTS}
    with client_at(client) as http:
        for _ in range(3):
            assert http.get(f"{url}/limits", headers=headers, timeout=20).status_code == 200
    grown = {part: asked(url, part) - before[part] for part in PARTS}
    assert sorted(grown.values()) == [0, 3], grown
    return max(grown, key=lambda part: grown[part])


def asked(url: str, part: str) -> float:
    """Return how often the limits were asked of a part."""
    answer = requests.get(f"{url}/metrics/{part}", headers={"Authorization": f"Bearer {KEY}"}, timeout=20)
    assert answer.status_code == 200, answer.text
    found = re.search(r'singlecell_http_requests_total\{.*route="/limits".*\} (\S+)', answer.text)
    return float(found[1]) if found else 0.0


@pytest.fixture
def device(site: Site) -> Iterator[Device]:
    """A device on the database of both parts."""
    door = stores.connect(site.settings)
    yield Device(door)
    door.close()


def submit(http: requests.Session, site: Site) -> str:
    """Submit a cell; return its address."""
    answer = http.post(f"{site.url}/computations", json={"code": "1"}, timeout=20)
    assert answer.status_code == 201, answer.text
    return str(answer.json()["links"]["self"])


def test_clients_are_spread_over_both_parts(site: Site) -> None:
    assert set(site.homes.values()) == set(PARTS)


@pytest.mark.parametrize("network", ["2001:db8:1:2", "2001:db8:1:0", "2001:db8:0:0", "2001:0:0:1"])
def test_all_addresses_of_an_ipv6_network_come_to_one_part(site: Site, network: str) -> None:
    # Some of them are written with "::" in the network's own half.
    hosts = ("0:0:0:1", "1:2:3:4", "0:2:0:4", "ffff:0:0:1", "a:0:0:0", "0:0:0:a", "1:0:0:0", "0:0:0:0")
    assert len({home(site.url, "127.0.0.1", **{ADDRESS: f"{network}:{host}"}) for host in hosts}) == 1


def test_a_client_has_one_share_of_event_streams_with_two_parts(site: Site) -> None:
    share = Connections(GREENLETS).client_bound(Kind.EVENTS)
    with ExitStack() as stack:
        for part in PARTS:
            http = stack.enter_context(client_at(site.of(part)))
            cell = submit(http, site)
            # What nobody has claimed is over at once.
            stack.callback(requests.delete, cell, timeout=20)
            answers = [
                stack.enter_context(http.get(f"{cell}/events", stream=True, timeout=20)) for _ in range(2 * share)
            ]
            assert [answer.status_code for answer in answers] == [200] * share + [429] * share


def test_a_long_poll_in_one_part_hears_of_what_was_submitted_in_the_other(site: Site, device: Device) -> None:
    with client_at(site.of("web")) as one, client_at(site.of("web-2")) as other, ThreadPoolExecutor(2) as threads:
        cell = submit(one, site)
        polls = [threads.submit(http.get, f"{cell}/messages?wait=30", timeout=60) for http in (one, other)]
        wait_for(lambda: waiting(site) == [1, 1])
        device.run("hello")
        assert [texts(poll.result().json()["messages"]) for poll in polls] == [["hello"]] * 2


def waiting(site: Site) -> list[float]:
    """Return how many long polls wait in each part."""
    found = []
    for part in PARTS:
        headers = {"Authorization": f"Bearer {KEY}"}
        text = requests.get(f"{site.url}/metrics/{part}", headers=headers, timeout=20).text
        found.append(float(re.findall(r"^singlecell_http_waiting (\S+)", text, re.MULTILINE)[0]))
    return found


def test_stop_reaches_what_was_submitted_in_the_other_part(site: Site, device: Device) -> None:
    with client_at(site.of("web")) as one, client_at(site.of("web-2")) as other, ThreadPoolExecutor(1) as threads:
        cell = submit(one, site)
        claim = device.claim()
        poll = threads.submit(one.get, f"{cell}?wait=30", timeout=60)
        assert other.delete(cell, timeout=20).status_code == 202
        assert [wish.cancel for wish in device.store.claims.renew([claim])] == [True]
        device.finish(claim, state="cancelled")
        poll.result()
        assert one.get(cell, timeout=20).json()["state"] == "cancelled"


def test_clients_of_a_part_that_dies_are_served_by_the_other_one(site: Site, device: Device) -> None:
    """When it is there again they come back to it at once."""
    client = site.of("web-2")
    with client_at(client) as http, ThreadPoolExecutor(1) as threads:
        cell = submit(http, site)
        poll = threads.submit(http.get, f"{cell}/messages?wait=30", timeout=60)
        wait_for(lambda: waiting(site) == [0, 1])
        site.parts["web-2"].signal_group(signal.SIGKILL)
        wait_for(lambda: requests.get(f"{site.url}/metrics/web-2", timeout=20).status_code == 502)
        second = submit(http, site)
        device.run("hello")
        device.run("again")
        assert texts(poll.result().json()["messages"]) == ["hello"]
        assert texts(http.get(f"{second}/messages?wait=10", timeout=20).json()["messages"]) == ["again"]
    with run_part(site.directory, "web-2"):
        assert home(site.url, client) == "web-2"
