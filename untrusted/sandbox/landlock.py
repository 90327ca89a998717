"""Landlock: the rule about files, network and signals that a process puts on itself, without any namespace."""

from __future__ import annotations

import os

from untrusted.sandbox import syscalls
from untrusted.sandbox.plan import HOME, Plan

# linux/landlock.h: one bit an access; how many the running kernel knows depends on its ABI.
_EXECUTE, _WRITE_FILE, _READ_FILE, _READ_DIR = 1, 2, 4, 8
_MAKE_CHAR, _MAKE_BLOCK = 1 << 6, 1 << 11
_FS_ACCESSES = {1: 13, 2: 14, 3: 15, 4: 15, 5: 16}  # ABI 2 adds REFER, 3 TRUNCATE, 5 IOCTL_DEV
_NET_ALL = 3  # BIND_TCP and CONNECT_TCP, from ABI 4
_SCOPE_ALL = 3  # abstract Unix sockets and signals, from ABI 6
_FILE_ONLY = _EXECUTE | _WRITE_FILE | _READ_FILE | 1 << 14 | 1 << 15
_WRITABLE = (HOME, "/tmp", "/dev/shm")
_DEVICES = ("/dev/null", "/dev/zero", "/dev/full")


def restrict(plan: Plan) -> None:
    """Allow reading the plan's trees and writing the session's own directories; deny all else that the ABI knows."""
    abi = plan.landlock_abi
    every = (1 << _FS_ACCESSES[min(abi, max(_FS_ACCESSES))]) - 1
    ruleset = syscalls.landlock_ruleset(every, _NET_ALL if abi >= 4 else 0, _SCOPE_ALL if abi >= 6 else 0)
    read = _EXECUTE | _READ_FILE | _READ_DIR
    for path in ("/etc", "/proc", "/dev", *(tree for tree in plan.trees if not tree.startswith("/etc/"))):
        _allow(ruleset, path, read, every)
    if plan.has("mount_namespace"):
        _allow(ruleset, "/", _READ_DIR, every)  # names only, and of a root that we made
        for path in _WRITABLE:
            _allow(ruleset, path, every & ~(_MAKE_CHAR | _MAKE_BLOCK), every)
    for path in _DEVICES:
        _allow(ruleset, path, _READ_FILE | _WRITE_FILE, every)
    syscalls.landlock_restrict(ruleset)
    os.close(ruleset)


def _allow(ruleset: int, path: str, access: int, every: int) -> None:
    try:
        descriptor = os.open(path, os.O_PATH | os.O_CLOEXEC)
    except FileNotFoundError:
        return
    try:
        if not os.path.isdir(path):
            access &= _FILE_ONLY
        syscalls.landlock_allow(ruleset, descriptor, access & every)
    finally:
        os.close(descriptor)
