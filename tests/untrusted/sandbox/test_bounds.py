"""Limits cannot be raised from inside, and what runs out does so in the session alone."""

from __future__ import annotations


def test_limits_cannot_be_raised(errno_of):
    """A27, A28"""
    answers = errno_of(
        {
            "files": "resource.setrlimit(resource.RLIMIT_NOFILE, (4096, 4096))",
            "processes": "resource.setrlimit(resource.RLIMIT_NPROC, (4096, 4096))",
            "priority": "os.setpriority(os.PRIO_PROCESS, 0, -5)",
            "realtime": "os.sched_setscheduler(0, os.SCHED_FIFO, os.sched_param(1))",
            "lock memory": "libc.mlockall(3) == -1 and (_ for _ in ()).throw(OSError(ctypes.get_errno(), ''))",
            "score": "open('/proc/self/oom_score_adj', 'w').write('-1000')",
            "init": "resource.prlimit(1, resource.RLIMIT_CPU, (1 << 40, 1 << 40))",
        },
        setup="import resource",
    )
    assert "ok" not in answers.values()


def test_disks_are_full_when_bytes_or_inodes_are_used_up(session):
    """A20, A21"""
    source = """
import errno, os
answers = []
for directory in ("/home/cell", "/tmp", "/dev/shm"):
    state = os.statvfs(directory)
    answers.append([state.f_blocks * state.f_frsize, state.f_files])
    try:
        for n in range(100):
            with open(f"{directory}/{n}", "wb") as file:
                file.write(bytes(1 << 20))
    except OSError as error:
        answers.append(errno.errorcode[error.errno])
    for n in os.listdir(directory):
        if not os.path.isdir(f"{directory}/{n}"):  # below it a checkout may be shown
            os.remove(f"{directory}/{n}")
    try:
        for n in range(10**6):
            open(f"{directory}/{n}", "w").close()
    except OSError as error:
        answers.append(errno.errorcode[error.errno])
    for n in os.listdir(directory):
        if not os.path.isdir(f"{directory}/{n}"):  # below it a checkout may be shown
            os.remove(f"{directory}/{n}")
report(answers)
"""
    assert session(source).reported == [[32 << 20, 512], "ENOSPC", "ENOSPC"] * 3


def test_descriptors_run_out_in_the_session_alone(errno_of):
    """A23"""
    assert errno_of({"open": "kept = [os.dup(1) for _ in range(1000)]"})["open"] == "EMFILE"
