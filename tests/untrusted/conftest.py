"""A supervisor for each file of tests, and a forked kernel for each test, in the language of the folder's zygote."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from harness.supervisor import Supervisor, started
from host import descendants
from tests.untrusted.kernel.child import LocalProcess, Zygote


@pytest.fixture
def child(zygote: Zygote) -> Iterator[LocalProcess]:
    """A child of the zygote, ended in order when the test is over."""
    forked = LocalProcess(zygote)
    yield forked
    # Programs behind a terminal are in no group of ours, and there is no pid namespace here that would end them.
    descendants.kill(descendants.find(forked.pid))
    assert forked.end() == 0, zygote.log()


@pytest.fixture(scope="module")
def supervisor() -> Iterator[Supervisor]:
    """A supervisor for the tests of one file, with its end of the wall."""
    with started(pool_ready=2) as supervisor:
        yield supervisor
