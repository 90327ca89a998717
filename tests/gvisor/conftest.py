"""A whole server whose cells run under gVisor, where its program is installed."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import pytest

from harness.server import Server, serve
from host import descendants
from tests.adversarial.conftest import SETTINGS
from tests.checking_client import CheckingClient
from tests.client import Client

# RUNSC in the environment tries another release than the installed one.
RUNSC = shutil.which(os.environ.get("RUNSC", "runsc"))
# `make test` as root on Debian installs it; an ordinary user cannot.
needs_runsc = pytest.mark.skipif(RUNSC is None, reason="there is no runsc of gVisor (Debian: apt-get install runsc)")


def guests(ancestor: int) -> set[int]:
    """Return the sandboxes of runsc below a process, of ready and of busy sessions."""
    found = set()
    for pid in descendants.find(ancestor):
        with suppress(OSError):  # it has ended
            if Path(f"/proc/{pid}/cmdline").read_bytes().startswith(b"runsc-sandbox"):
                found.add(pid)
    return found


@pytest.fixture(scope="package")
def server() -> Iterator[Server]:
    """A server with the limits of the adversarial suite, and gVisor."""
    with serve(f'{SETTINGS}\nsandbox_kernel = "gvisor"\nrunsc = "{RUNSC}"\npool_ready = 2\n') as running:
        yield running


@pytest.fixture(scope="package")
def client(server: Server) -> Client:
    """A client of this server; every conversation that it sees is checked."""
    return CheckingClient(server.url)


@pytest.fixture(scope="package")
def session(client: Client) -> str:
    """A session for cells that do it no harm: a guest takes seconds to start."""
    return client.finish(client.submit("kept = 41", keep=True)["id"]).description["session"]
