"""An attack that uses things up ends with its reason, and the neighbour comes to its right result."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import Future

import pytest

from harness.server import Server
from tests.adversarial.conftest import ATTACK_S, at_once, beside
from tests.checking_client import CheckingClient
from tests.client import Outcome

has_neighbour = pytest.mark.usefixtures("neighbour")

# name: (code, the reasons that are right)
ATTACKS = {
    "A1 fork bomb": (
        "import os, time\nwhile True:\n    try: os.fork()\n    except OSError: time.sleep(0.05)",
        {"processes"},
    ),
    "A2 one subprocess too many": (
        "import subprocess\nkept = [subprocess.Popen(['sleep', '1000']) for _ in range(80)]\nkept[0].wait()",
        {"processes"},
    ),
    "A3 thread bomb": (
        "import threading, time\n"
        "while True:\n    try: threading.Thread(target=time.sleep, args=(100,)).start()\n"
        "    except RuntimeError: time.sleep(0.05)",
        {"processes"},
    ),
    "A4 four processes, each below the limit": (
        "import os, time\nfor _ in range(4):\n    if os.fork() == 0:\n        b = b'x' * 150_000_000\n"
        "        time.sleep(100)\ntime.sleep(100)",
        {"memory"},
    ),
    "A5 one huge block that is written": ("b = b'x' * 900_000_000\nimport time; time.sleep(100)", {"memory"}),
    "A6 slow growth": (
        "import time\nb = []\nwhile True:\n    b.append(b'x' * 8_000_000); time.sleep(0.01)",
        {"memory"},
    ),
    "A7 shared memory that no heap counts": (
        "import mmap\nkept = []\nwhile True:\n    m = mmap.mmap(-1, 1 << 24); m.write(b'x' * (1 << 24)); kept.append(m)",
        {"memory"},
    ),
    "A7 memfd": (
        "import os, time\nkept = []\nwhile True:\n    f = os.memfd_create('m'); os.write(f, b'x' * (1 << 24))\n"
        "    kept.append(f)",
        {"memory"},
    ),
    "A9 endless loop": ("while True: pass", {"time_cpu"}),
    "A10 processes and threads that spin": (
        "import os, threading\nfor _ in range(4): os.fork()\n"
        "for _ in range(2): threading.Thread(target=lambda: all(iter(lambda: True, 0))).start()\nwhile True: pass",
        {"time_cpu"},
    ),
    "A13 no signal and no exception is heeded": (
        "import signal\nfor n in range(1, 65):\n    try: signal.signal(n, signal.SIG_IGN)\n"
        "    except (OSError, ValueError): pass\nsignal.pthread_sigmask(signal.SIG_BLOCK, range(1, 65))\n"
        "def stubborn():\n    while True:\n        try:\n            while True: pass\n"
        "        except BaseException: continue\nstubborn()",
        {"time_cpu"},
    ),
    "A14 a computation that holds the interpreter": ("x = 7 ** (10 ** 9)", {"time_cpu", "memory"}),
    "A15 flood of output": ("while True: print('x' * 100_000)", {"output"}),
    "A16 flood of both streams, by programs": ("import os\nos.system('yes & yes >&2; wait')", {"output"}),
    "A17 one line without end": ("import sys\nwhile True: sys.stdout.write('x' * (1 << 20))", {"output"}),
    "A17 ten million writes of one byte": (
        "import os\nfor _ in range(10_000_000): os.write(1, b'x')",
        {"output", "time_cpu"},
    ),
    "A18 flood of displays": (
        "from IPython.display import display\nwhile True: display({'text/plain': 'x'}, raw=True)",
        {"output"},
    ),
    "A18 flood of updates": (
        "from IPython.display import display, update_display\nh = display(0, display_id='a')\nwhile True: h.update(1)",
        {"output"},
    ),
    "A26 a device without end": (
        "import os\nz = os.open('/dev/urandom', 0)\nwhile True: os.read(z, 1 << 20)",
        {"time_cpu"},
    ),
    "A26 a device without end read whole": ("open('/dev/zero', 'rb').read()", {"memory"}),
    "A25 segmentation fault": ("import ctypes\nctypes.string_at(0)", {"kernel_died"}),
    "A25 stack overflow": (
        "import sys\nsys.setrecursionlimit(10**9)\ndef f(x): return [x].sort(key=f)\n"
        "import ctypes\nctypes.pythonapi.PyRun_SimpleString(b'import sys; sys.setrecursionlimit(10**9)')\n"
        "class R:\n    def __repr__(self): return repr(self)\nrepr(R())\nimport os; os.abort()",
        {"kernel_died"},
    ),
    "A30 a bomb for the compiler": ("exec('-' * 9_000_000 + '1')", {"kernel_died", "memory", "time_cpu", None}),
}


@pytest.fixture(scope="module", autouse=True)
def asleep(client) -> str:
    """A computation that sleeps for ever, begun first, for its time runs while the others attack."""
    return client.submit("import select\nselect.select([], [], [])")["id"]


@pytest.fixture(scope="module")
def outcomes(request, server: Server, innocent: str) -> Iterator[dict[str, Future[Outcome]]]:
    """What each attack comes to, beside a neighbour who comes to the right result."""

    def attack(name: str) -> Outcome:
        own = CheckingClient(server.url)
        with beside(own, innocent):
            return own.run(ATTACKS[name][0])

    with at_once(request, attack, ATTACKS) as outcomes:
        yield outcomes


def limiter(client) -> str:
    """Return how the server counts the memory of a session."""
    (account,) = client.http.get(f"{client.url}/readyz", timeout=30).json()["accounts"]
    return account["limiter"]


@pytest.mark.parametrize("name", ATTACKS)
def test_an_attack_on_the_host_ends_with_its_reason(client, outcomes, name):
    _, reasons = ATTACKS[name]
    refused = name == "A7 memfd" and limiter(client) == "watchdog"  # it would not see that memory
    outcome = outcomes[name].result(ATTACK_S)
    assert outcome.reason in ({None} if refused else reasons), (outcome.description, outcome.messages[-3:])
    if refused:
        assert "Function not implemented" in outcome.error["evalue"]
    if outcome.reason:
        assert outcome.state == "failed"
        assert len(outcome.of_type("error")[-1]["evalue"]) > 20


def test_sleeping_for_ever_ends_at_the_wall_limit(client, asleep):
    """A11"""
    assert client.finish(asleep).reason == "time_wall"


@has_neighbour
def test_more_memory_than_there_is_address_space_is_a_memory_error(client):
    """A5"""
    outcome = client.run("bytearray(1 << 44)")
    assert outcome.error["ename"] == "MemoryError"


@has_neighbour
def test_fifty_subprocesses_are_not_too_many(client):
    """A2"""
    code = "import subprocess\nsum(p.wait() for p in [subprocess.Popen(['true']) for _ in range(50)])"
    assert client.run(code).result == "0"


@has_neighbour
@pytest.mark.parametrize(
    "hold",
    [
        "import ctypes\nctypes.PyDLL(None).pause()",
        "import signal, time\nsignal.signal(signal.SIGINT, signal.SIG_IGN)\ntime.sleep(1000)",
        "import time\ndef stubborn():\n    try:\n        while True: time.sleep(0.01)\n"
        "    except BaseException: stubborn()\nstubborn()",
        "import os, signal\nos.kill(os.getpid(), signal.SIGSTOP)",
    ],
    ids=["A14 in C", "A13 ignored", "A13 caught", "B8 stopped"],
)
def test_an_interrupt_that_is_not_heeded_becomes_a_kill(client, hold):
    computation = client.submit("print('in', flush=True)\n" + hold)["id"]
    client.until_printed(computation)
    assert client.interrupt(computation).status_code == 202
    outcome = client.finish(computation)
    # An interrupt that arrives after all makes it an ordinary KeyboardInterrupt.
    assert outcome.state in ("failed", "cancelled") or outcome.error["ename"] == "KeyboardInterrupt"
    assert outcome.reason not in ("time_wall", "time_cpu")


@has_neighbour
def test_output_that_nobody_reads_is_bounded(client):
    """A19"""
    computation = client.submit("while True: print('x' * 1000)")["id"]
    while client.get(computation)["state"] in ("queued", "running"):
        pass
    kept = client.finish(computation)
    assert kept.reason == "output"
    assert sum(len(content["text"]) for content in kept.of_type("stream")) <= 2097152 + 200


@has_neighbour
def test_kernel_objects_run_out_in_the_session_alone(attempt):
    """A8, A23, D18"""
    setup = """
def fill(make, most=20_000):
    kept = []
    try:
        for _ in range(most):
            kept.append(make())
    except OSError as error:
        return errno.errorcode[error.errno]
    finally:
        for one in kept:
            for number in one if isinstance(one, tuple) else (one,):
                number.close() if hasattr(number, "close") else os.close(number)
    return len(kept)

def queue_signals():
    # In a process of one thread: in this one, another thread would take them.
    if (pid := os.fork()) == 0:
        signal.pthread_sigmask(signal.SIG_BLOCK, [40])
        for _ in range(100_000):
            if libc.sigqueue(os.getpid(), 40, None) == -1:
                os._exit(ctypes.get_errno())
        os._exit(0)
    if status := os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]):
        raise OSError(status, "")

def in_flight():
    kept, (ours, theirs) = 0, socket.socketpair()
    ours.setblocking(False)
    while True:
        socket.send_fds(ours, [b"x"], [1] * 200)
"""
    found = attempt(
        {
            "pipes": "value = fill(os.pipe)",
            "sockets": "value = fill(socket.socketpair)",
            "epoll": "import select; value = fill(lambda: select.epoll())",
            "eventfd": "value = fill(lambda: checked(libc.eventfd(0, 0)))",
            "inotify": "value = fill(lambda: checked(libc.inotify_init()))",
            "timerfd": "value = fill(lambda: checked(libc.timerfd_create(1, 0)))",
            "memfd": "value = fill(lambda: os.memfd_create('m'))",
            "watches": "i = checked(libc.inotify_init())\nfor n in range(100_000):\n"
            "    os.makedirs(f'/tmp/w/{n}') or checked(libc.inotify_add_watch(i, f'/tmp/w/{n}'.encode(), 2))",
            "queued signals": "queue_signals()",
            "timers": "t = ctypes.c_void_p()\nfor _ in range(200_000): call(222, 1, None, ctypes.byref(t))",
            "queues": "for n in range(10_000): call(240, f'/q{n}'.encode(), 0o102, 0o600, None)",
            "in flight": "in_flight()",
        },
        setup,
    )
    for name in ("pipes", "sockets", "epoll", "eventfd", "timerfd"):
        assert found[name] == "ok EMFILE", found
    assert found["memfd"] in ("ok EMFILE", "ok ENOSYS"), found  # refused where no control group counts it
    assert found["inotify"] == "ok ENOSYS", found  # of which an account has 128
    for name in ("watches", "queued signals", "timers", "queues", "in flight"):
        assert not found[name].startswith("ok"), found


DISK = """
def fill(directory):
    for n in range(200):
        with open(f'{directory}/{n}', 'wb') as file:
            file.write(bytes(1 << 20))
def litter(directory):
    for n in range(10**6):
        open(f'{directory}/e{n}', 'w').close()
def clear(directory):
    for name in os.listdir(directory):
        os.remove(f'{directory}/{name}')
"""


@has_neighbour
@pytest.mark.parametrize("directory", ["/home/cell", "/tmp", "/dev/shm"])
def test_a_disk_that_is_filled_is_full_for_its_session_alone(attempt, directory):
    """A20, A21"""
    found = attempt(
        {
            "bytes": f"try: fill({directory!r})\nfinally: clear({directory!r})",
            "inodes": f"try: litter({directory!r})\nfinally: clear({directory!r})",
            "huge": f"f = os.open({directory + '/h'!r}, 0o102); os.posix_fallocate(f, 0, 1 << 40)",
        },
        DISK,
    )
    assert found.pop("huge") in ("ENOSPC", "EFBIG")
    assert set(found.values()) == {"ENOSPC"}


@has_neighbour
def test_deep_and_wide_directories_end_with_the_session(client):
    """A22, F12"""
    code = """
import os
try:
    for n in range(10_000):
        os.mkdir('d' * 200); os.chdir('d' * 200)
except OSError as error: print(error.errno)
os.chdir('/home/cell')
try:
    for n in range(100_000): os.mkdir(f'w{n}')
except OSError as error: print(error.errno)
"""
    outcome = client.run(code)
    assert (outcome.state, outcome.text()) == ("done", "28\n28\n"), outcome.messages[-4:]
    assert client.http.get(f"{client.url}/computations/{outcome.description['id']}/files").json()["files"] == []


@has_neighbour
def test_aborts_without_end_leave_no_core(client):
    """A24, C16"""
    code = """
import os, resource
for _ in range(100):
    if os.fork() == 0: os.abort()
    os.wait()
print(sorted(os.listdir('.')), sorted(os.listdir('/tmp')), resource.getrlimit(resource.RLIMIT_CORE))
"""
    assert client.run(code).text() == "[] [] (1, 1)\n"


@has_neighbour
def test_priority_and_limits_cannot_be_raised(attempt):
    """A27, A28, A29"""
    found = attempt(
        {
            **{name: f"resource.setrlimit(resource.RLIMIT_{name}, (1 << 40, 1 << 40))" for name in
               ("NOFILE", "NPROC", "AS", "FSIZE", "CPU", "CORE", "MEMLOCK", "RTPRIO", "MSGQUEUE", "SIGPENDING")},
            "init's": "resource.prlimit(1, resource.RLIMIT_CPU, (1 << 40, 1 << 40))",
            "nice": "os.nice(-5)",
            "priority": "os.setpriority(os.PRIO_PROCESS, 0, -20)",
            "priority of the user": "os.setpriority(os.PRIO_USER, 0, -20)",
            "first in, first out": "os.sched_setscheduler(0, os.SCHED_FIFO, os.sched_param(1))",
            "round robin": "os.sched_setscheduler(0, os.SCHED_RR, os.sched_param(99))",
            "deadline": "call(314, 0, struct.pack('IIQiIQQQ', 48, 6, 0, 0, 0, 10**6, 10**7, 10**7), 0)",
            "disk priority": "call(251, 1, 0, (1 << 13) | 0)",
            "score": "open('/proc/self/oom_score_adj', 'w').write('-1000')",
            "control groups": "os.listdir('/sys/fs/cgroup')",
            "control groups mounted": "call(165, b'c', b'/tmp', b'cgroup2', 0, None)",
            "lock memory": "checked(libc.mlockall(3))",
            "memfd_secret": "call(447, 0)",
        }
    )  # fmt: skip
    assert not {name: said for name, said in found.items() if said.startswith("ok")}
    assert set(found.values()) <= {"EPERM", "EACCES", "ENOENT", "ENOSYS", "ENOMEM", "EINVAL", "ValueError"}, found


@has_neighbour
def test_an_archive_is_a_file_and_is_never_unpacked(client):
    """A31, F16"""
    bomb = b"PK\x03\x04" + bytes(1000)
    answer = client.http.post(
        f"{client.url}/computations",
        files=[("code", (None, "import os\nos.listdir('.'), os.path.getsize('a.zip')")), ("file", ("a.zip", bomb))],
        timeout=30,
    )
    assert answer.status_code == 201, answer.text
    assert client.finish(answer.json()["id"]).result == "(['a.zip'], 1004)"
