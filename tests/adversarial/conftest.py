"""Start a server with limits low enough to be reached quickly; run an innocent neighbour, and tables of attempts."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from typing import TypeVar

import pytest

from harness.server import Server, serve
from tests.adversarial.attempts import as_it_is, source_of, verdicts_in
from tests.checking_client import CheckingClient
from tests.client import Client

Found = TypeVar("Found")
CANARY = "canary-5f0c1d7e"
ATTACK_S = 110.0  # with those before it
# Those whose workers differ in processes and files.
LANGUAGES = ("python", pytest.param("sage", marks=pytest.mark.sage))
# Low enough that each limit is met within seconds, high enough that the neighbour lives with them on a busy machine.
SETTINGS = f"""
cell_wall_s = 15.0
cell_cpu_s = 3.0
cell_interrupt_grace_s = 1.0
cell_output_bytes_max = 2097152
cell_messages_max = 1000
cell_files_max = 20
cell_file_bytes_max = 4194304
cell_files_bytes_max = 8388608
session_memory_bytes = 402653184
session_disk_bytes = 67108864
session_inodes_max = 4096
mongo_database = "{CANARY}"
languages = {{"python": {{"limits": {{"cell_cpu_s": 2.0}}}}}}
"""
INNOCENT = """
import hashlib, time
digest = b''
for _ in range(20):
    digest = hashlib.sha256(digest + bytes(100_000)).digest()
    time.sleep(0.02)
digest.hex()
"""


@pytest.fixture(scope="package")
def server() -> Iterator[Server]:
    """A whole server of this suite's own, with its limits and with a canary in its configuration and environment."""
    with serve(SETTINGS, SECRET_OF_THE_HOST=CANARY, LANGUAGES="python,sage") as running:
        yield running


@pytest.fixture(scope="package")
def roomy() -> Iterator[Server]:
    """A server with the limits that are the default, and Python alone."""
    with serve("") as running:
        yield running


@pytest.fixture(scope="package")
def client(server: Server) -> Client:
    """A client of this suite's server; every conversation that it sees is checked."""
    return CheckingClient(server.url)


@pytest.fixture(scope="package")
def innocent(client: Client) -> str:
    """What the neighbour's cell comes to when nobody attacks."""
    outcome = client.run(INNOCENT)
    assert outcome.state == "done"
    return outcome.result


@pytest.fixture
def neighbour(client: Client, innocent: str) -> Iterator[None]:
    """A session that computes while the test attacks, and must come to its right result."""
    with beside(client, innocent):
        yield


@contextmanager
def at_once(
    request: pytest.FixtureRequest, attack: Callable[[str], Found], names: Iterable[str]
) -> Iterator[dict[str, Future[Found]]]:
    """Attack in each of these ways that a test of this session has as its ``name``, two at once; give what comes of it."""
    calls = [item.callspec for item in request.session.items if getattr(item, "callspec", None)]
    wanted = {call.params.get("name") for call in calls}
    with ThreadPoolExecutor(2) as attackers:
        yield {name: attackers.submit(attack, name) for name in names if name in wanted}


@contextmanager
def beside(client: Client, innocent: str) -> Iterator[None]:
    """Run the neighbour's cell beside the block."""
    computation = client.submit(INNOCENT)["id"]
    yield
    outcome = client.finish(computation)
    assert (outcome.state, outcome.result) == ("done", innocent)


@pytest.fixture(scope="package")
def attempt(client: Client) -> Callable[..., dict[str, str]]:
    """Return a function that makes attempts in one cell: {name: what came of it}, an errno's name, or ok and a value."""

    def attempt(attempts: dict[str, str], setup: str = "", language: str = "python", **fields) -> dict[str, str]:
        code = source_of(attempts, setup)
        outcome = client.run(code if language == "python" else as_it_is(code), language=language, **fields)
        assert outcome.state == "done", f"{outcome.reason}: {outcome.of_type('error')} {outcome.text()[-500:]}"
        found = verdicts_in(outcome.text())
        assert set(found) == set(attempts)
        return found

    return attempt
