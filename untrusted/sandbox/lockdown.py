"""The lock-down of one session, layer upon layer, in the only order that works. Called between fork and ready."""

from __future__ import annotations

import os
import resource
import socket
from collections.abc import Callable, Iterable

from untrusted.sandbox import SandboxError, landlock, root, syscalls
from untrusted.sandbox.plan import HOME, USER_ID, Plan

_OOM_SCORE = "500"  # when the host itself runs out of memory, sessions go before everything else
_LAST_CAPABILITY = 63  # the sets have 64 bits
# NOROOT, NO_SETUID_FIXUP, KEEP_CAPS off, NO_CAP_AMBIENT_RAISE, each with its lock.
_SECUREBITS = 0b1110_1111
_STACK_BYTES = 64 << 20
# The limiter must see the limit being passed, and name it; this one only keeps a bomb small.
_PROCESSES_SPARE = 32
_SIGNALS_QUEUED = 1024

_settled = False


def settle(plan: Plan) -> None:
    """Put this process, a zygote, into the root that its sessions will have: built once here, inherited by each.

    It gets a user, a mount and an (empty) network namespace of its own, and keeps no privilege in them; once is enough.
    Raises SandboxError for root, OSError with what the kernel refused.
    """
    global _settled
    if os.geteuid() == 0 or os.getuid() == 0:
        raise SandboxError("root never runs user code")
    if _settled or not plan.has("mount_namespace"):
        return
    user_id, group_id = os.geteuid(), os.getegid()
    # The kernel lets only a readable process write its own maps.
    syscalls.prctl(syscalls.PR_SET_DUMPABLE, 1)
    death_signal = syscalls.death_signal()
    # A zygote has no use for a network either: it answers its supervisor over a socket that it was given.
    network = syscalls.CLONE_NEWNET if plan.has("network_namespace") else 0
    syscalls.unshare(syscalls.CLONE_NEWUSER | syscalls.CLONE_NEWNS | network)
    write_identity_maps(user_id, group_id)
    root.build(plan)
    _drop_capabilities()
    # Some changes of credentials make the kernel forget it.
    syscalls.prctl(syscalls.PR_SET_PDEATHSIG, death_signal)
    # Nobody reads the memory that all sessions start from, not even a process of the same account.
    syscalls.prctl(syscalls.PR_SET_DUMPABLE, 0)
    _settled = True


def lock_down(plan: Plan, keep: Iterable[int] = ()) -> None:
    """Put on every layer of the plan; file descriptors 0 to 2 and ``keep`` stay open.

    Called in a process that ``clone_session`` put into its own namespaces. Raises SandboxError that names the layer;
    the process must end then.
    """
    if os.geteuid() == 0 or os.getuid() == 0:
        raise SandboxError("root never runs user code")
    kept = {0, 1, 2, *keep}
    steps: tuple[tuple[str, Callable[[], object]], ...] = (
        ("mount_namespace", lambda: _make_private(plan)),
        ("uts_namespace", lambda: socket.sethostname("cell")),
        ("rlimits", lambda: _limit(plan)),
        ("capabilities", _drop_capabilities),
        ("no_new_privs", lambda: syscalls.prctl(syscalls.PR_SET_NO_NEW_PRIVS, 1)),
        ("closed_descriptors", lambda: _close_all_but(kept)),
        ("landlock", lambda: landlock.restrict(plan)),
        ("seccomp", lambda: syscalls.load_seccomp(plan.seccomp_program)),
    )
    for layer, put_on in steps:
        if plan.has(layer):
            try:
                put_on()
            except OSError as error:
                raise SandboxError(f"{layer}: {error}") from error


def write_identity_maps(user_id: int, group_id: int) -> None:
    """Make this process the only user of its user namespace; ``user_id`` and ``group_id`` are its ids outside."""
    _write("/proc/self/setgroups", "deny")
    _write("/proc/self/uid_map", f"{USER_ID} {user_id} 1")
    _write("/proc/self/gid_map", f"{USER_ID} {group_id} 1")


def _make_private(plan: Plan) -> None:
    root.mount_private(plan)
    _write("/proc/self/oom_score_adj", _OOM_SCORE)
    # No session needs a namespace of its own; this holds where a filter is forgotten.
    _write("/proc/sys/user/max_user_namespaces", "0")
    if plan.has("private_proc"):
        root.mask_proc(plan)
    os.chdir(HOME)


def _limit(plan: Plan) -> None:
    limits = {
        # 1, not 0: where the host pipes core dumps into a program, 1 alone keeps that program from being started.
        resource.RLIMIT_CORE: 1,
        resource.RLIMIT_NOFILE: plan.descriptors_max,
        resource.RLIMIT_FSIZE: plan.disk_bytes,
        resource.RLIMIT_STACK: _STACK_BYTES,
        resource.RLIMIT_CPU: plan.cpu_s,
        # A bound on madness only: the limiter counts what is really used.
        resource.RLIMIT_AS: 4 * plan.memory_bytes + (4 << 30),
        resource.RLIMIT_MEMLOCK: 0,
        resource.RLIMIT_MSGQUEUE: 0,
        resource.RLIMIT_SIGPENDING: _SIGNALS_QUEUED,
        # Counted in the session's own user namespace (Linux 5.14), so it is the session's limit and no neighbour's.
        resource.RLIMIT_NPROC: plan.processes_max + _PROCESSES_SPARE,
        resource.RLIMIT_RTPRIO: 0,
        resource.RLIMIT_NICE: 0,
    }
    for kind, value in limits.items():
        _soft, hard = resource.getrlimit(kind)
        if hard != resource.RLIM_INFINITY:
            value = min(value, hard)
        resource.setrlimit(kind, (value, value))


def _drop_capabilities() -> None:
    syscalls.prctl(syscalls.PR_SET_SECUREBITS, _SECUREBITS)
    syscalls.prctl(syscalls.PR_CAP_AMBIENT, syscalls.PR_CAP_AMBIENT_CLEAR_ALL)
    syscalls.drop_bounding_set(_LAST_CAPABILITY)
    syscalls.drop_capabilities()


def _close_all_but(keep: set[int]) -> None:
    first = 0
    for descriptor in sorted(keep):
        syscalls.close_range(first, descriptor - 1)
        first = descriptor + 1
    syscalls.close_range(first, 0xFFFFFFFF)


def _write(path: str, text: str) -> None:
    descriptor = os.open(path, os.O_WRONLY | os.O_CLOEXEC)
    try:
        os.write(descriptor, text.encode())
    finally:
        os.close(descriptor)
