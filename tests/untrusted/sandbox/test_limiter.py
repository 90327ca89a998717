"""Limits of a whole session, with each driver that this machine allows."""

from __future__ import annotations

import errno
import os
from types import SimpleNamespace

import pytest

from harness.processes import wait_for
from tests.untrusted.sandbox.conftest import x86_64
from tests.untrusted.sandbox.test_life import PAUSE_FOR_EVER, TAKEN_INIT
from untrusted.sandbox import SandboxError, limiter
from untrusted.sandbox.limiter import kernel_memory
from untrusted.sandbox.limiter.cgroupfs import counter

LIMITS = SimpleNamespace(
    session_memory_bytes=200 << 20, session_processes_max=20, session_cpu_weight=100, session_cpus_max=1.0
)
SMALL = {"session_memory_bytes": 200 << 20, "session_processes_max": 20}
FILL = "kept = []\nwhile True:\n    kept.append(b'x' * (10 << 20))"
FILL_TOGETHER = """
import os, time
for _ in range(4):
    if os.fork() == 0:
        kept = b"x" * (70 << 20)
        time.sleep(1000)
time.sleep(1000)
"""
FILL_FILES = """
import time
for n in range(3):
    for directory in ("/home/cell", "/tmp", "/dev/shm"):
        with open(f"{directory}/{n}", "wb") as file:
            file.write(bytes(25 << 20))
time.sleep(1000)
"""
FORK = """
import os, time
try:
    for n in range({}):
        if os.fork() == 0:
            time.sleep(1000)
except OSError:
    pass
report("forked")
time.sleep({})
"""


@pytest.fixture(params=["cgroup2", "cgroup1", "watchdog"])
def driver(request) -> dict:
    """Return what a job needs to be limited by each driver."""
    if request.param == "watchdog":
        return {"limiter": "watchdog"}
    return grouped(request.param, request)


@pytest.fixture(params=["cgroup2", "cgroup1"])
def groups(request) -> dict:
    """Return what a job needs to be limited by each kind of control groups."""
    return grouped(request.param, request)


def grouped(limiter: str, request) -> dict:
    """Return what a job needs to be limited by this kind of control groups."""
    return {"limiter": limiter, "cgroup_directory": request.getfixturevalue(f"{limiter}_directory")}


@pytest.mark.parametrize("source", [FILL, FILL_TOGETHER, FILL_FILES], ids=["one process", "several", "files"])
def test_too_much_memory_is_seen_and_named(session, driver, source):
    """A4, A5, A7, G15"""
    result = session(source, until_end=True, limits={**SMALL, "session_disk_bytes": 100 << 20}, **driver)
    assert (result.overrun, result.dead, result.limiter) == ("memory", True, driver["limiter"])


def test_too_many_processes_are_seen_and_named(session, driver):
    """A1, A2, A3"""
    result = session(FORK.format(1000, 1000), until_end=True, limits=SMALL, **driver)
    assert (result.overrun, result.dead) == ("processes", True)


@pytest.mark.parametrize(("forks", "overrun"), [(18, None), (19, None), (20, "processes")])
def test_the_limit_of_processes_counts_the_worker_and_not_its_init(session, groups, forks, overrun):
    """A2"""
    result = session(FORK.format(forks, 0), limits=SMALL, **groups)
    assert result.overrun == overrun


def test_a_quiet_session_hits_nothing_and_its_use_is_counted(session, driver):
    source = "import time\nkept = b'x' * (50 << 20)\nwhile time.process_time() < 0.6:\n    pass\nreport(1)"
    result = session(source, limits=SMALL, hold=True, **driver)
    cpu_s, memory_bytes, processes = result.usage
    assert result.overrun is None
    assert cpu_s > 0.3 and memory_bytes > 50 << 20 and processes == 1


def test_a_killed_worker_is_not_taken_for_one_without_memory(session, driver):
    """G15"""
    result = session("import os; os.kill(os.getpid(), 9)", until_end=True, limits=SMALL, **driver)
    assert (result.overrun, result.ended_by_itself) == (None, True)


UNMAPPED = {
    "memfd": """
import os
for n in range(30):
    os.write(os.memfd_create("x"), bytes(10 << 20))
""",
    "segment": """
import ctypes
libc = ctypes.CDLL(None, use_errno=True)
libc.shmat.restype, libc.memset.argtypes = ctypes.c_void_p, [ctypes.c_void_p, ctypes.c_int, ctypes.c_size_t]
for n in range(30):
    if (segment := libc.shmget(0, 10 << 20, 0o1600)) == -1:
        raise OSError(ctypes.get_errno(), "")
    address = libc.shmat(segment, None, 0)
    libc.memset(address, 1, 10 << 20)
    libc.shmdt(ctypes.c_void_p(address))
""",
}


@pytest.mark.parametrize("kind", UNMAPPED)
def test_memory_that_no_process_maps_is_counted_or_cannot_be_had(session, driver, kind):
    """A7"""
    lines = UNMAPPED[kind].strip().replace("\n", "\n    ")
    source = f"try:\n    {lines}\nexcept OSError as error:\n    report(error.errno)\nimport time; time.sleep(1000)"
    result = session(source, limits=SMALL, **driver)
    refused = (errno.ENOSYS, None)
    assert (result.reported, result.overrun) == (refused if driver["limiter"] == "watchdog" else (None, "memory"))


def test_auto_takes_the_watchdog_where_no_directory_is_named():
    chosen = limiter.choose("auto", "", LIMITS)
    assert chosen.name == "watchdog"
    assert "degraded" in limiter.layer(chosen).detail


@pytest.mark.parametrize(
    ("mode", "directory", "said"),
    [
        ("cgroup3", "", "there is no limiter 'cgroup3'"),
        ("cgroup2", "", "no delegated cgroup v2 directory"),
        ("cgroup2", "/nowhere", "No such file"),
        ("cgroup1", "", "memory, pids, cpuacct"),
        ("cgroup1", "memory=/nowhere,pids=/nowhere,cpuacct=/nowhere", "No such file"),
    ],
)
def test_a_limiter_that_cannot_work_is_refused_with_the_reason(mode, directory, said):
    """H1: fail closed"""
    with pytest.raises(SandboxError, match=said):
        limiter.choose(mode, directory, LIMITS)


def test_a_directory_without_the_controllers_is_no_cgroup2():
    unified = "/sys/fs/cgroup/unified" if os.path.exists("/sys/fs/cgroup/unified") else "/sys/fs/cgroup"
    if not os.path.exists(f"{unified}/cgroup.controllers"):
        pytest.skip("this machine has no cgroup v2")
    with open(f"{unified}/cgroup.controllers") as file:
        if {"memory", "pids", "cpu"} <= set(file.read().split()):
            pytest.skip("this machine has every controller")
    with pytest.raises(SandboxError, match="does not have the controllers"):
        limiter.choose("cgroup2", unified, LIMITS)


def test_counters_that_a_kernel_lacks_are_zero():
    assert counter("oom 1\noom_kill 2\n", "oom_kill") == 2
    assert counter("low 0\n", "oom_kill") == 0


def test_the_groups_of_a_session_are_not_named_inside(session, groups):
    """A29, C8"""
    mine = "'pids' in line" if groups["limiter"] == "cgroup1" else "line.startswith('0::')"
    source = f"report([line.rsplit(':')[-1].strip() for line in open('/proc/self/cgroup') if {mine}])"
    assert session(source, **groups).reported == ["/"]


@x86_64
def test_the_watchdog_sees_the_memory_of_an_init_that_user_code_has_taken_over(session):
    """A4, A7, B9"""
    # mmap 512 MiB, write to every page of it
    fill = "b80900000031ffbe00000020ba0300000041ba2200000049c7c0ffffffff4531c90f05"
    fill += "b900000200c60001480500100000ffc975f3"
    source = TAKEN_INIT.format(code=fill + PAUSE_FOR_EVER)
    result = session(source, limits=SMALL, limiter="watchdog", until_end=True)
    assert (result.overrun, result.dead) == ("memory", True)


def test_groups_that_a_killed_supervisor_left_go_when_the_next_one_starts(start, session, groups):
    killed = start("report(1)\nimport time; time.sleep(1000)", hold=True, limits=SMALL, **groups)
    with killed:
        killed.stdout.readline()
        killed.kill()
    directories = [part.rpartition("=")[2] for part in groups["cgroup_directory"].split(",")]

    def left() -> list[str]:
        return [name for path in directories for name in os.listdir(path) if name.startswith(f"{killed.pid}.")]

    assert left()
    # Its processes may take a moment to end.
    wait_for(lambda: session("report(1)", limits=SMALL, **groups) and not left())


LOCK = """
import fcntl, os, struct, threading, time
def lock(files, each):
    for name in range(files):
        file = os.open(f"{threading.get_native_id()}.{name}", os.O_RDWR | os.O_CREAT)
        for place in range(each):
            fcntl.fcntl(file, fcntl.F_SETLK, struct.pack("hhqqi", fcntl.F_WRLCK, 0, 2 * place, 1, 0))
"""
ALWAYS = -1 << 60


@pytest.mark.parametrize(("locks", "overrun"), [(9_900, None), (10_000, None), (10_100, "memory")])
def test_a_session_that_holds_many_locks_ends_while_the_kernel_has_little_left(session, driver, locks, overrun):
    """A8, I13"""
    source = f"{LOCK}\nlock(100, {locks // 100})\nreport(1)\ntime.sleep({1.2 if overrun is None else 1000})"
    result = session(source, until_end=True, limits=SMALL, rise_bytes=ALWAYS, **driver)
    assert (result.overrun, result.dead) == (overrun, True)


def test_locks_are_looked_for_in_every_process_and_thread(session, driver):
    """I13"""
    source = f"""{LOCK}
if os.fork() == 0:
    threading.Thread(target=lock, args=(60, 100)).start()
lock(50, 100)
time.sleep(1000)
"""
    result = session(source, until_end=True, limits=SMALL, rise_bytes=ALWAYS, **driver)
    assert (result.overrun, result.dead) == ("memory", True)


def test_threads_that_share_their_open_files_do_not_multiply_locks(session, driver):
    source = f"""{LOCK}
for _ in range(10):
    threading.Thread(target=time.sleep, args=(1,), daemon=True).start()
lock(20, 100)
report(1)
time.sleep(1)
"""
    assert session(source, until_end=True, limits=SMALL, rise_bytes=ALWAYS, **driver).overrun is None


def test_the_kernels_memory_rises_with_locks_and_the_session_that_holds_them_ends(session, driver):
    """A8, I13"""
    # Again and again, each time anew: meanwhile others may have given as much of the kernel's memory back.
    source = f"""{LOCK}
while True:
    if os.fork() == 0:
        lock(60, 1000)
        time.sleep(2)
        os._exit(0)
    os.wait()
"""
    result = session(source, until_end=True, limits=SMALL, rise_bytes=4 << 20, **driver)
    assert (result.overrun, result.dead) == ("memory", True)


def test_each_rise_of_the_kernels_memory_is_counted_and_nothing_before(monkeypatch):
    taken, now = [100 << 20], [0.0]
    monkeypatch.setattr(kernel_memory, "_unreclaimable_bytes", lambda: taken[0])
    monkeypatch.setattr(kernel_memory.time, "monotonic", lambda: now[0])
    growth = kernel_memory.GrowthWatch()

    def counted_at(taken_bytes: int) -> int:
        before = growth.times()
        taken[0], now[0] = taken_bytes, now[0] + kernel_memory.LOOK_S
        return growth.times() - before

    rise = kernel_memory.RISE_BYTES
    assert [counted_at((100 << 20) + more) for more in (0, rise - 1, rise, rise + 1)] == [0, 0, 0, 1]
    # What was not given back belongs to somebody else; what was counts again.
    assert [counted_at(more) for more in ((100 << 20) + rise + 2, 50 << 20, (50 << 20) + rise + 1)] == [0, 0, 1]


def test_a_session_that_makes_looking_at_it_long_is_ended_for_it(session, driver):
    """I13"""
    # Few locks, which each open file of each thread names again: read whole, they would take the supervisor minutes.
    source = f"""{LOCK}
lock(1, 9000)
locked = max(int(name) for name in os.listdir("/proc/self/fd") if os.path.exists(f"/proc/self/fd/{{name}}"))
kept = [os.dup(locked) for _ in range(100)]
for _ in range(12):
    threading.Thread(target=time.sleep, args=(1000,)).start()
time.sleep(1000)
"""
    result = session(source, until_end=True, limits=SMALL, rise_bytes=ALWAYS, **driver)
    assert (result.overrun, result.dead) == ("memory", True)
