"""Nothing of an attack is there when its session has ended, or in the next."""

from __future__ import annotations

import ctypes
import errno
import os
import pwd
import signal
import time
import uuid
from collections.abc import Iterator
from concurrent.futures import Future
from contextlib import suppress
from pathlib import Path

import pytest

from harness.processes import wait_for
from harness.server import Server
from host.accounts import UNTRUSTED
from tests.adversarial.conftest import ATTACK_S, at_once, beside
from tests.checking_client import CheckingClient
from tests.host.test_make_run import find_groups
from tests.untrusted.sandbox.conftest import x86_64
from tests.untrusted.sandbox.test_life import PAUSE_FOR_EVER, TAKEN_INIT
from untrusted.sandbox.limiter.stock import KEPT_MAX

GONE_S = 60.0
CLONE3 = 435
# Each leaves processes behind that carry {mark} in their command lines, and then ends its own way.
DAEMON = """
import os, signal, subprocess, sys, time
def daemon():
    if os.fork(): return
    os.setsid()
    if os.fork(): os._exit(0)
    signal.signal(signal.SIGHUP, signal.SIG_IGN)
    os.closerange(0, 512)
    os.execv('/bin/sleep', ['{mark}', '1000'])
daemon()
"""
LEFT = {
    "B1 daemons": DAEMON,
    "B2 daemons when the time is up": DAEMON + "while True: pass",
    "B4 a fork bomb that races the kill": DAEMON + "while True:\n    try: os.fork()\n    except OSError: pass",
    "B6 a grandchild that holds standard output": "import subprocess\nsubprocess.Popen(['{mark}', '1000'], executable='/bin/sleep')",
    "B8 stopped processes": DAEMON + "time.sleep(0.5)\nos.kill(-1, signal.SIGSTOP)\nos.kill(os.getpid(), signal.SIGSTOP)",
    "B8 a stopped parent": DAEMON + "subprocess.Popen(['{mark}', '1000'], executable='/bin/sleep').send_signal(signal.SIGSTOP)",
    "B8 traced processes": DAEMON + "import ctypes\nctypes.CDLL(None).ptrace(0, 0, 0, 0)\nos.kill(os.getpid(), signal.SIGSTOP)",
    "B9 a killed init": DAEMON + "for n in range(1, 65):\n    try: os.kill(1, n)\n    except OSError: pass",
    "B10 a clone beside its parent": DAEMON + """
import ctypes
libc = ctypes.CDLL(None)
for flags in (0x8000, 0x800000, 0x8000 | 0x800000 | 17):
    if libc.syscall(ctypes.c_long(56), ctypes.c_long(flags), 0, 0, 0, 0) == 0:
        os.execv('/bin/sleep', ['{mark}', '1000'])
""",
}  # fmt: skip
# Ends only at the wall limit where it is not interrupted: the test kills these itself.
ENDLESS = {"B8 stopped processes", "B8 traced processes"}


def marked(mark: str) -> list[str]:
    """Return the processes of this machine that carry the mark."""
    found = []
    for directory in Path("/proc").iterdir():
        try:
            words = (directory / "cmdline").read_bytes().split(b"\0")
        except OSError:
            continue
        if directory.name.isdecimal() and words[0] == mark.encode():
            found.append(directory.name)
    return found


def until_gone(mark: str) -> None:
    wait_for(lambda: not marked(mark), GONE_S)


@pytest.fixture(scope="module")
def attacks(request, server: Server, innocent: str) -> Iterator[dict[str, Future[None]]]:
    """The attacks, each of which ends well if none of its processes outlives its session and the neighbour lives."""

    def attack(name: str) -> None:
        client, mark = CheckingClient(server.url), f"left-{uuid.uuid4().hex[:12]}"
        with beside(client, innocent):
            computation = client.submit(LEFT[name].replace("{mark}", mark))["id"]
            if name in ENDLESS:
                wait_for(lambda: marked(mark), GONE_S)
                client.cancel(computation)
            outcome = client.finish(computation)
            assert outcome.state in ("done", "failed", "cancelled")
            until_gone(mark)

    with at_once(request, attack, LEFT) as attacks:
        yield attacks


@pytest.mark.parametrize("name", LEFT)
def test_no_process_outlives_its_session(attacks, name):
    attacks[name].result(ATTACK_S)


def bystander(number: int) -> int | None:
    """Return a process of the untrusted account that has this number, once it is free; SIGINT makes it end with 1.

    The kernel is asked for this very number: a process of anybody's may get one that is merely the next.
    """
    numbers = (ctypes.c_int * 1)(number)
    arguments = (ctypes.c_uint64 * 11)()  # struct clone_args
    arguments[4], arguments[8], arguments[9] = signal.SIGCHLD, ctypes.addressof(numbers), len(numbers)
    ready, told = os.pipe()
    libc = ctypes.PyDLL(None, use_errno=True)  # nothing else of Python runs meanwhile
    pid = libc.syscall(ctypes.c_long(CLONE3), arguments, ctypes.c_long(ctypes.sizeof(arguments)))
    if pid == 0:
        signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT, signal.SIGTERM})
        os.setsid()
        os.setuid(pwd.getpwnam(UNTRUSTED).pw_uid)
        os.write(told, b"!")
        os._exit(signal.sigwait({signal.SIGINT, signal.SIGTERM}) == signal.SIGINT)
    error = ctypes.get_errno() if pid == -1 else 0
    if not error:
        os.read(ready, 1)
    for descriptor in (ready, told):
        os.close(descriptor)
    assert error in (0, errno.EEXIST), os.strerror(error)
    return None if error else pid


@x86_64
@pytest.mark.root
def test_an_interrupt_is_not_for_who_got_the_number_of_a_worker_that_is_gone(client):
    """B5, B9, D1"""
    mark = f"left-{uuid.uuid4().hex[:12]}"
    # In a session of its own: a number stays taken while it is that of a process group.
    start = f"""
import subprocess
subprocess.Popen(['{mark}', '1000'], executable='/bin/sleep', start_new_session=True)
input()
report = print
"""
    computation = client.submit(start + TAKEN_INIT.format(code=PAUSE_FOR_EVER))["id"]
    client.until_asked(computation)
    [sleeper] = marked(mark)
    worker = int(Path(f"/proc/{sleeper}/stat").read_text().rpartition(")")[2].split()[1])
    client.answer(computation, "")
    wait_for(lambda: not Path(f"/proc/{worker}").exists())
    heir = wait_for(lambda: bystander(worker))
    assert client.interrupt(computation).status_code == 202
    assert client.finish(computation).state in ("failed", "cancelled")
    os.kill(heir, signal.SIGTERM)
    assert os.waitstatus_to_exitcode(os.waitpid(heir, 0)[1]) == 0
    until_gone(mark)


def test_a_result_does_not_wait_for_a_grandchild_that_holds_the_streams(client):
    """B6"""
    outcome = client.run("import subprocess\nsubprocess.Popen(['sleep', '1000'])\nprint('here')\n6 * 7")
    assert (outcome.state, outcome.result, outcome.text()) == ("done", "42", "here\n")
    assert outcome.description["usage"]["wall_s"] < 15


def test_orphans_leave_no_zombies(client):
    """B7"""
    code = """
import os, time
for n in range(150):
    if (pid := os.fork()) == 0:
        if os.fork() == 0: os._exit(0)
        os._exit(0)
    os.waitpid(pid, 0)
def zombies():
    count = 0
    for n in os.listdir('/proc'):
        if n.isdigit():
            try: count += open(f'/proc/{n}/stat').read().rpartition(')')[2].split()[0] == 'Z'
            except OSError: pass
    return count
end = time.monotonic() + 10
while zombies() and time.monotonic() < end: time.sleep(0.05)
print(zombies())
"""
    assert client.run(code).text() == "0\n"


PERSISTENT = (
    "~/.bashrc", "~/.profile", "~/.ssh/authorized_keys", "~/.config/systemd/user/a.service", "~/.config/matplotlib/matplotlibrc",
    "~/.ipython/profile_default/startup/a.py", "~/.pythonrc", "~/.sage/init.sage", "~/.Rprofile", "~/sitecustomize.py",
    "~/numpy.py", "~/json.py", "~/.local/lib/python3.11/site-packages/a.pth", "/tmp/a", "/var/tmp/a", "/dev/shm/a",
    "/run/lock/a", "/tmp/.X11-unix/X0", "~/matplotlibrc", "~/.netrc",
)  # fmt: skip


def test_nothing_that_one_session_plants_is_there_in_the_next(client):
    """B11, B12"""
    plant = f"""
import builtins, os, site, sys
for name in {PERSISTENT!r}:
    name = os.path.expanduser(name)
    try:
        os.makedirs(os.path.dirname(name), exist_ok=True)
        open(name, 'w').write('planted = 1')
    except OSError: pass
sys.modules['planted'] = builtins.planted = os
int.__doc__
os.environ['PLANTED'] = '1'
import random; random.seed(1)
"""
    look = f"""
import builtins, os, sys
print([n for n in {PERSISTENT!r} if os.path.lexists(os.path.expanduser(n))])
print('planted' in sys.modules, hasattr(builtins, 'planted'), 'PLANTED' in os.environ)
"""
    for _ in range(2):
        assert client.run(plant).state == "done"
        # More sessions than wait ready: some were forked after the planting.
        for computation in [client.submit(look)["id"] for _ in range(6)]:
            assert client.finish(computation).text() == "[]\nFalse False False\n"


@pytest.mark.parametrize(
    "place",
    [
        "sys.prefix + '/lib'",
        "__import__('numpy').__path__[0]",
        "__import__('untrusted').__path__[0]",
        "'/usr/lib'",
        "'/etc'",
    ],
)
def test_no_place_that_is_loaded_at_start_can_be_written(client, place):
    """B11"""
    code = f"import sys\ntry: open({place} + '/planted.pth', 'w'); print('written')\nexcept OSError as error: print(error.errno)"
    assert client.run(code).text() in ("30\n", "13\n", "1\n")


def counted(server) -> dict[str, int]:
    """Return what of this server's is alive, of kinds that could leak."""
    spaces: dict[str, set[str]] = {"net": set(), "mnt": set(), "pid": set()}
    pids = server.process.descendants()
    for pid in pids:
        for kind, found in spaces.items():
            with suppress(OSError):  # it may have ended meanwhile
                found.add(os.readlink(f"/proc/{pid}/ns/{kind}"))
    mounts = Path("/proc/self/mountinfo").read_text().count("\n")
    # Not by rglob: groups that go away meanwhile are an error to it.
    groups = sum("cgroup.procs" in files for top in find_groups(server) for _, _, files in os.walk(top))
    return {"processes": len(pids), "mounts": mounts, "groups": groups} | {n: len(s) for n, s in spaces.items()}


@pytest.mark.root
def test_sessions_in_a_row_leave_no_process_namespace_mount_or_group_behind(client, server):
    """B13, E14"""

    def run(count: int) -> None:
        for computation in [client.submit("import os; os.system('sleep 100 &')")["id"] for _ in range(count)]:
            client.finish(computation)

    run(20)
    before = settled(server)
    run(60)
    # The pool may have one more or less on its way, and more control groups may be kept for sessions to come.
    more = {"groups": 8 + 4 * KEPT_MAX}
    most = {name: count + more.get(name, 8) for name, count in before.items()}
    wait_for(lambda: all(count <= most[name] for name, count in counted(server).items()), GONE_S)


def settled(server) -> dict[str, int]:
    """Return the counts when they have stopped changing."""
    end, last = time.monotonic() + 15, counted(server)
    while time.monotonic() < end:
        time.sleep(0.5)
        now = counted(server)
        if now == last:
            break
        last = now
    return last
