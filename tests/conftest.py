"""Start what tests of all rooms share, once: the whole server, as ``make run`` starts it, and a mongod alone."""

from __future__ import annotations

import faulthandler
import gc
import os
import shutil
import signal
import sys
from collections.abc import Generator, Iterator
from pathlib import Path

import hypothesis
import pytest

from harness.server import Server, Site, make_site, serve
from tests.left_out import OPTIONAL, LeftOut, leave_out
from tests.mongod import Databases, close_idle_files, run_mongod

# A shell that starts the tests in the background makes them, and all that they start, deaf to Ctrl-C.
signal.signal(signal.SIGINT, signal.default_int_handler)

# A busy machine may take a second for what takes a millisecond.
hypothesis.settings.register_profile("busy", deadline=None)
hypothesis.settings.load_profile("busy")

# So that a test that meets a limit is not a long one.
SHORT_LIMITS = """
cell_wall_s = 30.0
cell_cpu_s = 4.0
cell_interrupt_grace_s = 2.0
queue_length_max = 200
"""

# In the environment of ``make run``, for those who look where it gets to.
SECRET = "not-for-parts"

EXIT_MAX_S = 60

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


def pytest_collection_finish() -> None:
    """Take what is there for good out of the garbage collector's sight: thousands of tests, and all modules."""
    gc.collect()
    gc.freeze()


@pytest.hookimpl(trylast=True)
def pytest_unconfigure() -> None:
    """Bound the time to exit: a thread of a test that failed may wait for something that never comes."""
    faulthandler.dump_traceback_later(EXIT_MAX_S, exit=True, file=sys.__stderr__)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(
    item: pytest.Item,
) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Show beside the failure of a test what its server said last."""
    report = yield
    server = getattr(item, "funcargs", {}).get("server")
    if report.failed and isinstance(server, Server):
        report.sections.append(("what the server said last", server.process.tail()))
    return report


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter, config: pytest.Config) -> None:
    """Say in a line which tests were left out."""
    for left in config.stash.get(LEFT_OUT, []):
        terminalreporter.line(left.line, yellow=True)


@pytest.fixture
def own_site() -> Iterator[Site]:
    """A port and an empty data directory for one test."""
    site = make_site()
    yield site
    shutil.rmtree(site.data, ignore_errors=True)


@pytest.fixture(scope="session")
def server(request: pytest.FixtureRequest) -> Iterator[Server]:
    """The whole server: as root with the second account behind our own sshd, else with a child.

    It has the languages that the tests need: to load Sage takes ten seconds.
    """
    others = any(item.get_closest_marker(name) for item in request.session.items for name in OPTIONAL)
    with serve(SHORT_LIMITS, LANGUAGES="" if others else "python", AWS_SECRET_ACCESS_KEY=SECRET) as running:
        yield running


@pytest.fixture(scope="session")
def mongo_directory(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A directory in which a mongod works; each test takes a database of its own."""
    directory = tmp_path_factory.mktemp("mongo")
    with run_mongod(directory):
        close_idle_files(directory)
        yield directory


@pytest.fixture(scope="session")
def databases(mongo_directory: Path) -> Iterator[Databases]:
    """The databases of this mongod that are used again."""
    databases = Databases(mongo_directory)
    yield databases
    databases.close()


@pytest.fixture
def database_name(databases: Databases) -> Iterator[str]:
    """An empty database. Where files on the disk or plans of queries count, a file of tests has a new one instead."""
    name = databases.take()
    yield name
    databases.give_back(name)
