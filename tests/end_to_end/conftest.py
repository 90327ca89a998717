"""Give the client that these tests talk through, and one of a server with short limits."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
import requests

from harness.kernel_sockets import KernelClient
from harness.server import Server, serve
from tests.checking_client import CheckingClient

# What has to be waited out is short.
BRIEF = """
workers = 2
pool_ready = 1
session_idle_s = 2.0
session_life_s = 6.0
cell_wall_s = 1.5
cell_input_s = 3.0
cell_total_s = 6.0
cell_interrupt_grace_s = 1.0
"""


@pytest.fixture
def client(server: Server) -> CheckingClient:
    """A client of the running server; every conversation that it sees is checked."""
    return CheckingClient(server.url)


@pytest.fixture(scope="package")
def brief_server() -> Iterator[Server]:
    """A server with short limits and two workers."""
    with serve(BRIEF) as server:
        yield server


@pytest.fixture
def brief(brief_server: Server) -> CheckingClient:
    """A client of the server with short limits."""
    return CheckingClient(brief_server.url)


@pytest.fixture
def kernels(server: Server) -> KernelClient:
    """A client of the kernel API."""
    return KernelClient(server.url)


@pytest.fixture
def kernel(kernels: KernelClient) -> Iterator[str]:
    """A kernel that is ended after the test, where it has not ended before."""
    id = kernels.start()
    yield id
    requests.delete(f"{kernels.url}/kernels/{id}", timeout=30)
