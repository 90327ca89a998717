"""Tables that the host has for everybody, and traces of others in what sessions share: out of a session's reach."""

from __future__ import annotations

import os
import platform
from pathlib import Path

import pytest

from tests.untrusted.sandbox.conftest import source_of, x86_64

ROOT = Path(__file__).resolve().parents[3]
# One instruction that allows everything: did it come through, it would change nothing.
FILTER = """
import fcntl
code = ctypes.create_string_buffer(struct.pack("HBBI", 6, 0, 0, 0x7FFF0000))
program = struct.pack("HxxxxxxQ", 1, ctypes.addressof(code))
pair = socket.socketpair()
UPPER = 1 << 32
"""
FILTERS = {
    "seccomp": "call(317, 1, 0, program)",
    "seccomp for all threads": "call(317, 1, 1, program)",
    "seccomp that tells somebody": "call(317, 1, 8, program)",
    "strict seccomp": "call(317, 0, 0, 0)",
    "what seccomp can do": "call(317, 2, 0, struct.pack('I', 0x7FFF0000))",
    "prctl": "call(157, 22, 2, program, 0, 0)",
    "prctl with a bit above": "call(157, UPPER | 22, 2, program, 0, 0)",
    **{
        f"{name}{how}": f"call(54, pair[0].fileno(), {upper}1, {upper}{option}, program, 16)"
        for name, option in (("SO_ATTACH_FILTER", 26), ("SO_ATTACH_BPF", 50), ("CBPF", 51), ("EBPF", 52))
        for how, upper in (("", ""), (" with a bit above", "UPPER | "))
    },
}


@x86_64
def test_no_filter_of_its_own_can_be_loaded(errno_of):
    """I1, I2"""
    answers = errno_of(FILTERS, FILTER)
    assert answers == dict.fromkeys(FILTERS, "EPERM")


@x86_64
def test_children_threads_and_programs_can_load_no_filter_either(session):
    """I1"""
    source = f"""
import ctypes, json, os, subprocess, sys, threading
source = {source_of(FILTERS, FILTER)!r}
found = []
def attempt():
    exec(source, {{"report": found.append}})
thread = threading.Thread(target=attempt)
thread.start(); thread.join()
out, into = os.pipe()
if os.fork() == 0:
    attempt()
    os.write(into, json.dumps(found.pop()).encode())
    os._exit(0)
os.wait()
found.append(json.loads(os.read(out, 65536)))
printing = "import json\\nreport = lambda v: print(json.dumps(v))\\n"
said = subprocess.check_output([sys.executable, "-c", printing + source])
found.append(json.loads(said))
report(found)
"""
    assert session(source).reported == [dict.fromkeys(FILTERS, "EPERM")] * 3


@x86_64
def test_without_the_filter_none_of_these_is_refused_by_another_layer(errno_of):
    """The test above would fail without the mend: the kernel allows an ordinary account filters of its own."""
    answers = errno_of({name: FILTERS[name] for name in ("seccomp", "SO_ATTACH_FILTER")}, FILTER, without=["seccomp"])
    assert set(answers.values()) == {"ok"}


@x86_64
def test_what_the_whole_host_has_little_of_cannot_be_had(errno_of):
    """I3, I4, I5"""
    answers = errno_of(
        {
            "a ruleset": "call(444, struct.pack('Q', 1), 8, 0)",
            "a rule": "call(445, 0, 1, 0, 0)",
            "rules put on": "call(446, 0, 0)",
            "a key": "call(248, b'user', b'a', b'b', 1, -3)",
            "a key ring": "call(250, 1, 0)",
            "pages of a pipe": "fcntl.fcntl(os.pipe()[0], 1031, 1 << 20)",
            "aio": "call(206, 1, ctypes.byref(ctypes.c_ulong()))",
            "io_uring": "call(425, 1, bytes(120))",
            "inotify": "call(294, 0)",
            "fanotify": "call(300, 0, 0)",
            "bpf": "call(321, 0, bytes(128), 128)",
            "perf": "call(298, bytes(128), 0, -1, -1, 0)",
            "userfaultfd": "call(323, 1)",
            "a message queue": "call(240, b'q', 0o102, 0o600, None)",
            "a namespace": "call(272, 0x10000000)",
            "locked memory": "call(149, ctypes.addressof(code) & ~4095, 4096)",
            "the host's disks written out": "call(162)",
            "a shared disk written out": "call(306, os.open('/usr', 0))",
        },
        FILTER,
    )
    missing = {"a ruleset", "a rule", "rules put on", "aio", "io_uring", "inotify"}
    assert {name for name, said in answers.items() if said == "ENOSYS"} == missing
    others = {name: said for name, said in answers.items() if name not in missing}
    assert others.pop("a message queue") == "EMFILE"
    assert set(others.values()) == {"EPERM"}


@x86_64
def test_queued_signals_and_timers_are_bounded_for_the_session(session):
    """I6"""
    source = """
import ctypes, errno, os, signal
libc = ctypes.CDLL(None, use_errno=True)
def count(make, most=5000):
    for n in range(most):
        if make() == -1:
            return [n, errno.errorcode[ctypes.get_errno()]]
    return [most, ""]
timer = ctypes.c_void_p()
signal.pthread_sigmask(signal.SIG_BLOCK, [40])
event = (ctypes.c_int * 16)(0, 0, 40, 0)  # a signal that is blocked
timers = count(lambda: libc.syscall(222, 1, event, ctypes.byref(timer)))
signals = count(lambda: libc.sigqueue(os.getpid(), 40, None))
report([timers, signals])
"""
    (timers, said), (signals, said_too) = session(source).reported
    # Timers hold their signals ahead: they and the queued ones share one bound.
    assert (said, said_too) == ("EAGAIN", "EAGAIN")
    assert timers + signals <= 1024


@x86_64
def test_changes_and_uses_of_shared_files_are_not_told(errno_of):
    """I7, I8"""
    answers = errno_of(
        {
            **{
                f"{flag:#x} of {path}": f"fcntl.fcntl(os.open({path!r}, 0), 1026, {flag})"
                for path in ("/usr", "/usr/lib", "/etc", "/", "/home/cell", outside_code())
                for flag in (1, 0x3F, -0x80000000 | 1)
            },
            "with a bit above": "call(72, os.open('/usr', 0), UPPER | 1026, 1)",
            "a lease": "fcntl.fcntl(os.open('/usr/bin/env', 0), 1024, 0)",
            "a lease on our own file": f"fcntl.fcntl(os.open({outside_code() + '/__init__.py'!r}, 0), 1024, 0)",
            "a delegation": "fcntl.fcntl(os.open('/usr/bin/env', 0), 1040, 0)",
            "a signal of one's choice": "fcntl.fcntl(0, 10, 34)",
            "taken out of the cache": "call(221, os.open('/usr/bin/env', 0), 0, 0, 4)",
        },
        FILTER,
    )
    assert set(answers.values()) == {"EPERM"}


@x86_64
def test_what_of_a_file_lies_in_memory_is_not_told(errno_of):
    """I8"""
    answers = errno_of(
        {
            "mincore": "call(27, ctypes.addressof(code) & ~4095, 4096, ctypes.create_string_buffer(8))",
            "cachestat": "call(451, os.open('/usr/bin/env', 0), bytes(16), bytes(40), 0)",
            "read what is there": "os.preadv(os.open('/usr/bin/env', 0), [bytearray(9)], 0, os.RWF_NOWAIT)",
        },
        FILTER,
    )
    assert answers == {"mincore": "ENOSYS", "cachestat": "ENOSYS", "read what is there": "ENOTSUP"}


def test_reading_a_shared_file_leaves_no_trace_in_it(session):
    """I9"""
    # A file that nothing else reads meanwhile; its time is so old that a kernel would write a new one.
    path = ROOT / "untrusted/README.md"
    os.utime(path, (1_000_000_000, path.stat().st_mtime))
    assert session(f"report(len(open({str(path)!r}).read()))").reported > 100
    assert path.stat().st_atime == 1_000_000_000
    path.read_bytes()
    if path.stat().st_atime == 1_000_000_000:
        pytest.skip("nobody leaves a trace here: the file system is mounted without times of access")


def test_counters_of_the_whole_host_are_not_shown(session):
    """I10"""
    source = """
import os
names = ("locks", "cgroups", "diskstats", "interrupts", "softirqs", "vmstat", "timer_list", "keys", "key-users")
shown = {name: open(f"/proc/{name}").read() for name in names if os.path.exists(f"/proc/{name}")}
report([shown, os.listdir("/proc/pressure") if os.path.exists("/proc/pressure") else []])
"""
    shown, pressure = session(source).reported
    assert len(shown) > 5 and set(shown.values()) == {""}
    assert pressure == []


def outside_code() -> str:
    """Return the directory of our code, which sessions see where it is."""
    return str(ROOT / "untrusted")


@pytest.mark.skipif(platform.machine() != "x86_64", reason="numbers of x86-64")
def test_a_language_may_add_a_call_that_others_do_not_have(errno_of):
    attempt = {"vmsplice": "call(278, -1, 0, 0, 0)"}
    assert errno_of(attempt) == {"vmsplice": "EPERM"}
    assert errno_of(attempt, calls=["vmsplice"]) == {"vmsplice": "EBADF"}
