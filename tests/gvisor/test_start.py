"""gVisor asked for and not to be had: no session runs, and the host is told why."""

from __future__ import annotations

import os
import signal
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

import wire
from harness.processes import all_end, untrusted_python, wait_for
from harness.supervisor import Supervisor, ship
from host import descendants
from tests.gvisor.conftest import RUNSC, guests, needs_runsc


@pytest.fixture
def start() -> Iterator[Callable[..., Supervisor]]:
    """Return a function that starts a supervisor in a folder of its own."""
    started = []
    with tempfile.TemporaryDirectory() as folder:
        os.chmod(folder, 0o755)

        def start(**start_config) -> Supervisor:
            started.append(Supervisor(ship(Path(folder)), untrusted_python(), **start_config))
            return started[-1]

        yield start
        for supervisor in started:
            supervisor.stop()


def test_a_runsc_that_is_not_there_is_named(start):
    answer = start(runsc="/opt/nowhere/runsc").answer
    assert answer["error"].startswith('sandbox_kernel is "gvisor", and there is no /opt/nowhere/runsc')
    assert "install gVisor" in answer["error"]


def test_a_runsc_that_starts_no_guest_stops_the_start(start):
    supervisor = start(runsc="/bin/false")
    assert supervisor.answer["error"].startswith("this host does not give the layer gvisor: ")
    assert supervisor.answer["layers"] == ["gvisor"]


@needs_runsc
def test_a_program_that_is_no_other_kernel_stops_the_start(start, tmp_path_factory):
    """One that runs the guest's command on the host's kernel, as a false runsc would."""
    false = tmp_path_factory.mktemp("false") / "runsc"
    for directory in list(false.parents)[:3]:
        directory.chmod(0o755)
    false.write_text(
        "#!/usr/bin/python3\nimport json, os\n"
        "process = json.load(open('/tmp/runsc/config.json'))['process']\n"
        "os.execve(process['args'][0], process['args'], dict(e.split('=', 1) for e in process['env']))\n"
    )
    false.chmod(0o755)
    assert "gvisor" in start(runsc=str(false)).answer["error"]


@needs_runsc
def test_guests_end_with_their_supervisor_however_it_dies(start):
    supervisor = start(runsc=RUNSC, pool_ready=2)
    wait_for(lambda: len(guests(supervisor.process.pid)) == 2, deadline_s=90.0)
    with all_end(descendants.find(supervisor.process.pid)):
        supervisor.process.send_signal(signal.SIGKILL)


@needs_runsc
def test_where_there_are_no_control_groups_a_guests_memory_is_seen_all_the_same(start):
    """A5, A7: it is a file of runsc, of which the guest's processes outside show only a part."""
    supervisor = start(runsc=RUNSC, session_memory_bytes=400 << 20)
    assert supervisor.ready().limiter == "watchdog"
    supervisor.send(wire.Open("s", "python"), wire.Execute("s", "c", "b = b'x' * 900_000_000\ninput()", True, True))
    end = supervisor.wait(lambda frame: isinstance(frame, wire.Finished), 60.0)
    assert (end.state, end.reason) == ("failed", "memory")
