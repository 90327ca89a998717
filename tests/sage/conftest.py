"""Ask the installed Sage and the whole server about each cell, by several clients at once."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from harness.languages import language_python
from harness.processes import tied
from tests.checking_client import CheckingClient
from tests.client import Outcome

# As many as the workers that wait forked: more would only wait for each other on two cores.
CLIENTS = 4
WAIT_S = 110.0  # all cells of the tables may be before this one; pytest ends a test after 120


class SageClient(CheckingClient):
    """A client whose cells are Sage's, unless they say otherwise."""

    def submit(self, code: str, **fields: Any) -> dict:
        """Submit a Sage cell; return the 201's body."""
        if "session" not in fields:
            fields.setdefault("language", "sage")
        return super().submit(code, **fields)


@pytest.fixture(scope="package")
def client(server) -> SageClient:
    """A client of the running server."""
    return SageClient(server.url)


class Oracle:
    """The installed Sage, asked directly, without any part of the server."""

    def __init__(self) -> None:
        argv = [str(language_python("sage")), str(Path(__file__).with_name("oracle.py"))]
        self._program = subprocess.Popen(tied(argv), stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)

    def ask(self, code: str, png: str | None = None) -> dict[str, Any]:
        """Return what Sage says of a cell: ``oracle.py`` names the fields."""
        assert self._program.stdin and self._program.stdout
        self._program.stdin.write(json.dumps({"code": code, "png": png}) + "\n")
        self._program.stdin.flush()
        return json.loads(self._program.stdout.readline())

    def end(self) -> None:
        """End the program."""
        self._program.communicate(timeout=30)


@pytest.fixture(scope="package")
def oracle() -> Iterator[Oracle]:
    """The installed Sage, started once."""
    oracle = Oracle()
    try:
        yield oracle
    finally:
        oracle.end()


@pytest.fixture(scope="package")
def outcome_of(request: pytest.FixtureRequest, server) -> Iterator[Callable[[str], Outcome]]:
    """Return a function that gives the outcome of a cell; those of all tests that will ask run beside each other."""
    cells = [item.callspec.params["cell"] for item in request.session.items if in_table(item)]
    with ThreadPoolExecutor(CLIENTS) as clients:
        running: dict[str, Future[Outcome]] = {}
        for cell in cells:
            running[cell.text] = clients.submit(SageClient(server.url).run, cell.text)
        yield lambda code: running[code].result(WAIT_S)


def in_table(item: pytest.Item) -> bool:
    """Return whether a test is about one cell of the tables."""
    return "cell" in getattr(getattr(item, "callspec", None), "params", {})
