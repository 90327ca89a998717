"""One zygote with a warm kernel of Sage for all tests of this folder, and a child of it for each."""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Iterator
from contextlib import suppress

import pytest

from host import descendants
from tests.languages import language_python
from tests.untrusted.kernel.child import Child, Zygote

DEADLINE_S = 60.0  # Sage starts slowly on a busy machine


@pytest.fixture(scope="session")
def zygote(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Zygote]:
    started = Zygote(tmp_path_factory.mktemp("sage"), str(language_python("sage")), "sage", DEADLINE_S)
    yield started
    started.close()
    sys.stderr.write(started.log())


@pytest.fixture
def child(zygote: Zygote) -> Iterator[Child]:
    forked = Child(zygote)
    yield forked
    # Programs behind a terminal are in no group of ours, and there is no pid namespace here that would end them.
    for program in descendants.find(forked.pid):
        with suppress(ProcessLookupError):
            os.kill(program, signal.SIGKILL)
    assert forked.end() == 0, zygote.log()
