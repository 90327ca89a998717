"""Make control groups that the untrusted account owns, so that it can limit whole sessions."""

from __future__ import annotations

import fcntl
import os
import secrets
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from host.layout import Account

ROOT = Path("/sys/fs/cgroup")
V2_CONTROLLERS = ("memory", "pids", "cpu")
V1_CONTROLLERS = ("memory", "pids", "cpuacct", "cpu")
V1_NEEDED = ("memory", "pids", "cpuacct")
NAME, PARTS = "singlecell-", "-parts"
# cgroup v1 weighs the group of all sessions against every single process beside it, by default like one of them (1024):
# a busy machine then leaves all cells together what it leaves one program. So many of them for each CPU.
V1_SHARES = 4 * 1024
# The server's own parts together, for each CPU: all cells wait behind them, so cells that compute must not slow them.
V1_PARTS_SHARES = 4 * V1_SHARES
# In cgroup v2 a process can be moved only by who owns the common parent of both groups: so sshd starts in this leaf.
ENTRANCE = "entrance"


@dataclass(frozen=True)
class Groups:
    """The control groups of one server.

    ``setting``: the value of cgroup_directory, ``""`` without groups; ``entrance``: the group in which sshd starts;
    ``parts``: that of this process and of all that it starts and does not move on, where they weigh together.
    """

    setting: str
    directories: tuple[Path, ...]
    entrance: Path | None = None
    parts: Path | None = None
    # Says to other launchers that these groups are in use; a process id would not, there are several pid namespaces.
    locks: tuple[int, ...] = ()

    def remove(self) -> None:
        """Remove what was made, as far as no process is in it."""
        if self.parts is not None:
            with suppress(OSError):
                _enter(self.parts.parent)
            remove(self.parts)
        for directory in self.directories:
            remove(directory)
        for lock in self.locks:
            os.close(lock)


NONE = Groups("", ())


def make_groups(untrusted: Account) -> Groups:
    """Return groups for one server that the untrusted account owns; none where the kernel or the host has none."""
    name = f"{NAME}{secrets.token_hex(4)}"
    try:
        return _make_v2(name, untrusted) if _has_v2() else _make_v1(name, untrusted)
    except OSError:
        return NONE


def remove(directory: Path) -> None:
    """Remove a group and those below it; groups with processes stay."""
    for inner, _directories, _files in os.walk(directory, topdown=False):
        with suppress(OSError):
            os.rmdir(inner)


def _has_v2() -> bool:
    try:
        available = (ROOT / "cgroup.controllers").read_text().split()
    except OSError:
        return False
    return all(controller in available for controller in V2_CONTROLLERS)


def _make_v2(name: str, untrusted: Account) -> Groups:
    _sweep(ROOT)
    (ROOT / "cgroup.subtree_control").write_text(" ".join(f"+{c}" for c in V2_CONTROLLERS))
    directory = ROOT / name
    directory.mkdir()
    groups = Groups(str(directory), (directory,), directory / ENTRANCE, locks=(_lock(directory),))
    try:
        (directory / "cgroup.subtree_control").write_text(" ".join(f"+{c}" for c in V2_CONTROLLERS))
        (directory / ENTRANCE).mkdir()
        # Not the files that limit the group itself.
        for path in (directory, directory / "cgroup.procs", directory / "cgroup.subtree_control",
                     directory / ENTRANCE, directory / ENTRANCE / "cgroup.procs"):  # fmt: skip
            os.chown(path, untrusted.uid, untrusted.gid)
    except OSError:
        groups.remove()
        raise
    return groups


def _make_v1(name: str, untrusted: Account) -> Groups:
    made, parts = {}, None
    for controller, parent in _v1_parents().items():
        _sweep(parent)
        try:
            (parent / name).mkdir()
            os.chown(parent / name, untrusted.uid, untrusted.gid)
            if controller == "cpu":
                _weigh(parent / name, V1_SHARES)
                parts = parent / f"{name}{PARTS}"
        except OSError:
            continue
        made[controller] = parent / name
    setting = ",".join(f"{controller}={path}" for controller, path in made.items())
    groups = Groups(setting, tuple(made.values()), locks=tuple(map(_lock, made.values())), parts=parts)
    if any(controller not in made for controller in V1_NEEDED):
        groups.remove()
        return NONE
    if parts is not None:
        with suppress(OSError):  # they weigh one by one then
            parts.mkdir()
            _weigh(parts, V1_PARTS_SHARES)
            _enter(parts)
    return groups


def _weigh(directory: Path, shares: int) -> None:
    (directory / "cpu.shares").write_text(str(shares * (os.cpu_count() or 1)))


def _enter(directory: Path) -> None:
    """Move this process to a group; what it starts from now on begins there."""
    (directory / "cgroup.procs").write_text(str(os.getpid()))


def _v1_parents() -> dict[str, Path]:
    """Return the directory of our own group for each controller: limits that hold for us go on holding below."""
    parents = {}
    for line in Path("/proc/self/cgroup").read_text().splitlines():
        _number, controllers, path = line.split(":", 2)
        for controller in controllers.split(","):
            mount = ROOT / controller
            if controller in V1_CONTROLLERS and mount.is_dir():
                own = mount / path.lstrip("/")
                parents[controller] = own if own.is_dir() else mount
    return parents


def _sweep(parent: Path) -> None:
    """Remove the groups of launchers that were killed."""
    for left in parent.glob(f"{NAME}*"):
        with suppress(OSError):  # in use
            lock = _lock(left)
            remove(left)
            os.close(lock)


def _lock(directory: Path) -> int:
    descriptor = os.open(directory, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        os.close(descriptor)
        raise
    return descriptor
