"""What a cell costs the supervisor, in calls of the kernel, and its session, in pages of memory: no times are taken."""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path

import pytest

import wire
from bench.sessions import Running
from harness.processes import wait_for
from harness.supervisor import Supervisor, account, started
from host import cgroups
from host.layout import Account
from untrusted.supervisor.looks import IDLE_WATCH_S, WATCH_S

CELLS, IDLE = 30, 20
# Reads and writes of files for one cell, as /proc counts them: about 33. Sockets are not among them.
CALLS_MAX = 38
LOOK_CALLS = 4  # of one look at a session
# Page faults of one session with one cell, from its fork to its end: about 1,310, and each takes some 3 µs.
FAULTS_MAX = 1450
POOL_READY = 2


@pytest.fixture(scope="module")
def groups() -> Iterator[cgroups.Groups]:
    """Control groups: what the watchdog reads depends on the whole machine."""
    user = account()
    groups = cgroups.make_groups(Account("nobody", user, user, is_ours=False)) if user else cgroups.NONE
    if not groups.setting:
        pytest.skip("control groups need root, and a machine that has them")
    yield groups
    groups.remove()


@pytest.fixture(scope="module")
def supervisor(groups: cgroups.Groups) -> Iterator[Supervisor]:
    """A supervisor with control groups."""
    with started(workers=IDLE + 4, pool_ready=POOL_READY, groups=groups) as supervisor:
        yield supervisor


def calls_a_cell(supervisor: Supervisor, name: str, idle: int) -> float:
    """Return how many files the supervisor reads and writes for one cell, without its looks at sessions."""
    calls, began = calls_of(supervisor), time.monotonic()
    for number in range(CELLS):
        assert supervisor.run(f"{name}{number}", f"{name}{number}", "1+1").state == "done"
    took_s = time.monotonic() - began
    looks = idle * (took_s / IDLE_WATCH_S + 1) + took_s / WATCH_S
    return (calls_of(supervisor) - calls - looks * LOOK_CALLS) / CELLS


def calls_of(supervisor: Supervisor) -> int:
    pid = supervisor.process.pid  # its first thread; the others are ZeroMQ's
    counts = dict(line.split(": ") for line in Path(f"/proc/{pid}/task/{pid}/io").read_text().splitlines())
    return int(counts["syscr"]) + int(counts["syscw"])


def test_a_cell_costs_the_supervisor_as_many_calls_beside_idle_sessions(supervisor):
    calls_a_cell(supervisor, "first", 0)
    alone = calls_a_cell(supervisor, "alone", 0)
    for number in range(IDLE):
        assert supervisor.run(f"idle{number}", f"idle{number}", "1", last=False).state == "done"
    beside = calls_a_cell(supervisor, "beside", IDLE)
    supervisor.send(*(wire.Close(f"idle{number}") for number in range(IDLE)))
    assert alone <= CALLS_MAX
    assert beside <= 1.1 * alone + 2


def test_a_session_copies_few_pages_of_its_zygote(supervisor, groups):
    if "=" not in groups.setting:
        pytest.skip("page faults of sessions that are over are counted by cgroup v1")
    calls_a_cell(supervisor, "warm", 0)
    before = faults(supervisor, groups)
    calls_a_cell(supervisor, "copied", 0)
    assert (faults(supervisor, groups) - before) / CELLS <= FAULTS_MAX


def faults(supervisor: Supervisor, groups: cgroups.Groups) -> float:
    """Return how many page faults the sessions had, when the pool is full again."""
    running = Running(supervisor, groups)
    wait_for(lambda: running.waiting == POOL_READY)
    return running.counts()["faults"]


def test_cells_in_a_row_make_few_control_groups(supervisor, groups):
    if "=" not in groups.setting:
        pytest.skip("groups of cgroup v2 are made for each session")
    number = max(map(number_of_group, groups.directories[0].glob("*.python-*")))
    calls_a_cell(supervisor, "in a row", 0)
    assert max(map(number_of_group, groups.directories[0].glob("*.python-*"))) <= number + CELLS / 2


def number_of_group(directory: Path) -> int:
    """Return how many groups had been made before this one."""
    return int(directory.name.rpartition("-")[2])


def test_a_session_is_not_charged_for_one_before_it(supervisor):
    """A4, A7: control groups are used again."""
    for number in range(4):
        name = f"heavy{number}"
        heavy = supervisor.run(name, name, "x = b'x' * (200 << 20)\ny = sum(i for i in range(5_000_000))")
        light = supervisor.run(f"light{number}", f"light{number}", "1+1")
        assert heavy.usage.memory_bytes > 200 << 20 and light.usage.memory_bytes < 60 << 20
        assert light.usage.cpu_s < heavy.usage.cpu_s
