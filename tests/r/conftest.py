"""Ask the whole server about cells of R, and the installed R beside it."""

from __future__ import annotations

import subprocess
from typing import Any

import pytest

from tests.checking_client import CheckingClient


class RClient(CheckingClient):
    """A client whose cells are R's, unless they say otherwise."""

    def submit(self, code: str, **fields: Any) -> dict:
        """Submit a cell; return the 201's body."""
        if "session" not in fields:
            fields.setdefault("language", "r")
        return super().submit(code, **fields)


@pytest.fixture(scope="package")
def client(server) -> RClient:
    """A client of the running server."""
    return RClient(server.url)


def run_directly(code: str) -> str:
    """Return what the installed R prints, without any part of the server."""
    return subprocess.check_output(["Rscript", "-e", code], text=True, stderr=subprocess.DEVNULL, timeout=60)
