"""Run thousands of sessions in a row through one supervisor and count what is left of them.

``python -m bench.soak UNTRUSTED_PYTHON [SESSIONS]`` speaks the wire with ``untrusted/`` alone, prints a table and
writes ``soak.json``. As root it uses the account ``nobody``, control groups where the machine has them, and the
kernel's own counters of namespaces, mounts and files in memory. Each session runs one cell and ends; four run at once.
"""

from __future__ import annotations

import json
import os
import sys
import tempfile
import time
from pathlib import Path

import wire
from bench.machine import control_groups
from harness.supervisor import Supervisor, ship
from host.cgroups import Groups

AT_ONCE = 4
WARM_UP = 200
SETTLE_S = 10.0  # the kernel takes namespaces and groups apart in its own time
# Caches of the kernel; its allocator may have merged some of them with others of their size, which are then not listed.
KERNEL_OBJECTS = {
    "net_namespace": "network namespaces", "pid_namespace": "pid namespaces", "user_namespace": "user namespaces",
    "uts_namespace": "uts namespaces", "mnt_cache": "mounts", "shmem_inode_cache": "files in memory",
}  # fmt: skip
CELL = """
import os, signal
open("/dev/shm/left", "wb").write(bytes(1 << 20))
os.fork() or os.setsid() or signal.pause()
"""


def main() -> None:
    """Count before and after."""
    if len(sys.argv) not in (2, 3):
        raise SystemExit("usage: python -m bench.soak UNTRUSTED_PYTHON [SESSIONS]")
    sessions = int(sys.argv[2]) if len(sys.argv) == 3 else 10_000
    with tempfile.TemporaryDirectory(dir="/var/tmp") as folder, control_groups() as groups:
        os.chmod(folder, 0o755)
        supervisor = Supervisor(ship(Path(folder)), sys.argv[1], groups=groups)
        hello = supervisor.ready()
        run(supervisor, 0, WARM_UP)
        before = count(supervisor.process.pid, groups)
        started = time.monotonic()
        run(supervisor, WARM_UP, sessions)
        elapsed_s = time.monotonic() - started
        after = count(supervisor.process.pid, groups)
        supervisor.stop()
    rate = round(sessions / elapsed_s, 1)
    table = {"sessions": sessions, "sessions_per_s": rate, "limiter": hello.limiter, "before": before, "after": after}
    print(f"{sessions} sessions, {rate} a second, limiter {hello.limiter}")
    for name, value in before.items():
        print(f"{name:32} {value:10} → {after[name]:10}")
    Path("soak.json").write_text(json.dumps(table, indent=1) + "\n")


def run(supervisor: Supervisor, first: int, sessions: int) -> None:
    """Run sessions, a few at once, each with one cell."""
    begun = 0
    for _ in range(min(AT_ONCE, sessions)):
        begin(supervisor, first + begun)
        begun += 1
    for _ in range(sessions):
        supervisor.wait(lambda frame: isinstance(frame, wire.Closed))
        supervisor.heard.clear()
        if begun < sessions:
            begin(supervisor, first + begun)
            begun += 1


def begin(supervisor: Supervisor, number: int) -> None:
    """Open a session and run its only cell, which leaves behind what it can: a daemon and a file in memory."""
    session = f"soak-{number}"
    supervisor.send(wire.Open(session, "python"), wire.Execute(session, f"cell-{number}", CELL, False, True))


def count(pid: int, groups: Groups) -> dict[str, int]:
    """Return what the supervisor and its zygote hold, in numbers and KiB, and what the kernel does."""
    time.sleep(SETTLE_S)
    zygote = int(Path(f"/proc/{pid}/task/{pid}/children").read_text().split()[0])
    found = {"processes of the account": processes(pid)}
    for name, process in (("supervisor", pid), ("zygote", zygote)):
        found[f"{name}: descriptors"] = len(os.listdir(f"/proc/{process}/fd"))
        found[f"{name}: mounts"] = len(Path(f"/proc/{process}/mountinfo").read_text().splitlines())
        found[f"{name}: private KiB"] = private_kib(process)
    found["control groups"] = sum(len([d for d in group.iterdir() if d.is_dir()]) for group in groups.directories)
    return found | kernel_objects()


def processes(pid: int) -> int:
    """Return how many processes the account of a process has."""
    account = os.stat(f"/proc/{pid}").st_uid
    return sum(path.stat().st_uid == account for path in Path("/proc").glob("[0-9]*") if path.exists())


def kernel_objects() -> dict[str, int]:
    """Return how many objects of each kind the whole machine has; none where this account may not see that."""
    if not os.access("/proc/slabinfo", os.R_OK):
        return {}
    lines = (line.split() for line in Path("/proc/slabinfo").read_text().splitlines())
    return {f"machine: {KERNEL_OBJECTS[line[0]]}": int(line[1]) for line in lines if line[0] in KERNEL_OBJECTS}


def private_kib(pid: int) -> int:
    """Return the memory that a process shares with nobody."""
    lines = Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines()
    return sum(int(line.split()[1]) for line in lines if line.startswith(("Private_Clean", "Private_Dirty")))


if __name__ == "__main__":
    main()
