"""Says with which arguments a call is allowed, where not every argument will do.

A rule looks at the lower 32 bits of arguments: each is an ``int`` or ``unsigned int`` to the kernel (or is refused by
it when a bit above is set), so the upper half decides nothing, whatever a caller puts there.
"""

from __future__ import annotations

import errno
import signal
import socket
from typing import NamedTuple

from untrusted.sandbox import syscalls

WORD = 0xFFFFFFFF


class Condition(NamedTuple):
    """A test of an argument (0 is the first): the bits that a mask leaves are one of the values, or none of them."""

    argument: int
    values: tuple[int, ...]
    mask: int = WORD
    wanted: bool = True


class Rule(NamedTuple):
    """The arguments with which a call is allowed: all conditions of an alternative hold. Others get the error."""

    alternatives: tuple[tuple[Condition, ...], ...]
    otherwise: int = errno.EPERM


_NAMESPACES = (
    syscalls.CLONE_NEWNS | syscalls.CLONE_NEWCGROUP | syscalls.CLONE_NEWUTS | syscalls.CLONE_NEWIPC
    | syscalls.CLONE_NEWUSER | syscalls.CLONE_NEWPID | syscalls.CLONE_NEWNET
)  # fmt: skip
_ASK_PERSONALITY = 0xFFFFFFFF
# linux/sched.h. The harmless policies are OTHER, BATCH and IDLE; FIFO 1, RR 2 and DEADLINE 6 take a core.
_POLICIES, _RESET_ON_FORK = (0, 3, 5), 0x40000000

# linux/fcntl.h. Refused are: NOTIFY 1026 (told of what others read in a directory), SETLEASE 1024 and SETDELEG 1040
# (who opens a file waits), SETSIG 10 and SETOWN_EX 15 (their tools), SETPIPE_SZ 1031 (pages that the account has few
# of), and hints for disks.
_FCNTLS = (
    0, 1, 2, 3, 4,  # DUPFD, GETFD, SETFD, GETFL, SETFL
    5, 6, 7, 36, 37, 38,  # GETLK, SETLK, SETLKW, and those of open files
    8, 9, 11, 16, 17,  # SETOWN, GETOWN, GETSIG, GETOWN_EX, GETOWNER_UIDS
    1025, 1027, 1028, 1030, 1032,  # GETLEASE, DUPFD_QUERY, CREATED_QUERY, DUPFD_CLOEXEC, GETPIPE_SZ
    1033, 1034,  # ADD_SEALS, GET_SEALS
)  # fmt: skip

# asm-generic/ioctls.h, linux/fs.h. Refused with the rest: TIOCSTI and TIOCLINUX (letters typed for others), TIOCSETD
# (a line discipline is a module of the kernel).
_IOCTLS = (
    *range(0x5401, 0x5412), 0x802C542A, 0x402C542B, 0x402C542C, 0x402C542D,  # modes, owner and control of a terminal
    0x5413, 0x5414, 0x5420, 0x5422, 0x5424, 0x5425, 0x5427, 0x5428, 0x5429,  # its size, packets, discipline, breaks
    0x80045430, 0x40045431, 0x40045436, 0x80045438, 0x80045439, 0x80045440, 0x5441,  # pseudo-terminals
    0x541B, 0x5421, 0x5450, 0x5451, 0x5452,  # FIONREAD, FIONBIO, FIONCLEX, FIOCLEX, FIOASYNC
    0x5460, 2, 0x80086601, 0x80087601,  # FIOQSIZE, FIGETBSZ, FS_IOC_GETFLAGS, FS_IOC_GETVERSION
    0x40049409, 0x4020940D,  # FICLONE, FICLONERANGE
)  # fmt: skip

# linux/prctl.h. Refused with the rest: SET_SECCOMP 22 (a filter of one's own), SET_MM, SCHED_CORE, SET_MEMORY_MERGE
# (pages that sessions would share).
_PRCTLS = (
    2, 3, 15, 16, 21, 23, 27,  # GET_PDEATHSIG, GET_DUMPABLE, SET and GET_NAME, GET_SECCOMP, CAPBSET_READ, SECUREBITS
    29, 30, 36, 37, 38, 39, 40, 41, 42,  # timer slack, subreaper, NO_NEW_PRIVS, GET_TID_ADDRESS, huge pages
    47, 52, 0x41555856,  # CAP_AMBIENT, GET_SPECULATION_CTRL, GET_AUXV
    50, 51, 54, 55, 56, 60, 61, 63, 64, 74, 75, 76,  # vectors, pointers and shadow stacks of aarch64
)  # fmt: skip

# asm-generic/socket.h: REUSEADDR, SNDBUF, RCVBUF, KEEPALIVE, OOBINLINE, LINGER, REUSEPORT, PASSCRED, RCVLOWAT,
# timeouts, timestamps, PASSSEC, PEEK_OFF, PASSPIDFD, PASSRIGHTS. Refused with the rest: filters (ATTACH_FILTER 26,
# ATTACH_BPF 50, ATTACH_REUSEPORT_CBPF 51 and _EBPF 52), which are compiled into memory that the host has little of.
_SOCKET_OPTIONS = (2, 7, 8, 9, 10, 13, 15, 16, 18, 19, 20, 21, 29, 34, 35, 42, 66, 67, 76, 83)

# linux/fs.h: HIPRI, DSYNC, SYNC, APPEND. NOWAIT tells what lies in the cache; DONTCACHE takes it out.
_READ_FLAGS = 1 | 2 | 4 | 16
# linux/fadvise.h: all but DONTNEED 4, which takes files that others read out of the cache.
_FILE_ADVICE = (0, 1, 2, 3, 5)
# asm-generic/mman-common.h. MERGEABLE: pages that sessions would share.
_MADV_MERGEABLE = 12

RULES = {
    "clone": Rule(((Condition(0, (0,), _NAMESPACES),),)),
    "socket": Rule(((Condition(0, (socket.AF_UNIX,)),),), errno.EAFNOSUPPORT),
    "socketpair": Rule(((Condition(0, (socket.AF_UNIX,)),),), errno.EAFNOSUPPORT),
    "setsockopt": Rule(((Condition(1, (socket.SOL_SOCKET,)), Condition(2, _SOCKET_OPTIONS)),)),
    "fcntl": Rule(((Condition(1, _FCNTLS),),)),
    "ioctl": Rule(((Condition(1, _IOCTLS),),)),
    "personality": Rule(((Condition(0, (0, _ASK_PERSONALITY)),),)),
    "sched_setscheduler": Rule(((Condition(1, _POLICIES, WORD & ~_RESET_ON_FORK),),)),
    "prctl": Rule(
        (
            (Condition(0, _PRCTLS),),
            # User code shares init's memory and can have it do things when it wakes: it must still die with the zygote.
            (Condition(0, (syscalls.PR_SET_PDEATHSIG,)), Condition(1, (signal.SIGKILL,))),
            # No process hides from the supervisor what it has open (limiter/kernel_memory.py).
            (Condition(0, (syscalls.PR_SET_DUMPABLE,)), Condition(1, (1,))),
        ),
    ),
    "preadv2": Rule(((Condition(5, (0,), WORD & ~_READ_FLAGS),),), errno.EOPNOTSUPP),
    "fadvise64": Rule(((Condition(3, _FILE_ADVICE),),)),
    "madvise": Rule(((Condition(2, (_MADV_MERGEABLE,), wanted=False),),), errno.EINVAL),
}
