"""The system call filter: what no cell has a use for, answered with an error. Compiled once by libseccomp.

Allowed is the rest: cells start compilers, R, databases and what not, and no list of all that those call is to be had.
Sources of the list: isolate 2.6, sandlock's defaults, Docker's profile, and what the kernel added until 6.12.
"""

from __future__ import annotations

import ctypes
import errno
import os
import signal
import socket
import struct
from collections.abc import Iterable
from ctypes import c_int, c_uint, c_uint32, c_uint64

from untrusted.sandbox import SandboxError, syscalls

# seccomp.h of libseccomp 2.5
_ALLOW, _KILL_PROCESS, _ERRNO = 0x7FFF0000, 0x80000000, 0x00050000
_ATTRIBUTE_BAD_ARCHITECTURE, _ATTRIBUTE_OPTIMIZE = 2, 8
_NOT_EQUAL, _MASKED_EQUAL = 1, 7

DENIED = (
    "mount", "umount", "umount2", "pivot_root", "move_mount", "fsopen", "fsconfig", "fsmount", "fspick", "open_tree",
    "mount_setattr", "chroot",
    "unshare", "setns",
    "ptrace", "process_vm_readv", "process_vm_writev", "process_madvise", "pidfd_getfd", "kcmp",
    "keyctl", "add_key", "request_key",
    "bpf", "perf_event_open", "userfaultfd",
    "open_by_handle_at", "name_to_handle_at",
    "init_module", "finit_module", "delete_module", "create_module", "query_module", "get_kernel_syms",
    "kexec_load", "kexec_file_load", "reboot", "swapon", "swapoff", "acct", "quotactl", "quotactl_fd", "syslog",
    "sethostname", "setdomainname", "settimeofday", "clock_settime", "clock_settime64", "adjtimex", "clock_adjtime",
    "clock_adjtime64", "stime",
    "iopl", "ioperm", "modify_ldt", "vm86", "vm86old", "vhangup",
    "fanotify_init", "fanotify_mark", "lookup_dcookie", "nfsservctl", "memfd_secret", "uselib", "ustat", "sysfs",
    "_sysctl",
    "ioprio_set", "migrate_pages", "move_pages", "mbind", "set_mempolicy", "set_mempolicy_home_node",
)  # fmt: skip
# Programs that find these missing go another way; an EPERM would be the end of them.
MISSING = (
    "clone3", "io_uring_setup", "io_uring_enter", "io_uring_register",
    # The kernel has few of these for the whole host (fs.aio-max-nr), or for all sessions of the account (128 watchers).
    "io_setup", "inotify_init", "inotify_init1",
)  # fmt: skip
# Memory that belongs to no process and no directory: only control groups see it.
UNSEEN = ("memfd_create", "shmget", "msgget", "semget")
# Newer than the libseccomp of Debian 12, by number (the same on every architecture): statmount, listmount, lsm_*,
# mseal, open_tree_attr, file_getattr and what comes after are no loss to a cell.
NEWEST_KNOWN = 456  # futex_requeue, Linux 6.7
_X32_BIT = 0x40000000

_NAMESPACE_FLAGS = (
    syscalls.CLONE_NEWNS, syscalls.CLONE_NEWCGROUP, syscalls.CLONE_NEWUTS, syscalls.CLONE_NEWIPC,
    syscalls.CLONE_NEWUSER, syscalls.CLONE_NEWPID, syscalls.CLONE_NEWNET,
)  # fmt: skip
_TIOCSTI, _TIOCLINUX = 0x5412, 0x541C
# The harmless policies are OTHER 0, BATCH 3 and IDLE 5; FIFO 1, RR 2 and DEADLINE 6 take a core.
_REALTIME = (1, 2, 6)


class _Comparison(ctypes.Structure):
    _fields_ = [("argument", c_uint), ("operator", c_int), ("a", c_uint64), ("b", c_uint64)]


def compile_program(memory_is_seen: bool) -> bytes:
    """Return the filter as BPF; where no limiter sees all memory it refuses ``UNSEEN``, too.

    Raises SandboxError where libseccomp is missing.
    """
    library = _load()
    context = library.seccomp_init(_ALLOW)
    if not context:
        raise SandboxError("libseccomp could not begin a filter")
    try:
        # A 32-bit or x32 call would pass by every rule below.
        _check(library.seccomp_attr_set(context, _ATTRIBUTE_BAD_ARCHITECTURE, _KILL_PROCESS))
        _check(library.seccomp_attr_set(context, _ATTRIBUTE_OPTIMIZE, 2))
        _add_rules(library, context, MISSING if memory_is_seen else MISSING + UNSEEN)
        return _refuse_newer(_export(library, context))
    finally:
        library.seccomp_release(context)


def _add_rules(library: ctypes.CDLL, context: int, missing: Iterable[str]) -> None:
    def deny(name: str, error: int, *conditions: _Comparison) -> None:
        number = library.seccomp_syscall_resolve_name(name.encode())
        # Negative: this architecture, or this libseccomp, does not know the call.
        if number >= 0:
            array = (_Comparison * max(1, len(conditions)))(*conditions)
            _check(library.seccomp_rule_add_array(context, _ERRNO | error, number, len(conditions), array))

    for name in DENIED:
        deny(name, errno.EPERM)
    for name in missing:
        deny(name, errno.ENOSYS)
    for flag in _NAMESPACE_FLAGS:
        deny("clone", errno.EPERM, _Comparison(0, _MASKED_EQUAL, flag, flag))
    # Sockets that lead nowhere but to the session itself.
    deny("socket", errno.EAFNOSUPPORT, _Comparison(0, _NOT_EQUAL, socket.AF_UNIX))
    deny("socketpair", errno.EAFNOSUPPORT, _Comparison(0, _NOT_EQUAL, socket.AF_UNIX))
    # The kernel reads 32 bits of these arguments; the upper half is the caller's to fill with anything.
    for request in (_TIOCSTI, _TIOCLINUX):
        deny("ioctl", errno.EPERM, _Comparison(1, _MASKED_EQUAL, 0xFFFFFFFF, request))
    # Setting any flag; asking is 0xFFFFFFFF, which alone has bit 31. (libseccomp takes one comparison an argument.)
    for bit in range(31):
        deny("personality", errno.EPERM, _Comparison(0, _MASKED_EQUAL, 1 << 31 | 1 << bit, 1 << bit))
    for policy in _REALTIME:
        deny("sched_setscheduler", errno.EPERM, _Comparison(1, _MASKED_EQUAL, 0xF, policy))
    deny("sched_setattr", errno.EPERM)
    # User code shares init's memory, and can have it do things when it wakes: it must still die with the zygote.
    option = _Comparison(0, _MASKED_EQUAL, 0xFFFFFFFF, syscalls.PR_SET_PDEATHSIG)
    deny("prctl", errno.EPERM, option, _Comparison(1, _NOT_EQUAL, signal.SIGKILL))


def _refuse_newer(program: bytes) -> bytes:
    """Return the program with a beginning that answers ENOSYS to every call newer than the list above."""
    instruction = struct.Struct("=HBBI")
    beginning = (
        instruction.pack(0x20, 0, 0, 0),  # load the number of the call
        instruction.pack(0x35, 2, 0, _X32_BIT),  # an x32 call: on to the program, which kills
        instruction.pack(0x25, 0, 1, NEWEST_KNOWN),
        instruction.pack(0x06, 0, 0, _ERRNO | errno.ENOSYS),
    )
    return b"".join(beginning) + program


def _export(library: ctypes.CDLL, context: int) -> bytes:
    descriptor = os.memfd_create("seccomp")
    try:
        _check(library.seccomp_export_bpf(context, descriptor))
        return os.pread(descriptor, os.fstat(descriptor).st_size, 0)
    finally:
        os.close(descriptor)


def _load() -> ctypes.CDLL:
    try:
        library = ctypes.CDLL("libseccomp.so.2")
    except OSError as error:
        raise SandboxError(f"the system library libseccomp is missing (Debian: libseccomp2): {error}") from error
    library.seccomp_init.restype = ctypes.c_void_p
    library.seccomp_init.argtypes = [c_uint32]
    library.seccomp_release.argtypes = [ctypes.c_void_p]
    library.seccomp_release.restype = None
    library.seccomp_attr_set.argtypes = [ctypes.c_void_p, c_int, c_uint32]
    library.seccomp_rule_add_array.argtypes = [ctypes.c_void_p, c_uint32, c_int, c_uint, ctypes.c_void_p]
    library.seccomp_export_bpf.argtypes = [ctypes.c_void_p, c_int]
    library.seccomp_syscall_resolve_name.argtypes = [ctypes.c_char_p]
    return library


def _check(result: int) -> None:
    if result < 0:
        raise SandboxError(f"libseccomp refused a rule: {os.strerror(-result)}")
