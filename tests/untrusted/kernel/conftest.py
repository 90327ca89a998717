"""One zygote with a warm kernel for all tests of this folder, and a child of it for each."""

from __future__ import annotations

import sys
from collections.abc import Iterator

import pytest

from tests.processes import untrusted_python
from tests.untrusted.kernel.child import Child, Zygote


@pytest.fixture(scope="session")
def zygote(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Zygote]:
    started = Zygote(tmp_path_factory.mktemp("zygote"), untrusted_python())
    yield started
    started.close()
    sys.stderr.write(started.log())


@pytest.fixture
def child(zygote: Zygote) -> Iterator[Child]:
    forked = Child(zygote)
    yield forked
    assert forked.end() == 0, zygote.log()
