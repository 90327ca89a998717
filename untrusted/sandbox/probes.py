"""Tries inside a locked-down child what each layer must hold back: the self-test's attempts, one for a layer."""

from __future__ import annotations

import ctypes
import errno
import fcntl
import os
import resource
import socket
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from untrusted.sandbox import syscalls
from untrusted.sandbox.call_numbers import numbers_of
from untrusted.sandbox.plan import GVISOR_REPLACES, HOME, USER_ID, Plan

_DEVICES = {"fd", "full", "null", "random", "shm", "stderr", "stdin", "stdout", "urandom", "zero"}
_TERMINALS = {"ptmx", "pts"}
_FUTURE = 4000  # no kernel has so many calls
# Of what a cell meets of these in a guest, gVisor is the giver.
_OF_GUESTS = ("private_proc", "rlimits", *GVISOR_REPLACES)
_ROOT = {"bin", "dev", "etc", "home", "lib", "lib32", "lib64", "libx32", "mask", "proc", "sbin", "tmp", "usr", "var"}


@dataclass(frozen=True)
class Outside:
    """The baits that the supervisor has laid outside of the session; none of them may be reached."""

    pid: int
    namespaces: dict[str, str]
    file: str
    tcp_port: int
    abstract_name: str
    kernel: str


class ProbeError(Exception):
    """A probe came through a layer; the message says how."""


def of(plan: Plan) -> tuple[str, ...]:
    """Return the layers that a session of this plan is probed for; a guest of gVisor is probed by itself."""
    return tuple(layer for layer in PROBES if not (plan.gvisor and layer in _OF_GUESTS))


def run(plan: Plan, outside: Outside, descriptors: set[int]) -> dict[str, str]:
    """Return, for each layer but the limiter, "" when it holds or a sentence that says how it does not."""
    results = {}
    for layer in of(plan):
        probe = PROBES[layer]
        try:
            probe(plan, outside, descriptors)
            results[layer] = ""
        except ProbeError as error:
            results[layer] = str(error)
        except Exception as error:  # noqa: BLE001  a probe that cannot be made proves nothing
            results[layer] = f"the probe failed: {type(error).__name__}: {error}"
    return results


def namespaces() -> dict[str, str]:
    """Return the kernel's names of the namespaces that this process is in."""
    names = ("user", "mnt", "pid", "net", "ipc", "uts", "cgroup")
    return {name: os.readlink(f"/proc/self/ns/{name}") for name in names}


def _own_namespace(name: str, outside: Outside) -> None:
    if os.readlink(f"/proc/self/ns/{name}") == outside.namespaces[name]:
        raise ProbeError(f"the {name} namespace is the host's")


def refused(what: str, action: Callable[[], object], *errors: int) -> None:
    """Raise ProbeError unless the action raises OSError, with one of the errors if there are any."""
    try:
        result = action()
    except OSError as error:
        if errors and error.errno not in errors:
            raise ProbeError(f"{what} was answered with {errno.errorcode.get(error.errno or 0)}") from error
        return
    if isinstance(result, int) and result > 2:
        os.close(result)
    raise ProbeError(f"{what} was possible")


def _user(_plan: Plan, outside: Outside, _descriptors: set[int]) -> None:
    _own_namespace("user", outside)
    inside, _out, count = Path("/proc/self/uid_map").read_text().split()
    if (inside, count) != (str(USER_ID), "1") or os.getuid() != USER_ID:
        raise ProbeError("more than one user is mapped")


def _mount(_plan: Plan, outside: Outside, _descriptors: set[int]) -> None:
    _own_namespace("mnt", outside)
    refused("opening a file outside", lambda: os.open(outside.file, os.O_RDONLY))
    refused("mounting", lambda: syscalls.mount("tmpfs", HOME, "tmpfs", 0))


def _pid(_plan: Plan, outside: Outside, _descriptors: set[int]) -> None:
    _own_namespace("pid", outside)
    if (os.getpid(), os.getppid()) != (2, 1):
        raise ProbeError(f"the worker is process {os.getpid()} below {os.getppid()}, not 2 below 1")
    refused("a signal to the supervisor", lambda: os.kill(outside.pid, 0))


def _network(_plan: Plan, outside: Outside, _descriptors: set[int]) -> None:
    _own_namespace("net", outside)
    names = [line.partition(":")[0].strip() for line in Path("/proc/net/dev").read_text().splitlines()[2:]]
    if [name for name in names if name != "lo"]:
        raise ProbeError(f"there are network interfaces: {', '.join(names)}")
    refused("a connection to the host's loopback", lambda: connect(socket.AF_INET, ("127.0.0.1", outside.tcp_port)))
    refused("a connection to an abstract socket", lambda: connect(socket.AF_UNIX, f"\0{outside.abstract_name}"))


def connect(family: int, address: object) -> None:
    with socket.socket(family) as connection:
        connection.settimeout(1.0)
        connection.connect(address)  # type: ignore[arg-type]


def _ipc(_plan: Plan, outside: Outside, _descriptors: set[int]) -> None:
    _own_namespace("ipc", outside)


def _uts(_plan: Plan, outside: Outside, _descriptors: set[int]) -> None:
    _own_namespace("uts", outside)
    if socket.gethostname() != "cell":
        raise ProbeError("the host's name can be seen")


def _cgroup(_plan: Plan, outside: Outside, _descriptors: set[int]) -> None:
    _own_namespace("cgroup", outside)


def _read_only_root(plan: Plan, _outside: Outside, _descriptors: set[int]) -> None:
    shown = {path.split("/")[1] for path in (*plan.trees, *(path for path, _target in plan.links))}
    strange = set(os.listdir("/")) - _ROOT - shown
    if strange:
        raise ProbeError(f"the root holds {', '.join(sorted(strange))}")
    for path in ("/", "/etc", "/dev", *plan.trees):
        if os.path.isdir(path):
            refused(f"making a directory in {path}", partial(os.mkdir, f"{path}/probe"), errno.EROFS)


def _private_proc(_plan: Plan, _outside: Outside, _descriptors: set[int]) -> None:
    pids = sorted(int(name) for name in os.listdir("/proc") if name.isdigit())
    if pids != [1, 2]:
        raise ProbeError(f"/proc shows the processes {pids}")
    if os.listdir("/proc/sys") or any(Path(f"/proc/{name}").read_text() for name in ("keys", "cmdline", "vmstat")):
        raise ProbeError("/proc tells of the host")


def _minimal_dev(plan: Plan, _outside: Outside, _descriptors: set[int]) -> None:
    strange = set(os.listdir("/dev")) ^ (_DEVICES | _TERMINALS if plan.terminals else _DEVICES)
    if strange:
        raise ProbeError(f"/dev differs in {', '.join(sorted(strange))}")
    if plan.terminals:
        _own_terminals()
    else:
        refused("opening a terminal", lambda: os.open("/dev/ptmx", os.O_RDWR))


def _own_terminals() -> None:
    strange = set(os.listdir("/dev/pts")) - {"ptmx"}
    if strange:
        raise ProbeError(f"there are terminals of others: {', '.join(sorted(strange))}")
    for descriptor in os.openpty():
        os.close(descriptor)


def _disk_limits(plan: Plan, _outside: Outside, _descriptors: set[int]) -> None:
    options = {}
    for line in Path("/proc/self/mountinfo").read_text().splitlines():
        fields = line.split()
        options[fields[4]] = fields[5].split(",")
    for path in (HOME, "/tmp", "/dev/shm"):
        state = os.statvfs(path)
        if state.f_blocks * state.f_frsize > plan.disk_bytes or state.f_files > plan.inodes_max or not state.f_files:
            raise ProbeError(f"{path} has no limits")
        missing = {"nosuid", "nodev", "nosymfollow"} - set(options.get(path, ()))
        if missing:
            raise ProbeError(f"{path} is mounted without {', '.join(sorted(missing))}")


def _rlimits(plan: Plan, _outside: Outside, _descriptors: set[int]) -> None:
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if hard > plan.descriptors_max or soft > hard:
        raise ProbeError(f"{hard} file descriptors may be opened")
    if resource.getrlimit(resource.RLIMIT_CPU)[1] == resource.RLIM_INFINITY:
        raise ProbeError("CPU time has no limit")
    try:
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard + 1))
    except (OSError, ValueError):
        return
    raise ProbeError("a limit could be raised")


def _status() -> dict[str, str]:
    lines = Path("/proc/self/status").read_text().splitlines()
    return {name: value.strip() for name, _colon, value in (line.partition(":") for line in lines)}


def _capabilities(_plan: Plan, _outside: Outside, _descriptors: set[int]) -> None:
    status = _status()
    held = [name for name in ("CapInh", "CapPrm", "CapEff", "CapBnd", "CapAmb") if int(status[name], 16)]
    if held:
        raise ProbeError(f"capabilities are left in {', '.join(held)}")


def _no_new_privs(_plan: Plan, _outside: Outside, _descriptors: set[int]) -> None:
    if _status()["NoNewPrivs"] != "1":
        raise ProbeError("programs may gain privileges")


def _closed_descriptors(_plan: Plan, _outside: Outside, descriptors: set[int]) -> None:
    # Every number that may be open is tried, not /proc's list, which opens one itself.
    strange = [number for number in range(4096) if number not in descriptors and _is_open(number)]
    if strange:
        raise ProbeError(f"file descriptors {strange} are open")


def _is_open(descriptor: int) -> bool:
    try:
        os.fstat(descriptor)
    except OSError:
        return False
    return True


def _landlock(plan: Plan, _outside: Outside, _descriptors: set[int]) -> None:
    if not plan.landlock_abi:
        raise ProbeError("the kernel has no Landlock")
    # Everything else allows this one: the file is the worker's own.
    refused("writing below /proc", lambda: os.open("/proc/self/comm", os.O_WRONLY), errno.EACCES)


def _seccomp(_plan: Plan, _outside: Outside, _descriptors: set[int]) -> None:
    if _status()["Seccomp"] != "2":
        raise ProbeError("no filter is loaded")
    null = ctypes.c_void_p()
    # Without the filter each of these would succeed or name another error: all arguments are empty.
    for name, arguments, error in (
        ("unshare", (0,), errno.EPERM),
        ("keyctl", (0xFFFF,), errno.EPERM),
        ("bpf", (0, null, 0), errno.EPERM),
        ("seccomp", (syscalls.SECCOMP_SET_MODE_FILTER, 0, null), errno.EPERM),
        ("prctl", (syscalls.PR_SET_SECCOMP, syscalls.SECCOMP_MODE_FILTER, null, 0, 0), errno.EPERM),
        ("setsockopt", (-1, socket.SOL_SOCKET, syscalls.SO_ATTACH_FILTER, null, 0), errno.EPERM),
        ("fcntl", (-1, fcntl.F_NOTIFY, 0), errno.EPERM),
        ("io_uring_setup", (0, null), errno.ENOSYS),
        ("clone3", (null, 0), errno.ENOSYS),
        ("landlock_create_ruleset", (null, 0, 0), errno.ENOSYS),
        ("mincore", (null, 1, null), errno.ENOSYS),
    ):
        refused(name, partial(syscalls.call, numbers_of(syscalls.MACHINE)[name], *arguments), error)
    refused("a call of the future", partial(syscalls.call, _FUTURE), errno.ENOSYS)
    refused("an Internet socket", lambda: socket.socket(socket.AF_INET).detach(), errno.EAFNOSUPPORT)


PROBES: dict[str, Callable[[Plan, Outside, set[int]], None]] = {
    "user_namespace": _user,
    "mount_namespace": _mount,
    "pid_namespace": _pid,
    "network_namespace": _network,
    "ipc_namespace": _ipc,
    "uts_namespace": _uts,
    "cgroup_namespace": _cgroup,
    "read_only_root": _read_only_root,
    "private_proc": _private_proc,
    "minimal_dev": _minimal_dev,
    "disk_limits": _disk_limits,
    "rlimits": _rlimits,
    "capabilities": _capabilities,
    "no_new_privs": _no_new_privs,
    "closed_descriptors": _closed_descriptors,
    "landlock": _landlock,
    "seccomp": _seccomp,
}
