"""Attempts to reach neighbours, supervisors and the kernel's doors are refused, each with its own answer."""

from __future__ import annotations

import json

import pytest

from tests.adversarial.attempts import source_of, verdicts_in
from tests.adversarial.conftest import LANGUAGES
from tests.untrusted.sandbox.conftest import x86_64
from tests.untrusted.sandbox.test_refused_calls import FOREIGN_CALLS, KILLED

REFUSED = {
    "D1 signal to all": "os.kill(-1, 0) if os.fork() else os._exit(0); raise PermissionError(errno.EPERM, '')",
    "D2 ptrace of init": "call(101, 16, 1, 0, 0)",
    "D2 seize": "call(101, 0x4206, 1, 0, 0)",
    "D2 memory of another read": "call(310, 1, None, 0, None, 0, 0)",
    "D2 memory of another written": "call(311, 1, None, 0, None, 0, 0)",
    "D2 descriptor of another": "call(438, 0, 0, 0)",
    "D2 memory of another advised": "call(440, -1, None, 0, 0, 0)",
    "D2 comparing processes": "call(312, 1, 1, 0, 0, 0)",
    "D3 abstract socket of the display": "socket.socket(1).connect('\\0/tmp/.X11-unix/X0')",
    "D3 abstract socket of the bus": "socket.socket(1).connect('\\0/run/dbus/system_bus_socket')",
    **{
        f"D4 {path}": f"socket.socket(1).connect({path!r})"
        for path in (
            "/run/user/0/bus", "/run/dbus/system_bus_socket", "/run/systemd/private", "/run/docker.sock",
            "/var/run/docker.sock", "/tmp/mongodb-27017.sock", "/run/containerd/containerd.sock", "/dev/log",
            "/run/uuidd/request", "/var/run/nscd/socket", "/run/systemd/journal/socket",
        )
    },
    "D5 datagram to a socket by name": "socket.socket(1, 2).sendto(b'x', '/run/systemd/journal/socket')",
    "D5 datagram to an abstract name": "socket.socket(1, 2).sendto(b'x', '\\0journal')",
    "D5 message through a link": "os.symlink('/run/systemd/notify', '/tmp/n'); "
    "socket.socket(1, 2).sendmsg([b'x'], [], 0, '/tmp/n')",
    "D7 lease on a shared file": "fcntl.fcntl(os.open('/usr/bin/env', 0), fcntl.F_SETLEASE, fcntl.F_RDLCK)",
    "D7 write lock on a shared file": "fcntl.lockf(os.open('/usr/bin/env', os.O_RDWR), fcntl.LOCK_EX | fcntl.LOCK_NB)",
    **{
        f"D8 {name}": f"socket.socket({family}, {kind}, {protocol})"
        for name, family, kind, protocol in (
            ("vsock", 40, 1, 0), ("alg", 38, 5, 0), ("packet", 17, 3, 0), ("netlink", 16, 3, 0), ("uevents", 16, 2, 15),
            ("audit", 16, 3, 9), ("tipc", 30, 5, 0), ("bluetooth", 31, 3, 0), ("can", 29, 3, 1), ("xdp", 44, 3, 0),
            ("key", 15, 3, 2), ("kcm", 41, 2, 0), ("smc", 43, 1, 0), ("rds", 21, 5, 0), ("ax25", 3, 3, 0), ("x25", 9, 5, 0),
            ("raw", 2, 3, 255), ("raw 6", 10, 3, 255), ("vsock datagram", 40, 2, 0), ("qipcrtr", 42, 2, 0),
        )
    },
    "D9 io_uring": "call(425, 1, bytes(120))",
    "D9 io_uring entered": "call(426, 0, 0, 0, 0, None, 0)",
    "D11 hard link to a program": "os.link('/usr/bin/env', '/home/cell/env')",
    "D11 hard link between disks": "open('/tmp/a', 'w'); os.link('/tmp/a', '/home/cell/a')",
    "D12 terminal": "open('/dev/tty')",
    "D12 new terminal": "open('/dev/ptmx')",
    "D12 letters pushed into standard input": "fcntl.ioctl(0, 0x5412, b'x')",
    "D12 paste": "fcntl.ioctl(0, 0x541C, b'\\2')",
    "D12 console": "open('/dev/console')",
    "D13 mode": "os.chmod('/usr/bin/env', 0o777)",
    "D13 owner": "os.chown('/usr/bin/env', 1000, 1000)",
    "D13 times": "os.utime('/usr/bin/env')",
    "D13 attribute": "os.setxattr('/usr/bin/env', 'user.a', b'b')",
    "D13 mode of the interpreter": "os.chmod(sys.executable, 0o777)",
    "D13 times of our code": "import untrusted; os.utime(untrusted.__path__[0])",
    "D13 mode of a file of init": "os.chmod('/proc/1/comm', 0o777)",
    **{f"D14 {name}": f"call(272, {flag})" for name, flag in (
        ("user", 0x10000000), ("mount", 0x20000), ("net", 0x40000000), ("pid", 0x20000000), ("ipc", 0x8000000),
        ("uts", 0x4000000), ("cgroup", 0x2000000), ("time", 0x80), ("user and net", 0x50000000))},
    "D14 clone": "call(56, 0x10000011, 0, 0, 0, 0) or os._exit(0)",
    "D14 clone3": "call(435, struct.pack('QQQQQQQQ', 0x10000000, 0, 0, 0, 17, 0, 0, 0), 64) or os._exit(0)",
    "D14 entering init's": "call(308, os.open('/proc/1/ns/net', 0), 0)",
    "D14 the program for it": "subprocess.run(['unshare', '-r', 'true'], check=True, stderr=subprocess.DEVNULL)",
    "D15 mount": "call(165, b'none', b'/tmp', b'tmpfs', 0, None)",
    "D15 bind": "call(165, b'/', b'/tmp', None, 4096, None)",
    "D15 remount writable": "call(165, None, b'/usr', None, 32 | 4096, None)",
    "D15 umount": "call(166, b'/proc', 2)",
    "D15 pivot_root": "call(155, b'.', b'.')",
    "D15 chroot": "os.chroot('/tmp')",
    "D15 fsopen": "call(430, b'tmpfs', 0)",
    "D15 open_tree": "call(428, -100, b'/', 1)",
    "D15 move_mount": "call(429, -1, b'', -1, b'', 4)",
    "D15 mount_setattr": "call(442, -1, b'/usr', 0, bytes(32), 32)",
    "D15 program": "subprocess.run(['mount', '-t', 'tmpfs', 'x', '/tmp'], check=True, stderr=subprocess.DEVNULL)",
    "D16 handle of a file": "call(303, -100, b'/usr', ctypes.create_string_buffer(struct.pack('Ii', 128, 0), 200), "
    "ctypes.byref(ctypes.c_int()), 0)",
    "D16 open by handle": "call(304, -100, struct.pack('Ii', 8, 1) + bytes(8), 0)",
    "D19 the socket to the supervisor opened anew": "n = [n for n in os.listdir('/proc/1/fd') "
    "if os.readlink(f'/proc/1/fd/{n}').startswith('socket')][0]; open(f'/proc/1/fd/{n}', 'wb')",
    "D20 ssh to the host": "socket.create_connection(('127.0.0.1', 22), 2)",
    "D20 agent": "socket.socket(1).connect(os.environ['SSH_AUTH_SOCK'])",
    "D20 control sockets": "os.listdir(os.path.expanduser('~/.ssh'))",
}  # fmt: skip
RIGHT = {
    "EPERM", "EACCES", "ENOENT", "ENOSYS", "EROFS", "EXDEV", "EAFNOSUPPORT", "ECONNREFUSED", "ENOTTY", "ENXIO", "EBADF",
    "ENOTDIR", "ESRCH", "ELOOP", "KeyError", "CalledProcessError", "FileNotFoundError", "EINVAL", "ENOSPC", "EPROTONOSUPPORT",
}  # fmt: skip


@pytest.fixture(scope="module", params=LANGUAGES)
def refusals(attempt, request) -> dict[str, str]:
    """What came of all the attempts, made in one cell."""
    return {"language": request.param, **attempt(REFUSED, language=request.param)}


@x86_64
@pytest.mark.parametrize("name", REFUSED)
def test_nobody_outside_the_session_is_reached(refusals, name):
    # Sage has terminals of its own: test_sage_worker.py.
    assert refusals[name] in RIGHT or (name == "D12 new terminal" and refusals["language"] == "sage")


def test_signals_to_all_and_to_the_parent_end_their_own_session_alone(client, innocent, neighbour):
    """B9, D1"""
    for code in (
        "import os, signal\nos.kill(-1, signal.SIGKILL)\nos.kill(os.getppid(), 9)\nos.kill(1, 9)\nprint(os.getpid())",
        "import os, signal\nfor pid in range(1, 5000):\n    try:\n        if pid != os.getpid(): os.kill(pid, 9)\n"
        "    except OSError: pass\nos.killpg(0, 9)",
    ):
        outcome = client.run(code)
        assert outcome.state in ("done", "failed")
        assert outcome.reason in (None, "kernel_died")


def test_sessions_share_no_memory_queue_semaphore_or_name(client):
    """D3, D6, D17"""
    leave = {
        "segment": "value = checked(libc.shmget(0x5eed, 4096, 0o1666))",
        "semaphore": "value = checked(libc.semget(0x5eed, 1, 0o1666))",
        "queue": "value = checked(libc.msgget(0x5eed, 0o1666))",
        "posix": "from multiprocessing import shared_memory; "
        "globals()['kept'] = shared_memory.SharedMemory('seed', True, 8)",
        "name": "s = socket.socket(1); s.bind('\\0seed'); s.listen(); globals()['listening'] = s; sys.kept = s",
        "file": "open('/tmp/seed', 'w'), open('/dev/shm/seed2', 'w')",
    }
    find = {
        "segment": "checked(libc.shmget(0x5eed, 4096, 0))",
        "semaphore": "checked(libc.semget(0x5eed, 1, 0))",
        "queue": "checked(libc.msgget(0x5eed, 0))",
        "posix": "from multiprocessing import shared_memory; shared_memory.SharedMemory('seed')",
        "name": "socket.socket(1).connect('\\0seed')",
        "file": "os.stat('/tmp/seed')",
    }
    stay = client.submit(source_of(leave) + "\ninput()")["id"]
    said = client.until_asked(stay)
    left = verdicts_in("".join(m["content"].get("text", "") for m in said))
    found = verdicts_in(client.run(source_of(find)).text())
    client.cancel(stay)
    assert left["posix"] == left["file"] == left["name"] == "ok", left
    assert set(found.values()) <= {"ENOENT", "ENOSYS", "EPERM", "ECONNREFUSED"}, found


def test_two_sessions_have_no_pipe_socket_or_writable_mapping_in_common(client):
    """C6, D17, D19"""
    code = """
import glob, os
found = set()
for link in glob.glob('/proc/[0-9]*/fd/*'):
    try: found.add(os.readlink(link))
    except OSError: pass
for row in open('/proc/self/maps'):
    access, _, device, inode = row.split()[1:5]
    if access[1] == 'w' and access[3] == 's': found.add(f'{device}:{inode}')
print('\\n'.join(sorted(found - {'/dev/null'})))
input()
"""
    one = client.submit(code)["id"]
    client.until_asked(one)
    other = client.submit(code)["id"]
    client.until_asked(other)
    seen = []
    for computation in (one, other):
        client.answer(computation, "")
        seen.append(set(client.finish(computation).text().split()))
    assert len(seen[0]) > 4
    assert not seen[0] & seen[1]


@x86_64
def test_calls_of_another_architecture_end_the_caller(client):
    """D10"""
    assert json.loads(client.run(f"{FOREIGN_CALLS}\nprint(ends)").text()) in KILLED


def test_locks_on_a_shared_file_do_not_stop_a_neighbour(client, innocent, neighbour):
    """D7"""
    hold = client.submit(
        "import fcntl, glob, sys\nkept = []\nfor name in glob.glob(sys.prefix + '/lib/python3*/site-packages/numpy/*.py'):\n"
        "    kept.append(open(name)); fcntl.flock(kept[-1], fcntl.LOCK_EX | fcntl.LOCK_NB)\ninput()"
    )["id"]
    client.until_asked(hold)
    assert client.run("import numpy\nint(numpy.ones(3).sum())").result == "3"
    client.cancel(hold)


@pytest.mark.parametrize(
    "code",
    [
        "import os\nfor n in range(3, 512):\n    try: os.write(n, b'\\0' * 10_000)\n    except OSError: pass",
        "import os\nfor n in range(3, 512):\n    try: os.write(n, os.urandom(1000))\n    except OSError: pass",
        "import os\nos.closerange(0, 512)",
        "import os\nfor n in range(3, 512):\n    try: os.dup2(1, n)\n    except OSError: pass\nprint('x')",
        "import os\nfor n in (0, 1, 2): os.close(n)\nprint('still')",
    ],
    ids=["D19 zeros", "D19 noise", "D19 all closed", "D19 all exchanged", "D19 standard streams closed"],
)
def test_rubbish_on_the_supervisors_descriptors_ends_that_session_at_worst(client, neighbour, code):
    outcome = client.run(code)
    assert outcome.state in ("done", "failed")
    assert outcome.reason in (None, "kernel_died", "protocol", "output"), outcome.description
    assert client.run("6 * 7").result == "42"


@pytest.mark.parametrize(
    "code",
    [
        'print(\'{"type":"finished","state":"done"}\')\nraise ValueError(\'real\')',
        "import sys\nsys.__stdout__.write('ready http://127.0.0.1:1\\n'); sys.__stdout__.flush()\nraise ValueError('real')",
        "import os\nos.write(1, b'\\x00\\x01finished\\n'); os.write(2, b'worker ready\\n')\nraise ValueError('real')",
    ],
    ids=["D21 frame", "D21 ready", "D21 worker"],
)
def test_a_marker_on_a_stream_is_text_and_nothing_else(client, code):
    outcome = client.run(code)
    assert outcome.error["evalue"] == "real"
    assert outcome.of_type("execute_reply")[0]["status"] == "error"


def test_what_one_session_holds_of_the_accounts_pools_leaves_enough_for_others(client):
    """D18"""
    hog = """
import os, socket
kept, on_their_way = [], [socket.socketpair() for _ in range(100)]
# More than the limit of one process, which is held against what all sessions together have on their way.
try:
    for ours, _theirs in on_their_way: socket.send_fds(ours, [b'x'], [0] * 250, socket.MSG_DONTWAIT)
except OSError: pass
try:
    while True: kept.append(os.pipe())
except OSError: pass
import fcntl
for pair in kept:
    try: fcntl.fcntl(pair[1], 1031, 1 << 20)
    except OSError: pass
for pair in kept[5:]:
    for number in pair: os.close(number)
input()
"""
    hogs = [client.submit(hog)["id"] for _ in range(3)]
    for computation in hogs:
        client.until_asked(computation)
    code = """
import os, subprocess
pipes = [os.pipe() for _ in range(100)]
print(subprocess.run(['echo', 'here'], capture_output=True).stdout)
"""
    # More sessions than wait ready: some are made while the pools are empty.
    others = [client.submit(code)["id"] for _ in range(8)]
    said = {client.finish(computation).text() for computation in others}
    for computation in hogs:
        client.cancel(computation)
    assert said == {"b'here\\n'\n"}
