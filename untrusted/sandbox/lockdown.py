"""Locks one session down, layer upon layer, in the only order that works; called between fork and Ready."""

from __future__ import annotations

import os
import resource
from collections.abc import Iterable

from untrusted.sandbox import SandboxError, landlock, rootfs, syscalls
from untrusted.sandbox.plan import HOME, USER_ID, Plan
from untrusted.sandbox.syscalls import Prepared, prepare_prctl

_NAMESPACES = {
    "user_namespace": syscalls.CLONE_NEWUSER,
    "mount_namespace": syscalls.CLONE_NEWNS,
    "pid_namespace": syscalls.CLONE_NEWPID,
    "network_namespace": syscalls.CLONE_NEWNET,
    "ipc_namespace": syscalls.CLONE_NEWIPC,
    "uts_namespace": syscalls.CLONE_NEWUTS,
}
_OOM_SCORE = "500"  # when the host itself runs out of memory, sessions go before everything else
# NOROOT, NO_SETUID_FIXUP, KEEP_CAPS off, NO_CAP_AMBIENT_RAISE, each with its lock.
_SECUREBITS = 0b1110_1111
_STACK_BYTES = 64 << 20
_LAST_DESCRIPTOR = 0xFFFFFFFF
# The limiter must see the limit being passed, and name it; this one only keeps a bomb small.
_PROCESSES_SPARE = 32
_SIGNALS_QUEUED = 1024
_RUNSC_NAMESPACES = 4  # its own, its gofer's and its sandbox's, and one to spare
# What runsc itself holds more of; it keeps its guest to these.
_LIMITS_OF_GUESTS = (resource.RLIMIT_NOFILE, resource.RLIMIT_FSIZE, resource.RLIMIT_STACK, resource.RLIMIT_AS)

_settled: Lockdown | None = None


def settle(plan: Plan) -> Lockdown:
    """Put this process, a zygote, into the root that its sessions will have: built once here, inherited by each.

    It gets a user, a mount and an (empty) network namespace of its own, and keeps no privilege in them; once is enough.
    Returns the lock-down of its sessions. Raises SandboxError for root and for a second plan, OSError with what the
    kernel refused.
    """
    global _settled
    _refuse_root()
    if _settled is not None and _settled.plan is not plan:
        raise SandboxError("a zygote that has settled in one plan cannot change to another")
    if _settled is None:
        held_bytes = _address_space_bytes()
        if plan.has("mount_namespace"):
            _enter_root(plan)
        _settled = Lockdown(plan, held_bytes)
    return _settled


def _address_space_bytes() -> int:
    with open("/proc/self/statm", encoding="ascii") as sizes:
        return int(sizes.read().split()[0]) * resource.getpagesize()


def _enter_root(plan: Plan) -> None:
    user_id, group_id = os.geteuid(), os.getegid()
    # The kernel lets only a readable process write its own maps.
    syscalls.prctl(syscalls.PR_SET_DUMPABLE, 1)
    death_signal = syscalls.death_signal()
    # A zygote has no use for a network either: it answers its supervisor over a socket that it was given.
    network = syscalls.CLONE_NEWNET if plan.has("network_namespace") else 0
    syscalls.unshare(syscalls.CLONE_NEWUSER | syscalls.CLONE_NEWNS | network)
    syscalls.make(_identity_maps(user_id, group_id))
    rootfs.build(plan)
    syscalls.make(_no_capabilities())
    # Some changes of credentials make the kernel forget it.
    syscalls.prctl(syscalls.PR_SET_PDEATHSIG, death_signal)
    # Nobody reads the memory that all sessions start from, not even a process of the same account.
    syscalls.prctl(syscalls.PR_SET_DUMPABLE, 0)


class Lockdown:
    """The layers of a plan, prepared by a zygote, to be put on by the processes that it forks.

    ``held_bytes``: the address space of the zygote.
    """

    def __init__(self, plan: Plan, held_bytes: int) -> None:
        self.plan = plan
        self.namespaces = sum(flag for layer, flag in _NAMESPACES.items() if plan.has(layer))
        self._kept: tuple[int, ...] = ()
        self._closing: list[Prepared] = []
        self._landlock = landlock.Rules(plan) if plan.has("landlock") else None
        steps: tuple[tuple[str, list[Prepared]], ...] = (
            # The zygote made itself unreadable; a session's /proc/self is its own again.
            ("", [prepare_prctl(syscalls.PR_SET_DUMPABLE, 1), Prepared(os.setsid)]),
            ("user_namespace", _identity_maps(os.geteuid(), os.getegid())),
            # Not in the clone call: its root is the group that the process is in now, joined before its go-ahead.
            ("cgroup_namespace", [syscalls.prepare(syscalls.UNSHARE, syscalls.CLONE_NEWCGROUP)]),
            ("mount_namespace", _private(plan)),
            ("uts_namespace", [syscalls.prepare(syscalls.SETHOSTNAME, b"cell", len("cell"))]),
            ("rlimits", _limits(plan, held_bytes)),
            ("capabilities", _no_capabilities()),
            ("no_new_privs", [prepare_prctl(syscalls.PR_SET_NO_NEW_PRIVS, 1)]),
            ("landlock", [Prepared(self._landlock.collect)] if self._landlock else []),
            ("closed_descriptors", self._closing),
            ("landlock", [Prepared(self._landlock.restrict)] if self._landlock else []),
            ("seccomp", [syscalls.prepare_seccomp(plan.seccomp_program)]),
        )
        self._steps = tuple((layer, calls) for layer, calls in steps if not layer or plan.has(layer))

    def keep(self, descriptors: Iterable[int]) -> None:
        """Let the sessions that are forked from now on have these open, beside 0 to 2."""
        kept = (0, 1, 2, *descriptors)
        if kept == self._kept:
            return
        self._kept = kept
        numbers = sorted({-1, *kept, *([self._landlock.ruleset] if self._landlock else [])})
        gaps = zip(numbers, [*(number - 1 for number in numbers[1:]), _LAST_DESCRIPTOR], strict=True)
        self._closing[:] = [syscalls.prepare_close(first + 1, last) for first, last in gaps if first < last]

    def put_on(self) -> None:
        """Put on every layer of the plan.

        Called in a process that ``clone_session`` put into its own namespaces. Raises SandboxError that names the
        layer; the process must end then.
        """
        _refuse_root()
        for layer, calls in self._steps:
            try:
                syscalls.make(calls)
            except OSError as error:
                raise SandboxError(f"{layer or 'a process of its own'}: {error}") from error


def _refuse_root() -> None:
    if os.geteuid() == 0 or os.getuid() == 0:
        raise SandboxError("root never runs user code")


def _identity_maps(user_id: int, group_id: int) -> list[Prepared]:
    """Return what makes a process the only user of its user namespace; the ids are its own outside."""
    return [
        _writing("/proc/self/setgroups", "deny"),
        _writing("/proc/self/uid_map", f"{USER_ID} {user_id} 1"),
        _writing("/proc/self/gid_map", f"{USER_ID} {group_id} 1"),
    ]


def _private(plan: Plan) -> list[Prepared]:
    return [
        *rootfs.private_mounts(plan),
        _writing("/proc/self/oom_score_adj", _OOM_SCORE),
        # No session needs a namespace of its own; this holds where a filter is forgotten.
        _writing("/proc/sys/user/max_user_namespaces", str(_RUNSC_NAMESPACES if plan.gvisor else 0)),
        *(rootfs.proc_masks(plan) if plan.has("private_proc") else ()),
        Prepared(os.chdir, (HOME,)),
    ]


def _limits(plan: Plan, held_bytes: int) -> list[Prepared]:
    limits = {
        # 1, not 0: where the host pipes core dumps into a program, 1 alone keeps that program from being started.
        resource.RLIMIT_CORE: 1,
        resource.RLIMIT_NOFILE: plan.descriptors_max,
        resource.RLIMIT_FSIZE: plan.disk_bytes,
        resource.RLIMIT_STACK: _STACK_BYTES,
        resource.RLIMIT_CPU: plan.cpu_s,
        # A bound on madness only: the limiter counts what is really used. Libraries of a language may hold room for
        # gigabytes before the fork.
        resource.RLIMIT_AS: held_bytes + 4 * plan.memory_bytes + (4 << 30),
        resource.RLIMIT_MEMLOCK: 0,
        resource.RLIMIT_MSGQUEUE: 0,
        resource.RLIMIT_SIGPENDING: _SIGNALS_QUEUED,
        # Counted in the session's own user namespace (Linux 5.14), so it is the session's limit and no neighbour's.
        resource.RLIMIT_NPROC: plan.processes_max + _PROCESSES_SPARE,
        resource.RLIMIT_RTPRIO: 0,
        resource.RLIMIT_NICE: 0,
    }
    if plan.gvisor:
        limits = {kind: value for kind, value in limits.items() if kind not in _LIMITS_OF_GUESTS}
    calls = []
    for kind, value in limits.items():
        _soft, hard = resource.getrlimit(kind)  # the zygote's, and so the session's: it cannot be raised
        calls.append(syscalls.prepare_limit(kind, value if hard == resource.RLIM_INFINITY else min(value, hard)))
    return calls


def _no_capabilities() -> list[Prepared]:
    return [
        prepare_prctl(syscalls.PR_SET_SECUREBITS, _SECUREBITS),
        prepare_prctl(syscalls.PR_CAP_AMBIENT, syscalls.PR_CAP_AMBIENT_CLEAR_ALL),
        *(prepare_prctl(syscalls.PR_CAPBSET_DROP, capability) for capability in syscalls.capabilities()),
        syscalls.prepare_no_capabilities(),
    ]


def _writing(path: str, text: str) -> Prepared:
    return Prepared(_write, (path.encode(), text.encode()))


def _write(path: bytes, text: bytes) -> None:
    descriptor = os.open(path, os.O_WRONLY | os.O_CLOEXEC)
    try:
        os.write(descriptor, text)
    finally:
        os.close(descriptor)
