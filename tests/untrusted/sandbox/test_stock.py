"""Control groups are used again when nothing of a session is left in them, and never else."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace

import pytest

from harness.processes import wait_for
from untrusted.sandbox.limiter.cgroup1 import Cgroup1, Directories1, Group1
from untrusted.sandbox.limiter.cgroupfs import Removals
from untrusted.sandbox.limiter.stock import KEPT_MAX, LEFT_BYTES_MAX, Stock

LIMITS = SimpleNamespace(
    session_memory_bytes=100 << 20, session_processes_max=5, session_cpu_weight=100, session_cpus_max=1.0
)
WORK = "kept = b'x' * (30 << 20)\nimport time\nwhile time.process_time() < 0.2: pass"
LEAVES = {
    "a process": "import os, time\nif os.fork() == 0: time.sleep(1000)",
    "a file in memory": "open({file!r}, 'wb').write(bytes(2 << 20))",
    "a limit of memory": "kept = b'x' * (200 << 20)",
    "a limit of processes": "import os\nfor _ in range(20):\n    if os.fork() == 0: os._exit(0)",
    "much CPU time": "import time\nwhile time.process_time() < 1.1: pass",
}


@pytest.fixture
def limiter(cgroup1_directory: str) -> Iterator[Cgroup1]:
    limiter = Cgroup1(cgroup1_directory, LIMITS)
    yield limiter
    limiter.close()
    wait_for(lambda: not limiter._removals.sweep() and not limiter._removals._waiting)


@pytest.fixture
def left(tmp_path: Path) -> Iterator[dict[str, str]]:
    file = Path(f"/dev/shm/{tmp_path.name}-{os.getpid()}")
    yield {"file": str(file)}
    file.unlink(missing_ok=True)


def session_of(group: Group1, source: str) -> subprocess.Popen[bytes]:
    """Run source in a group until its first process ends."""
    source = f"import sys; sys.stdin.read()\n{source}"
    process = subprocess.Popen([sys.executable, "-I", "-c", source], stdin=subprocess.PIPE, stderr=subprocess.DEVNULL)
    assert process.stdin
    group.add(process.pid)
    process.stdin.close()
    process.wait()
    return process


def place(group: Group1) -> str:
    return group._directories.of["memory"].directory


def next_of(limiter: Cgroup1) -> Group1:
    return limiter.open("next")


def test_a_group_that_is_empty_is_used_again_and_counts_from_zero(limiter):
    first = limiter.open("first")
    session_of(first, WORK)
    first.weigh(0.05)
    cpu_s, memory_bytes, _processes = first.usage()
    assert cpu_s > 0.15 and memory_bytes > 30 << 20
    first.close()
    again = next_of(limiter)
    assert place(again) == place(first)
    cpu_s, memory_bytes, _processes = again.usage()
    assert cpu_s < 0.05 and memory_bytes < 1 << 20 and again.overrun() is None
    assert again._directories.of["cpu"].read("cpu.shares").strip() == "1024"
    session_of(again, WORK)
    cpu_s, memory_bytes, _processes = again.usage()
    assert 0.15 < cpu_s < 1.0 and 29 << 20 < memory_bytes < 60 << 20
    again.close()


@pytest.mark.parametrize("what", LEAVES)
def test_a_group_in_which_a_session_left_something_is_not_used_again(limiter, left, what):
    """A2, A4, A7"""
    first = limiter.open("first")
    session_of(first, LEAVES[what].format(**left))
    first.close()
    beside = next_of(limiter)
    assert place(beside) != place(first)
    for pid in map(int, Path(place(first), "cgroup.procs").read_text().split() if os.path.exists(place(first)) else []):
        os.kill(pid, 9)
    beside.close()


def test_a_group_with_a_process_that_nobody_has_reaped_is_not_used_again(limiter):
    first = limiter.open("first")
    source = "import sys; sys.stdin.read()"
    process = subprocess.Popen([sys.executable, "-I", "-c", source], stdin=subprocess.PIPE)
    assert process.stdin
    first.add(process.pid)
    process.stdin.close()
    os.waitid(os.P_PID, process.pid, os.WEXITED | os.WNOWAIT)  # dead, and still there
    first.close()
    beside = next_of(limiter)
    assert place(beside) != place(first)
    process.wait()
    again = next_of(limiter)
    assert place(again) == place(first)
    beside.close()
    again.close()


def test_a_group_is_not_used_for_other_limits(limiter):
    first = limiter.open("first")
    first.close()
    more = SimpleNamespace(**{**vars(LIMITS), "session_processes_max": 6})
    other = limiter.open("other", more)
    assert place(other) != place(first)
    assert other._directories.of["pids"].read("pids.max").strip() == "7"
    other.close()


@pytest.mark.parametrize(
    ("pids", "processes", "memory_bytes", "is_empty"),
    [
        (0, "", LEFT_BYTES_MAX - 1, True),
        (0, "", LEFT_BYTES_MAX, True),
        (0, "", LEFT_BYTES_MAX + 1, False),
        (1, "", 0, False),
        (0, "17\n", 0, False),
    ],
)
def test_what_counts_as_empty(tmp_path, pids, processes, memory_bytes, is_empty):
    for name, value in {"pids.current": pids, "cgroup.procs": processes, "memory.usage_in_bytes": memory_bytes}.items():
        (tmp_path / name).write_text(str(value))
    directories = Directories1(dict.fromkeys(("memory", "pids", "cpuacct"), str(tmp_path)), Removals())
    assert directories.is_empty() is is_empty


class Remembered:
    """Directories that are never empty, and know whether they were removed."""

    removed = False

    def is_empty(self) -> bool:
        return False

    def remove(self) -> None:
        self.removed = True


def test_no_more_groups_are_kept_than_the_bound():
    stock: Stock[Remembered] = Stock()
    groups = [Remembered() for _ in range(KEPT_MAX + 1)]
    for group in groups:
        stock.give("limits", group)
    assert [group.removed for group in groups] == [False] * KEPT_MAX + [True]
    stock.close()
    assert all(group.removed for group in groups)


def test_a_group_that_does_not_become_empty_is_given_up(monkeypatch):
    now = [0.0]
    monkeypatch.setattr("untrusted.sandbox.limiter.stock.time.monotonic", lambda: now[0])
    stock: Stock[Remembered] = Stock()
    group = Remembered()
    stock.give("limits", group)
    seen = []
    for now[0] in (0.99, 1.0, 1.01):
        assert stock.take("limits") is None
        seen.append(group.removed)
    assert seen == [False, False, True]
