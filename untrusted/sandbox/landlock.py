"""Puts Landlock on a process: its own rules about files, network and signals, without any namespace."""

from __future__ import annotations

import os

from untrusted.sandbox import syscalls
from untrusted.sandbox.plan import HOME, Plan
from untrusted.sandbox.syscalls import PathBeneath, Prepared, prepare_landlock_add

# linux/landlock.h: one bit an access; how many the running kernel knows depends on its ABI.
_EXECUTE, _WRITE_FILE, _READ_FILE, _READ_DIR = 1, 2, 4, 8
_MAKE_CHAR, _MAKE_BLOCK = 1 << 6, 1 << 11
_FS_ACCESSES = {1: 13, 2: 14, 3: 15, 4: 15, 5: 16}  # ABI 2 adds REFER, 3 TRUNCATE, 5 IOCTL_DEV
_NET_ALL = 3  # BIND_TCP and CONNECT_TCP, from ABI 4
_SCOPE_ALL = 3  # abstract Unix sockets and signals, from ABI 6
_FILE_ONLY = _EXECUTE | _WRITE_FILE | _READ_FILE | 1 << 14 | 1 << 15  # TRUNCATE, IOCTL_DEV
_WRITABLE = (HOME, "/tmp", "/dev/shm")
_DEVICES = ("/dev/null", "/dev/zero", "/dev/full")
_TERMINALS = "/dev/pts"
_IOCTL_DEV = 1 << 15


class Rules:
    """The rules of a plan's sessions; their zygote opens what they share, and keeps it open."""

    def __init__(self, plan: Plan) -> None:
        abi = plan.landlock_abi
        self._every = every = (1 << _FS_ACCESSES[min(abi, max(_FS_ACCESSES))]) - 1
        net, scope = _NET_ALL if abi >= 4 else 0, _SCOPE_ALL if abi >= 6 else 0
        self._make_ruleset = syscalls.landlock_ruleset(every, net, scope)
        # Its number is known ahead, so that the calls that use it can be prepared.
        self.ruleset = os.open("/", os.O_PATH | os.O_CLOEXEC)
        read = _EXECUTE | _READ_FILE | _READ_DIR
        shared = dict.fromkeys(("/etc", "/dev", *(tree for tree in plan.trees if not tree.startswith("/etc/"))), read)
        shared |= dict.fromkeys(_DEVICES, _READ_FILE | _WRITE_FILE)
        own = {"/proc": read}
        if plan.has("mount_namespace"):
            shared["/"] = _READ_DIR  # names only, and of a root that we made
            own |= dict.fromkeys(_WRITABLE, every & ~(_MAKE_CHAR | _MAKE_BLOCK))
            if plan.terminals:
                # Read and written like files; a terminal's size, modes and number are ioctl calls.
                own[_TERMINALS] = (read | _WRITE_FILE | _IOCTL_DEV) & ~_EXECUTE & every
        self._shared = [call for path, access in shared.items() for call in self._adding(path, access)]
        # Each session mounts these for itself; a rule holds for what is there when it is made.
        rules = {path.encode(): PathBeneath(access) for path, access in own.items()}
        self._own = [(path, rule, [prepare_landlock_add(self.ruleset, rule)]) for path, rule in rules.items()]
        self._restrict = [syscalls.prepare_landlock_restrict(self.ruleset)]

    def collect(self) -> None:
        """Make the ruleset of this session, which stays open until ``restrict``."""
        made = self._make_ruleset()
        os.dup2(made, self.ruleset, False)
        os.close(made)
        syscalls.make(self._shared)
        for path, rule, adding in self._own:
            rule.parent_fd = os.open(path, os.O_PATH | os.O_CLOEXEC)
            syscalls.make(adding)
            os.close(rule.parent_fd)

    def restrict(self) -> None:
        """Put this process, and all that it starts, under the ruleset."""
        syscalls.make(self._restrict)
        os.close(self.ruleset)

    def _adding(self, path: str, access: int) -> list[Prepared]:
        try:
            descriptor = os.open(path, os.O_PATH | os.O_CLOEXEC)
        except FileNotFoundError:
            return []
        if not os.path.isdir(path):
            access &= _FILE_ONLY
        return [prepare_landlock_add(self.ruleset, PathBeneath(access & self._every, descriptor))]
