"""Builds the root directory of a session: programs and libraries read-only, a work directory in memory, no more."""

from __future__ import annotations

import os
from contextlib import suppress

from untrusted.sandbox import syscalls
from untrusted.sandbox.plan import GUEST_USER_ID, HOME, USER, USER_ID, Plan
from untrusted.sandbox.syscalls import Prepared

# The new root is built here: it must exist, and is covered meanwhile.
_SCAFFOLD = "/tmp"
_ROOT_OPTIONS = "mode=755,size=1m,nr_inodes=1k"
_MASK = "/mask"  # an empty directory, to lie on others
_DEVICES = ("null", "zero", "full", "random", "urandom")
_DEVICE_LINKS = {"fd": "/proc/self/fd", "stdin": "fd/0", "stdout": "fd/1", "stderr": "fd/2"}
# A language that speaks with other programs over terminals (pexpect) needs openpty. The instance is the session's own:
# it shows no terminal of the host or of another session. `max`: the kernel has 4096 for everybody.
_TERMINALS = "/dev/pts"
_TERMINALS_OPTIONS = "newinstance,ptmxmode=666,mode=620,max=32"
_MS_NOSUID, _MS_NODEV, _MS_NOEXEC, _MS_NOSYMFOLLOW = 2, 4, 8, 256
_ETC_FILES = {
    "passwd": f"{USER}:x:{{id}}:{{id}}:{USER}:{HOME}:/bin/sh\n",
    "group": f"{USER}:x:{{id}}:\n",
    "hosts": "127.0.0.1 localhost\n",
    "nsswitch.conf": "passwd: files\ngroup: files\nhosts: files\n",
    "resolv.conf": "",
    "host.conf": "",
}


def build(plan: Plan) -> None:
    """Make a root from the plan's trees and enter it, in a mount namespace of this process's own. Raises OSError."""
    syscalls.mount("none", "/", None, syscalls.MS_REC | syscalls.MS_PRIVATE)
    # Copies are taken before anything is covered. /proc comes along because the kernel lets a user namespace mount
    # its own only where an unmasked one can be seen; each session's own will lie on top of it.
    trees = {path: syscalls.open_tree(path, recursive=True) for path in (*plan.trees, "/proc")}
    if plan.has("minimal_dev"):
        devices = {f"/dev/{name}": syscalls.open_tree(f"/dev/{name}", recursive=False) for name in _DEVICES}
    else:
        devices = {"/dev": syscalls.open_tree("/dev", recursive=True)}
    syscalls.mount("tmpfs", _SCAFFOLD, "tmpfs", _MS_NOSUID | _MS_NODEV, _ROOT_OPTIONS)
    os.chdir(_SCAFFOLD)
    for path, descriptor in trees.items():
        if path != "/proc":
            attributes = syscalls.MOUNT_ATTR_RDONLY | syscalls.MOUNT_ATTR_NOSUID | syscalls.MOUNT_ATTR_NODEV
            syscalls.mount_setattr(descriptor, attributes, recursive=True)
        _attach(descriptor, path[1:])
    for path, descriptor in devices.items():
        _attach(descriptor, path[1:])
    for path in (HOME, "/tmp", "/dev/shm", "/var/tmp", _MASK):
        os.makedirs(path[1:], exist_ok=True)
    if plan.has("minimal_dev"):
        for name, target in _DEVICE_LINKS.items():
            os.symlink(target, f"dev/{name}")
        if plan.terminals:
            os.makedirs(_TERMINALS[1:])
            os.symlink("pts/ptmx", "dev/ptmx")
    for path, target in plan.links:
        os.makedirs(os.path.dirname(path[1:]) or ".", exist_ok=True)
        os.symlink(target, path[1:])
    _write_etc(GUEST_USER_ID if plan.gvisor else USER_ID)
    syscalls.pivot_root(".", ".")
    syscalls.unmount(".")
    os.chdir("/")
    if plan.has("read_only_root"):
        root = syscalls.open_tree_in_place("/")
        syscalls.mount_setattr(root, syscalls.MOUNT_ATTR_RDONLY, recursive=False)
        os.close(root)


def private_mounts(plan: Plan) -> list[Prepared]:
    """Return the calls that mount what each session has to itself: /proc, and the directories that it may write."""
    calls = []
    if plan.has("private_proc"):
        calls.append(syscalls.prepare_mount("proc", "/proc", "proc", _MS_NOSUID | _MS_NODEV | _MS_NOEXEC))
    if plan.terminals:
        flags = _MS_NOSUID | _MS_NOEXEC
        calls.append(syscalls.prepare_mount("devpts", _TERMINALS, "devpts", flags, _TERMINALS_OPTIONS))
    flags = _MS_NOSUID | _MS_NODEV | _MS_NOSYMFOLLOW
    limit = f",size={plan.disk_bytes},nr_inodes={plan.inodes_max}" if plan.has("disk_limits") else ""
    for path, mode in ((HOME, "700"), ("/tmp", "1777"), ("/dev/shm", "1777")):
        covering = syscalls.prepare_mount("tmpfs", path, "tmpfs", flags, f"mode={mode}{limit}")
        # An environment may lie below one of them, as in a checkout under /tmp.
        covered = [tree for tree in plan.trees if tree.startswith(f"{path}/")]
        calls.append(Prepared(_mount_over, (covering, covered)) if covered else covering)
    return calls


def proc_masks(plan: Plan) -> list[Prepared]:
    """Return the calls that cover what /proc tells of the host."""
    return [
        syscalls.prepare_mount(_MASK if is_directory else "/dev/null", path, None, syscalls.MS_BIND)
        for path, is_directory in plan.masks
    ]


def _mount_over(covering: Prepared, trees: list[str]) -> None:
    """Mount something, and what it covers again on top of it."""
    covered = {tree: syscalls.open_tree(tree, recursive=True) for tree in trees}
    syscalls.make([covering])
    for tree, descriptor in covered.items():
        _attach(descriptor, tree)


def _attach(descriptor: int, target: str) -> None:
    """Attach an open mount at a path, which is made for it, and close it."""
    if os.path.isdir(f"/proc/self/fd/{descriptor}"):
        os.makedirs(target, exist_ok=True)
    else:
        os.makedirs(os.path.dirname(target), exist_ok=True)
        os.close(os.open(target, os.O_WRONLY | os.O_CREAT, 0o644))
    syscalls.move_mount(descriptor, target)
    os.close(descriptor)


def _write_etc(user_id: int) -> None:
    for name, text in _ETC_FILES.items():
        with open(f"etc/{name}", "w") as file:
            file.write(text.format(id=user_id))
    # The time zone is a link into /usr/share/zoneinfo, which is shown.
    with suppress(OSError):
        os.symlink(os.readlink("/etc/localtime"), "etc/localtime")
