"""How a session ends: at once, as a whole, and with those that started it."""

from __future__ import annotations

import json
import os
import signal
import subprocess
from pathlib import Path

from harness.processes import all_end, wait_for
from tests.untrusted.sandbox.conftest import x86_64

DEADLINE_S = 30.0
DAEMONS = """
import os, signal, time
def daemon(stop):
    if child := os.fork():
        os.waitpid(child, 0)
    else:
        os.setsid()
        if os.fork() == 0:
            signal.pthread_sigmask(signal.SIG_BLOCK, signal.valid_signals())
            if stop:
                os.kill(os.getpid(), signal.SIGSTOP)
            time.sleep(1000)
        os._exit(0)
daemon(False)
daemon(True)
for n in set(signal.valid_signals()) - {signal.SIGKILL, signal.SIGSTOP}:
    if n < 32:
        signal.signal(n, signal.SIG_IGN)
deadline = time.monotonic() + 30
while len([n for n in os.listdir("/proc") if n.isdigit()]) != 4 and time.monotonic() < deadline:
    time.sleep(0.01)
report(sorted(int(n) for n in os.listdir("/proc") if n.isdigit()))
"""


def below(pid: int) -> list[int]:
    """Return the processes below one, as the host sees them."""
    found, waiting = [], [pid]
    while waiting:
        children = Path(f"/proc/{waiting[0]}/task/{waiting.pop(0)}/children").read_text().split()
        found += map(int, children)
        waiting += map(int, children)
    return found


def test_daemons_stopped_processes_and_blocked_signals_end_with_the_kill(start):
    """B1, B2, B8, A13"""
    process = start(DAEMONS, hold=True)
    held = json.loads(process.stdout.readline())
    processes = below(held["init"])
    assert len(processes) == 3
    with all_end([held["init"], *processes], DEADLINE_S):
        out, _err = process.communicate(timeout=60)
    assert json.loads(out.splitlines()[-1])["dead"] is True


def test_a_session_ends_with_its_worker(session):
    """B6, A25"""
    for end in ("os._exit(0)", "os.kill(os.getpid(), 9)", "ctypes.string_at(0)", "os.execv('/bin/true', ['true'])"):
        source = f"""
import ctypes, os, subprocess
subprocess.Popen(["sleep", "1000"], start_new_session=True)
report("there")
{end}
"""
        result = session(source, until_end=True)
        assert (result.reported, result.dead, result.ended_by_itself) == ("there", True, True), end


def test_sessions_end_with_the_process_that_forked_them(start):
    """B3"""
    process = start("report(1)", hold=True)
    held = json.loads(process.stdout.readline())
    [zygote] = [pid for pid in below(process.pid) if held["init"] in below(pid)]
    with all_end([held["init"], *held["children"]], DEADLINE_S):
        os.kill(zygote, signal.SIGKILL)
    process.communicate(timeout=60)


def test_what_forks_sessions_has_no_network_no_privilege_and_cannot_be_read(start):
    """C4, C7, H4"""
    process = start("report(1)", hold=True)
    init = json.loads(process.stdout.readline())["init"]
    [zygote] = [pid for pid in below(process.pid) if init in below(pid)]
    for pid in (zygote, init):
        assert os.readlink(f"/proc/{pid}/ns/net") != os.readlink("/proc/self/ns/net")
        status = dict(line.split(":", 1) for line in Path(f"/proc/{pid}/status").read_text().splitlines())
        assert {name: int(status[name], 16) for name in status if name.startswith("Cap")} == dict.fromkeys(
            ("CapInh", "CapPrm", "CapEff", "CapBnd", "CapAmb"), 0
        )
    assert os.readlink(f"/proc/{zygote}/ns/net") != os.readlink(f"/proc/{init}/ns/net")
    # The kernel gives what no process of the account may read to another owner.
    assert os.stat(f"/proc/{zygote}/mem").st_uid != os.stat(f"/proc/{init}/mem").st_uid
    # When the host has no memory left, sessions go first.
    assert Path(f"/proc/{init}/oom_score_adj").read_text() == "500\n"
    process.communicate(timeout=60)


def test_init_cannot_be_killed_from_inside_and_signals_reach_the_session_alone(session):
    """B9, D1"""
    source = """
import os, signal, subprocess
child = subprocess.Popen(["sleep", "1000"])
for number in range(1, 65):
    if number not in (signal.SIGUSR1, 32, 33):
        os.kill(1, number)
os.kill(-1, signal.SIGKILL)  # all but init and the caller
report([child.wait(), os.getppid()])
"""
    assert session(source).reported == [-9, 1]


# User code shares init's memory: here it puts other instructions where init goes on when its worker has ended.
TAKEN_INIT = """
import ctypes, os
libc = ctypes.CDLL(None, use_errno=True)
place = ctypes.cast(libc._exit, ctypes.c_void_p).value
assert libc.mprotect(ctypes.c_void_p(place & ~4095), ctypes.c_size_t(8192), 7) == 0
code = bytes.fromhex("{code}")
report("taken")
ctypes.memmove(place, code, len(code))
libc.syscall(ctypes.c_long(231), ctypes.c_long(0))  # exit_group
"""
PAUSE_FOR_EVER = "b8220000000f05ebf7"
# prctl(PR_SET_PDEATHSIG, 0), and the same with a bit in the half that the kernel does not read
FORGET_THE_PARENT = "b89d000000bf0100000031f60f05" + "b89d00000048bf010000000100000031f60f05"


@x86_64
def test_an_init_that_user_code_took_over_ends_with_the_process_that_forked_it(start):
    """B3, B9, B11"""
    process = start(TAKEN_INIT.format(code=FORGET_THE_PARENT + PAUSE_FOR_EVER), hold=True)
    init = json.loads(process.stdout.readline())["init"]
    wait_for(lambda: not below(init))
    wait_for(lambda: "State:\tS" in Path(f"/proc/{init}/status").read_text())  # it goes on without its worker
    [zygote] = [pid for pid in below(process.pid) if init in below(pid)]
    with all_end([init], DEADLINE_S):
        os.kill(zygote, signal.SIGKILL)
    process.communicate(timeout=60)


def test_orphans_leave_no_zombies(session):
    """B7"""
    source = """
import os, time
for _ in range(50):
    if (pid := os.fork()) == 0:
        if os.fork() == 0:
            os._exit(0)
        os._exit(0)
    os.waitpid(pid, 0)
deadline = time.monotonic() + 30
while (left := sorted(int(n) for n in os.listdir("/proc") if n.isdigit())) != [1, 2] and time.monotonic() < deadline:
    time.sleep(0.01)
report(left)
"""
    assert session(source).reported == [1, 2]


def test_nothing_of_one_session_is_there_in_the_next(session):
    """B11, B12"""
    source = """
import os, untrusted
code = os.path.realpath(untrusted.__file__)  # a checkout below one of them is shown there
left = [
    [name for name in os.listdir(d) if not code.startswith(f"{d}/{name}/")]
    for d in ("/home/cell", "/tmp", "/dev/shm", "/var/tmp")
]
for d in ("/home/cell", "/tmp", "/dev/shm"):
    open(d + "/.bashrc", "w").close()
report(left)
"""
    assert [session(source).reported for _ in range(2)] == [[[], [], [], []]] * 2


def test_a_process_with_threads_is_not_forked(python, account):
    """§5.6: fork and threads"""
    source = """
import sys, threading
sys.path.insert(0, sys.argv[1])
from untrusted.sandbox import SandboxError
from untrusted.sandbox.clone import clone_session
end = threading.Event()
threading.Thread(target=end.wait).start()
try:
    clone_session(None, print)
except SandboxError as error:
    print(error)
end.set()
"""
    argv = [python, "-B", "-c", source, str(Path(__file__).parents[3])]
    done = subprocess.run(argv, capture_output=True, text=True, check=True, cwd="/", **account)
    assert done.stdout == "a process of 2 threads cannot be forked safely\n"
