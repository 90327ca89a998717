"""Measure the price of each layer of the sandbox: CPU milliseconds a session, over a bare fork of the same run.

``python bench/lockdown.py [--sessions 200] [--preload numpy,matplotlib.pyplot] [--json FILE]``, with the Python of the
untrusted environment; as root it drops to the account that ``--account`` names. Layers are added one after another, in
the order of lock-down; what a layer costs is the difference to the line above. Rounds alternate, and the figure is the
price that a tenth of the sessions kept below: what a noisy neighbour adds is never negative.
"""

from __future__ import annotations

import argparse
import importlib
import itertools
import json
import os
import pwd
import resource
import sys
from functools import partial
from pathlib import Path
from types import SimpleNamespace

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))
sys.dont_write_bytecode = True
os.environ |= dict.fromkeys(("OPENBLAS_NUM_THREADS", "OMP_NUM_THREADS"), "1")  # as zygotes have it

from untrusted.sandbox.clone import clone_session  # noqa: E402
from untrusted.sandbox.plan import LAYERS, Plan, build_plan  # noqa: E402

LIMITS = SimpleNamespace(
    session_memory_bytes=805306368, session_processes_max=64, session_disk_bytes=134217728, session_inodes_max=8192,
    session_descriptors_max=512, session_life_s=7200.0,
)  # fmt: skip
# The mount namespace pays for building the root; what is in it cannot be had without it.
STEPS = (
    ("user namespace", ("user_namespace",)),
    ("mount namespace with its root", ("mount_namespace", "disk_limits", "read_only_root", "minimal_dev")),
    ("pid namespace with its own /proc", ("pid_namespace", "private_proc")),
    ("network namespace", ("network_namespace",)),
    ("ipc, uts and cgroup namespaces", ("ipc_namespace", "uts_namespace", "cgroup_namespace")),
    ("rlimits", ("rlimits",)),
    ("capabilities, no_new_privs", ("capabilities", "no_new_privs")),
    ("closed descriptors", ("closed_descriptors",)),
    ("Landlock", ("landlock",)),
    ("seccomp", ("seccomp",)),
)
ROUNDS = 20


def main() -> None:
    """Measure and print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--sessions", type=int, default=200, help="sessions measured for each line")
    parser.add_argument("--preload", default="numpy,matplotlib.pyplot", help="modules loaded before the forks")
    parser.add_argument("--account", default="nobody", help="account to measure as, when started by root")
    parser.add_argument("--json", help="file for the figures")
    arguments = parser.parse_args()
    if os.geteuid() == 0:
        entry = pwd.getpwnam(arguments.account)
        os.setgroups([])
        os.setresgid(entry.pw_gid, entry.pw_gid, entry.pw_gid)
        os.setresuid(entry.pw_uid, entry.pw_uid, entry.pw_uid)
    whole = build_plan(LIMITS, ROOT, [sys.executable])
    for module in filter(None, arguments.preload.split(",")):
        importlib.import_module(module)
    report(measure(whole, arguments.sessions), arguments)


def measure(whole: Plan, sessions: int) -> dict[str, float]:
    """Return CPU milliseconds a session for each line, cumulative; the first is the bare fork."""
    plans: dict[str, Plan | None] = {"bare fork and exit": None}
    put_on: set[str] = set()
    none = whole.without(*LAYERS)
    plans["clone and init, no layer"] = none
    for name, layers in STEPS:
        put_on |= set(layers)
        plans[name] = whole.without(*(layer for layer in LAYERS if layer not in put_on))
    samples: dict[str, list[float]] = {name: [] for name in plans}
    for _ in range(ROUNDS):
        for name, plan in plans.items():
            samples[name] += in_a_zygote(plan, max(1, sessions // ROUNDS))
    return {name: sorted(values)[len(values) // 10] for name, values in samples.items()}


def in_a_zygote(plan: Plan | None, sessions: int) -> list[float]:
    """Return CPU milliseconds of each session, measured in a process of its own: a zygote has one plan for good."""
    report, theirs = os.pipe()
    zygote = os.fork()
    if zygote == 0:
        try:
            once = fork if plan is None else partial(start, plan)
            once()  # settles, and touches what every zygote has touched
            seen = [cpu_s()]
            for _ in range(sessions):
                once()
                seen.append(cpu_s())
            prices = [(after - before) * 1000 for before, after in itertools.pairwise(seen)]
            os.write(theirs, json.dumps(prices).encode())
        finally:
            os._exit(0)
    os.close(theirs)
    with os.fdopen(report) as file:
        prices = json.load(file)
    os.waitpid(zygote, 0)
    return prices


def fork() -> None:
    """Fork, exit, wait."""
    pid = os.fork()
    if pid == 0:
        os._exit(0)
    os.waitpid(pid, 0)


def start(plan: Plan) -> None:
    """Start a session that ends at once, and wait for its end."""
    cloned = clone_session(plan, lambda: None)
    os.waitid(os.P_PIDFD, cloned.pidfd, os.WEXITED)
    os.close(cloned.pidfd)


def cpu_s() -> float:
    """Return the CPU time of this process and of the children that it waited for."""
    own, children = resource.getrusage(resource.RUSAGE_SELF), resource.getrusage(resource.RUSAGE_CHILDREN)
    return own.ru_utime + own.ru_stime + children.ru_utime + children.ru_stime


def report(lines: dict[str, float], arguments: argparse.Namespace) -> None:
    """Print what each line adds, and the whole over the bare fork."""
    print(f"CPU ms a session, lowest tenth of {arguments.sessions}, with {arguments.preload or 'nothing'} loaded\n")
    before, bare = 0.0, next(iter(lines.values()))
    for name, total in lines.items():
        print(f"{name:<40} {total - before:+7.2f}   {total:7.2f}")
        before = total
    print(f"\n{'all layers over the bare fork':<40} {before - bare:+7.2f}")
    if arguments.json:
        Path(arguments.json).write_text(json.dumps({"cpu_ms": lines, "over_bare_fork_ms": before - bare}))


if __name__ == "__main__":
    main()
