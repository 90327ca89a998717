"""What tests of all rooms share: the whole server, started once, as ``make run`` starts it."""

from __future__ import annotations

import os
import shutil
import signal
import socket
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.languages import LeftOut, leave_out
from tests.processes import Process, start

ROOT = Path(__file__).resolve().parent.parent
# The environments are there: deploy/bootstrap.sh built them before the tests began.
START_S = 100.0


# A shell that starts the tests in the background makes them, and all that they start, deaf to Ctrl-C.
signal.signal(signal.SIGINT, signal.default_int_handler)

# So that a test that meets a limit is not a long one.
SHORT_LIMITS = """
cell_wall_s = 30.0
cell_cpu_s = 4.0
cell_interrupt_grace_s = 2.0
"""


@dataclass(frozen=True)
class Server:
    """A running server. ``data``: its data directory; ``accounts``: whether cells run in a second account."""

    url: str
    port: int
    data: Path
    accounts: bool
    process: Process


@dataclass(frozen=True)
class Site:
    """A port and a data directory for a server that a test starts itself."""

    port: int
    data: Path

    @property
    def argv(self) -> list[str]:
        """What ``make run`` runs."""
        return ["sh", str(ROOT / "deploy" / "bootstrap.sh"), "run"]

    @property
    def env(self) -> dict[str, str]:
        """The environment for it: nothing of the make that may run the tests, and the language that loads quickly."""
        ours = {name: value for name, value in os.environ.items() if not name.startswith(("MAKE", "MFLAGS", "ARGS"))}
        return {**ours, "PORT": str(self.port), "DATA": str(self.data), "LANGUAGES": "python"}

    @property
    def url(self) -> str:
        """The server's address."""
        return f"http://127.0.0.1:{self.port}"


LEFT_OUT = pytest.StashKey[list[LeftOut]]()


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Leave out the tests of languages that are not installed; skip what only root can do, and say so."""
    config.stash[LEFT_OUT] = leave_out(items)
    config.hook.pytest_deselected(items=[item for left in config.stash[LEFT_OUT] for item in left.tests])
    if os.geteuid() == 0:
        return
    for item in items:
        if item.get_closest_marker("root"):
            item.add_marker(pytest.mark.skip(reason="only root can make accounts and drop to them"))


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter, config: pytest.Config) -> None:
    """Say in a line which tests were left out."""
    for left in config.stash.get(LEFT_OUT, []):
        terminalreporter.line(left.line, yellow=True)


def free_port() -> int:
    """Return a port that is free now."""
    with socket.socket() as trial:
        trial.bind(("127.0.0.1", 0))
        return int(trial.getsockname()[1])


def make_site() -> Site:
    """Return a new site. Its data lie where other accounts can reach them, and below a short path (Unix sockets)."""
    data = Path(tempfile.mkdtemp(prefix="cell-", dir="/tmp"))
    data.chmod(0o755)
    return Site(free_port(), data)


@pytest.fixture
def own_site() -> Iterator[Site]:
    """A port and an empty data directory for one test."""
    site = make_site()
    yield site
    shutil.rmtree(site.data, ignore_errors=True)


@pytest.fixture(scope="session")
def server() -> Iterator[Server]:
    """The whole server with all languages: as root with the second account behind our own sshd, else with a child."""
    site = make_site()
    config = site.data.with_suffix(".config.py")
    config.write_text(SHORT_LIMITS)
    env = {**site.env, "SINGLECELL_CONFIG": str(config), "LANGUAGES": ""}
    try:
        with start(site.argv, ready=f"^ready {site.url}$", deadline_s=START_S, env=env, cwd=ROOT) as process:
            yield Server(site.url, site.port, site.data, os.geteuid() == 0, process)
    finally:
        shutil.rmtree(site.data, ignore_errors=True)
        config.unlink()
