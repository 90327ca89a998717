"""Runs a session under gVisor, whose kernel is ``runsc``, a program inside the walls that every session has.

What the kernel of the host would be asked for, runsc answers; what runsc asks the host for is little, and filtered by
runsc itself. The work directory stays the host's: its limits and its handle are those of every session.
"""

from __future__ import annotations

import fcntl
import json
import os
import shutil
from collections.abc import Mapping, Sequence

import msgspec

from untrusted.sandbox import SandboxError
from untrusted.sandbox.plan import GUEST_USER_ID, HOME, Gvisor, Plan
from wire import Limits

# Of the outer session's own /tmp. Nothing in it is secret; the guest has a /tmp of its own on top.
_BUNDLE = "/tmp/runsc"
_STATE = f"{_BUNDLE}/state"
_FLAGS = ("--rootless", "--network=none", "--ignore-cgroups", "--overlay2=none", f"--root={_STATE}", "--log=/dev/null")
_STACK_BYTES = 64 << 20
# What runsc itself takes, seen with release 20221219 on its ptrace platform: 50 MB and 44 tasks around an idle Python,
# and up to three tasks of the host for each of the guest's.
_OWN_BYTES = 64 << 20
_OWN_TASKS, _TASKS_EACH = 64, 3


def around(limits: Limits) -> Limits:
    """Return a session's limits with room for runsc: they are kept from outside, where guest and runsc are one."""
    return msgspec.structs.replace(
        limits,
        session_memory_bytes=limits.session_memory_bytes + _OWN_BYTES,
        session_processes_max=limits.session_processes_max * _TASKS_EACH + _OWN_TASKS,
    )


def find(runsc: str, flags: Sequence[str]) -> Gvisor:
    """Return where runsc is: a path, or a name on PATH. Raises SandboxError."""
    path = shutil.which(runsc)
    if path is None:
        raise SandboxError(
            f'sandbox_kernel is "gvisor", and there is no {runsc} that this account can run: install gVisor (Debian\'s '
            'package is runsc) or name its program in the setting runsc; "linux" does without'
        )
    return Gvisor(os.path.realpath(path), tuple(flags))


def run(plan: Plan, argv: Sequence[str], environment: Mapping[str, str], stdin: int, stdout: int, stderr: int) -> int:
    """Run a program in a guest until it ends; return runsc's exit code, which tells little: all in it is untrusted.

    Called inside a session that is locked down as far as the plan goes. The descriptors become the program's first
    three; it has no others. Raises OSError.
    """
    if plan.gvisor is None:
        raise SandboxError("the plan has no gVisor")
    os.makedirs(_STATE, mode=0o700)
    with open(f"{_BUNDLE}/config.json", "w") as file:
        json.dump(specification(plan, argv, environment), file)
    # Copies beyond the three places first: one of them must not be overwritten before it is read.
    copies = [fcntl.fcntl(given, fcntl.F_DUPFD_CLOEXEC, 3) for given in (stdin, stdout, stderr)]
    actions = [(os.POSIX_SPAWN_DUP2, copy, place) for place, copy in enumerate(copies)]
    command = [plan.gvisor.runsc, *_FLAGS, *plan.gvisor.flags, "run", f"--bundle={_BUNDLE}", "guest"]
    child = os.posix_spawn(plan.gvisor.runsc, command, {"PATH": "/usr/sbin:/usr/bin:/sbin:/bin"}, file_actions=actions)
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])


def specification(plan: Plan, argv: Sequence[str], environment: Mapping[str, str]) -> dict:
    """Return what runsc reads of a container: the runtime specification of the Open Container Initiative."""
    limits = {
        "RLIMIT_CORE": 0,
        "RLIMIT_NOFILE": plan.descriptors_max,
        "RLIMIT_FSIZE": plan.disk_bytes,
        "RLIMIT_STACK": _STACK_BYTES,
        "RLIMIT_CPU": plan.cpu_s,
    }
    return {
        "ociVersion": "1.0.2",
        "hostname": "cell",
        "process": {
            "user": {"uid": GUEST_USER_ID, "gid": GUEST_USER_ID},
            "args": list(argv),
            "env": [f"{name}={value}" for name, value in environment.items()],
            "cwd": HOME,
            "capabilities": {},
            "noNewPrivileges": True,
            "rlimits": [{"type": kind, "hard": value, "soft": value} for kind, value in limits.items()],
        },
        # Read-only by the mounts of the session around it. Told to be, runsc would mount it again, which it may not.
        "root": {"path": "/", "readonly": False},
        "mounts": _mounts(plan),
        "linux": {"namespaces": [{"type": kind} for kind in ("pid", "network", "ipc", "uts", "mount")]},
    }


def _mounts(plan: Plan) -> list[dict]:
    in_memory = [f"size={plan.disk_bytes}", "nosuid", "nodev"]
    mounts: list[dict] = [
        {"destination": "/proc", "type": "proc"},
        {"destination": "/dev", "type": "tmpfs"},
        {"destination": "/dev/shm", "type": "tmpfs", "options": [*in_memory, "mode=1777"]},
        {"destination": "/tmp", "type": "tmpfs", "options": [*in_memory, "mode=1777"]},
        {"destination": HOME, "type": "bind", "source": HOME, "options": ["rw", "nosuid", "nodev"]},
    ]
    # An environment may lie below one of them, as in a checkout under /tmp.
    covered = [tree for tree in plan.trees if tree.startswith("/tmp/")]
    return mounts + [
        {"destination": tree, "type": "bind", "source": tree, "options": ["ro", "nosuid", "nodev"]} for tree in covered
    ]

