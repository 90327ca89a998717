"""A whole server whose cells run under gVisor, where its program is installed."""

from __future__ import annotations

import shutil
from collections.abc import Iterator

import pytest

from tests.adversarial.conftest import SETTINGS
from tests.end_to_end.client import Client
from tests.end_to_end.conftest import CheckingClient
from tests.server import Server, serve

RUNSC = shutil.which("runsc")
# `make test` as root on Debian installs it; an ordinary user cannot.
needs_runsc = pytest.mark.skipif(RUNSC is None, reason="gVisor's runsc is not installed (Debian: apt-get install runsc)")


@pytest.fixture(scope="package")
def server() -> Iterator[Server]:
    """A server with the limits of the adversarial suite, and gVisor."""
    with serve(f'{SETTINGS}\nsandbox_kernel = "gvisor"\npool_ready = 2\n') as running:
        yield running


@pytest.fixture(scope="package")
def client(server: Server) -> Client:
    """A client of this server; every conversation that it sees is checked."""
    return CheckingClient(server.url)


@pytest.fixture(scope="package")
def session(client: Client) -> str:
    """A session for cells that do it no harm: a guest takes seconds to start."""
    return client.finish(client.submit("kept = 41", keep=True)["id"]).description["session"]
