"""Makes the system calls that Python does not offer, by number; no other file makes raw calls.

Every function raises OSError with the kernel's errno. Numbers and constants are those of Linux' own headers
(``include/uapi/linux``, ``arch/*/entry/syscalls``). The library is opened with ``PyDLL``, which keeps the GIL: these
calls are short, and ``clone`` must not let go of the interpreter in the middle of a fork.
"""

from __future__ import annotations

import ctypes
import errno
import os
import platform
from collections.abc import Callable, Iterable
from ctypes import c_char_p, c_int, c_long, c_uint, c_uint32, c_uint64, c_ulong, c_void_p
from functools import cache
from typing import Any, NamedTuple, NoReturn

_libc = ctypes.PyDLL(None, use_errno=True)
_syscall = _libc.syscall
_syscall.restype = c_long
MACHINE = platform.machine()

# Numbers above 423 are the same on every architecture.
OPEN_TREE, MOVE_MOUNT, CLOSE_RANGE, OPENAT2, MOUNT_SETATTR = 428, 429, 436, 437, 442
LANDLOCK_CREATE_RULESET, LANDLOCK_ADD_RULE, LANDLOCK_RESTRICT_SELF = 444, 445, 446
if MACHINE == "x86_64":
    CLONE, PIVOT_ROOT, CAPSET, SECCOMP, RSEQ, RSEQ_SIGNATURE = 56, 155, 126, 317, 334, 0x53053053
    MOUNT, PRCTL, PRLIMIT64, SETHOSTNAME, UNSHARE = 165, 157, 302, 170, 272
elif MACHINE == "aarch64":
    CLONE, PIVOT_ROOT, CAPSET, SECCOMP, RSEQ, RSEQ_SIGNATURE = 220, 41, 91, 277, 293, 0xD428BC00
    MOUNT, PRCTL, PRLIMIT64, SETHOSTNAME, UNSHARE = 40, 167, 261, 161, 97
else:
    raise ImportError(f"the sandbox knows the system calls of x86_64 and aarch64, not those of {MACHINE}")

# linux/sched.h
CLONE_VM, CLONE_FILES, CLONE_PIDFD, CLONE_VFORK = 0x100, 0x400, 0x1000, 0x4000
CLONE_CHILD_CLEARTID, CLONE_CHILD_SETTID = 0x00200000, 0x01000000
CLONE_NEWNS, CLONE_NEWCGROUP, CLONE_NEWUTS, CLONE_NEWIPC = 0x00020000, 0x02000000, 0x04000000, 0x08000000
CLONE_NEWUSER, CLONE_NEWPID, CLONE_NEWNET = 0x10000000, 0x20000000, 0x40000000

# linux/mount.h
MS_BIND, MS_REC, MS_PRIVATE = 0x1000, 0x4000, 1 << 18
MNT_DETACH = 2
OPEN_TREE_CLONE, OPEN_TREE_CLOEXEC = 1, os.O_CLOEXEC
AT_FDCWD, AT_EMPTY_PATH, AT_RECURSIVE = -100, 0x1000, 0x8000
MOVE_MOUNT_F_EMPTY_PATH = 4
MOUNT_ATTR_RDONLY, MOUNT_ATTR_NOSUID, MOUNT_ATTR_NODEV = 1, 2, 4

# linux/prctl.h, linux/securebits.h, linux/capability.h
PR_SET_PDEATHSIG, PR_GET_PDEATHSIG, PR_SET_DUMPABLE, PR_CAPBSET_READ, PR_CAPBSET_DROP = 1, 2, 4, 23, 24
PR_SET_SECCOMP, PR_SET_SECUREBITS, PR_SET_NO_NEW_PRIVS, PR_GET_TID_ADDRESS = 22, 28, 38, 40
PR_CAP_AMBIENT, PR_CAP_AMBIENT_CLEAR_ALL = 47, 4
CAPABILITY_VERSION_3 = 0x20080522

# linux/seccomp.h, linux/landlock.h, linux/openat2.h, asm-generic/socket.h
SECCOMP_SET_MODE_FILTER, SECCOMP_MODE_FILTER = 1, 2
SO_ATTACH_FILTER = 26
LANDLOCK_CREATE_RULESET_VERSION, LANDLOCK_RULE_PATH_BENEATH = 1, 1
RESOLVE_NO_XDEV, RESOLVE_NO_MAGICLINKS, RESOLVE_NO_SYMLINKS, RESOLVE_BENEATH = 1, 2, 4, 8


def _fail(path: str | None = None) -> NoReturn:
    number = ctypes.get_errno()
    raise OSError(number, os.strerror(number), path)


class Prepared(NamedTuple):
    """A call with its arguments as C wants them.

    A process that has just been forked copies every page that it writes to, and Python writes to what it only looks at:
    a session that finds its calls prepared copies half as much memory, which is most of what it costs.
    """

    function: Callable[..., int | None]
    arguments: tuple[Any, ...] = ()


def prepare(number: int, *arguments: object) -> Prepared:
    """Return a system call for ``make``. Python integers are passed as C longs, bytes as strings."""
    return Prepared(_syscall, tuple(_shared(a) if isinstance(a, int) else _converted(a) for a in (number, *arguments)))


# The fewer objects there are, the fewer pages they lie on.
_shared = cache(c_long)


def make(calls: Iterable[Prepared]) -> None:
    """Make prepared calls, one after another. Raises OSError, which names the paths among the arguments."""
    for function, arguments in calls:
        if function(*arguments) == -1:
            _fail(" ".join(os.fsdecode(text.value or b"") for text in arguments if isinstance(text, c_char_p)) or None)


def call(number: int, *arguments: object) -> int:
    """Make the system call and return its result. Python integers are passed as C longs. Raises OSError."""
    result = _syscall(c_long(number), *map(_converted, arguments))
    if result == -1:
        _fail()
    return result


def _converted(argument: object) -> object:
    if isinstance(argument, int):
        return c_long(argument)
    return c_char_p(argument) if isinstance(argument, bytes) else argument


def prctl(option: int, second: int = 0, third: int = 0) -> int:
    """Call prctl(2). Raises OSError."""
    return call(PRCTL, option, second, third, 0, 0)


# --- processes ------------------------------------------------------------------------------------------------------
@cache
def _thread_id_address() -> c_void_p:
    address = c_void_p()
    try:
        prctl(PR_GET_TID_ADDRESS, ctypes.addressof(address))
    except OSError as error:
        raise OSError(error.errno, "the kernel was built without CONFIG_CHECKPOINT_RESTORE") from error
    return address


def death_signal() -> int:
    """Return the signal that this process gets when its parent ends; 0 for none."""
    number = c_int()
    prctl(PR_GET_PDEATHSIG, ctypes.addressof(number))
    return number.value


def clone(flags: int, pidfd: c_int | None = None) -> int:
    """Fork with flags; return the child's pid in the parent and 0 in the child.

    The C library keeps the thread's id in memory; the kernel writes the child's there, as the C library's fork asks.
    Nothing else of the C library's fork is missed: it takes locks that only other threads could hold.
    """
    tid = _thread_id_address()
    flags |= CLONE_CHILD_SETTID | CLONE_CHILD_CLEARTID | (CLONE_PIDFD if pidfd is not None else 0)
    parent_tid = ctypes.byref(pidfd) if pidfd is not None else c_void_p()
    if MACHINE == "x86_64":
        return call(CLONE, c_ulong(flags), c_void_p(), parent_tid, tid, c_void_p())
    return call(CLONE, c_ulong(flags), c_void_p(), parent_tid, c_void_p(), tid)


def unshare(flags: int) -> None:
    """Move this process into new namespaces of its own."""
    if _libc.unshare(c_int(flags)) == -1:
        _fail()


def prepare_close(first: int, last: int) -> Prepared:
    """Return the call that closes the file descriptors from first to last, both included."""
    return prepare(CLOSE_RANGE, first, last, 0)


# --- mounts ---------------------------------------------------------------------------------------------------------
class _MountAttr(ctypes.Structure):
    _fields_ = [("attr_set", c_uint64), ("attr_clr", c_uint64), ("propagation", c_uint64), ("userns_fd", c_uint64)]


def mount(source: str, target: str, kind: str | None, flags: int, options: str | None = None) -> None:
    """Call mount(2)."""
    make([prepare_mount(source, target, kind, flags, options)])


def prepare_mount(source: str, target: str, kind: str | None, flags: int, options: str | None = None) -> Prepared:
    """Return the call of mount(2) for ``make``."""
    texts = (source.encode(), target.encode(), kind.encode() if kind else c_void_p())
    return prepare(MOUNT, *texts, flags, options.encode() if options else c_void_p())


def open_tree(path: str, recursive: bool) -> int:
    """Return a file descriptor of a copy of the mount at a path, and of those below it."""
    flags = OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC | (AT_RECURSIVE if recursive else 0)
    return call(OPEN_TREE, AT_FDCWD, c_char_p(path.encode()), c_uint(flags))


def open_tree_in_place(path: str) -> int:
    """Return a file descriptor of the mount itself at a path."""
    return call(OPEN_TREE, AT_FDCWD, c_char_p(path.encode()), c_uint(OPEN_TREE_CLOEXEC))


def mount_setattr(descriptor: int, attributes: int, recursive: bool) -> None:
    """Set MOUNT_ATTR_ flags on an open mount, and on those below it."""
    attr = _MountAttr(attr_set=attributes)
    flags = AT_EMPTY_PATH | (AT_RECURSIVE if recursive else 0)
    call(MOUNT_SETATTR, descriptor, c_char_p(b""), c_uint(flags), ctypes.byref(attr), ctypes.sizeof(attr))


def move_mount(descriptor: int, target: str) -> None:
    """Attach an open mount at a path."""
    call(MOVE_MOUNT, descriptor, c_char_p(b""), AT_FDCWD, c_char_p(target.encode()), MOVE_MOUNT_F_EMPTY_PATH)


def pivot_root(new_root: str, put_old: str) -> None:
    """Call pivot_root(2)."""
    call(PIVOT_ROOT, c_char_p(new_root.encode()), c_char_p(put_old.encode()))


def unmount(path: str) -> None:
    """Detach the mount at a path, and all below it."""
    if _libc.umount2(c_char_p(path.encode()), c_int(MNT_DETACH)) == -1:
        _fail(path)


# --- privileges -----------------------------------------------------------------------------------------------------
def capabilities() -> list[int]:
    """Return the capabilities that this kernel knows; the sets have room for 64."""
    known = []
    for capability in range(64):
        try:
            prctl(PR_CAPBSET_READ, capability)
        except OSError as error:
            if error.errno != errno.EINVAL:
                raise
            break
        known.append(capability)
    return known


def prepare_prctl(option: int, second: int = 0) -> Prepared:
    """Return the call of prctl(2) for ``make``."""
    return prepare(PRCTL, option, second, 0, 0, 0)


def prepare_no_capabilities() -> Prepared:
    """Return the call that empties the effective, permitted and inheritable sets."""
    header = (c_uint32 * 2)(CAPABILITY_VERSION_3, 0)
    return prepare(CAPSET, header, (c_uint32 * 6)())


class _Limit(ctypes.Structure):
    _fields_ = [("soft", c_uint64), ("hard", c_uint64)]


def prepare_limit(kind: int, value: int) -> Prepared:
    """Return the call that sets a resource limit, the soft and the hard one."""
    return prepare(PRLIMIT64, 0, kind, ctypes.byref(_Limit(value, value)), c_void_p())


class _FilterProgram(ctypes.Structure):
    _fields_ = [("length", ctypes.c_ushort), ("instructions", c_char_p)]


def prepare_seccomp(program: bytes) -> Prepared:
    """Return the call that loads a BPF program (8 bytes an instruction) as the process's seccomp filter."""
    filter_program = _FilterProgram(len(program) // 8, program)
    return prepare(SECCOMP, SECCOMP_SET_MODE_FILTER, 0, ctypes.byref(filter_program))


class _Ruleset(ctypes.Structure):
    _fields_ = [("handled_access_fs", c_uint64), ("handled_access_net", c_uint64), ("scoped", c_uint64)]


class PathBeneath(ctypes.Structure):
    """A rule of Landlock: what is allowed beneath an open directory, or with an open file."""

    _pack_ = 1
    _fields_ = [("allowed_access", c_uint64), ("parent_fd", ctypes.c_int32)]


def landlock_abi() -> int:
    """Return the version of the kernel's Landlock interface. Raises OSError where there is none."""
    return call(LANDLOCK_CREATE_RULESET, c_void_p(), 0, LANDLOCK_CREATE_RULESET_VERSION)


def landlock_ruleset(handled_fs: int, handled_net: int, scoped: int) -> Callable[[], int]:
    """Return a function that makes a ruleset and returns its file descriptor.

    Fields that are 0 at the end are not shown to older kernels.
    """
    ruleset = _Ruleset(handled_fs, handled_net, scoped)
    size_bytes = 24 if scoped else 16 if handled_net else 8
    function, arguments = prepare(LANDLOCK_CREATE_RULESET, ctypes.byref(ruleset), size_bytes, 0)

    def make_ruleset() -> int:
        descriptor = function(*arguments)
        if descriptor is None or descriptor == -1:
            _fail()
        return descriptor

    return make_ruleset


def prepare_landlock_add(ruleset: int, rule: PathBeneath) -> Prepared:
    """Return the call that adds a rule to a ruleset."""
    return prepare(LANDLOCK_ADD_RULE, ruleset, LANDLOCK_RULE_PATH_BENEATH, ctypes.byref(rule), 0)


def prepare_landlock_restrict(ruleset: int) -> Prepared:
    """Return the call that puts the process, and all that it starts, under the ruleset."""
    return prepare(LANDLOCK_RESTRICT_SELF, ruleset, 0)


# --- files ----------------------------------------------------------------------------------------------------------
class _OpenHow(ctypes.Structure):
    _fields_ = [("flags", c_uint64), ("mode", c_uint64), ("resolve", c_uint64)]


def openat2(directory: int, name: bytes, flags: int, resolve: int) -> int:
    """Open a name beneath a directory under RESOLVE_ rules; return the file descriptor, closed on exec."""
    how = _OpenHow(flags | os.O_CLOEXEC, 0, resolve)
    return call(OPENAT2, directory, c_char_p(name), ctypes.byref(how), ctypes.sizeof(how))
