"""Makes pid 1 of a session without a second copy of the zygote's memory.

Pid 1 is locked down, then makes the worker with CLONE_VM and CLONE_VFORK: the worker goes on in the very memory and on
the very stack, while pid 1 stands still in the kernel until the worker has ended (or called exec). Pid 1 must never run
on that stack again: a signal that waits for it from the start is taken first, and its handler is the C library's
``_exit``, on a stack of its own. With pid 1 the kernel ends every process of the session. Orphans are reaped by the
kernel, because pid 1 ignores SIGCHLD. A second fork would copy the page tables again, which for a zygote with NumPy
costs more than all layers together.

A process that stands still like this is counted in the host's load average: one for each worker, idle ones too.
"""

from __future__ import annotations

import ctypes
import mmap
import os
import signal
import threading
from ctypes import c_int, c_long, c_size_t, c_ulong, c_void_p

from untrusted.sandbox import syscalls
from untrusted.sandbox.syscalls import Prepared

_END = signal.SIGUSR1
_STACK_BYTES = 64 << 10
_SA_ONSTACK, _SS_DISABLE = 0x08000000, 2
_DEFAULT, _IGNORE = 0, 1
_RSEQ_BYTES = 32
# CLONE_FILES: a table of its own would keep the zygote's output open in pid 1, where user code can open it again
# through /proc/1/fd: a channel between all sessions, and to the supervisor's log.
_WORKER_FLAGS = syscalls.CLONE_VM | syscalls.CLONE_FILES | syscalls.CLONE_VFORK | signal.SIGCHLD
_libc = ctypes.PyDLL(None, use_errno=True)
_libc.pthread_self.restype = c_void_p
# Pid 1's, for as long as its worker lives. Private: every session has a copy of its own.
_stack = mmap.mmap(-1, _STACK_BYTES, flags=mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS)


class _Stack(ctypes.Structure):
    _fields_ = [("base", c_void_p), ("flags", c_int), ("size", c_size_t)]


class _Action(ctypes.Structure):
    # struct sigaction of the C library on 64-bit Linux
    _fields_ = [("handler", c_void_p), ("mask", c_ulong * 16), ("flags", c_int), ("restorer", c_void_p)]


def _action(number: int, handler: int | None, flags: int = 0) -> Prepared:
    return Prepared(_libc.sigaction, (c_int(number), ctypes.byref(_Action(handler, flags=flags)), None))


def _signal_stack(stack: _Stack) -> Prepared:
    return Prepared(_libc.sigaltstack, (ctypes.byref(stack), None))


_BEFORE = (
    _signal_stack(_Stack(ctypes.addressof(ctypes.c_char.from_buffer(_stack)), 0, _STACK_BYTES)),
    _action(_END, ctypes.cast(_libc._exit, c_void_p).value, _SA_ONSTACK),
    _action(signal.SIGCHLD, _IGNORE),
)
_AFTER = (
    _action(_END, _DEFAULT),
    _action(signal.SIGCHLD, _DEFAULT),
    _signal_stack(_Stack(None, _SS_DISABLE, 0)),
    Prepared(os.setsid),
)


def become_worker_under_init() -> None:
    """Return in a new process, the worker; the one that called stays behind as its init. Raises OSError."""
    syscalls.make(_BEFORE)
    syscalls.clone(_WORKER_FLAGS)
    # From here on this is the worker; pid 1 does not come back.
    os.kill(os.getppid(), _END)
    syscalls.make(_AFTER)
    _register_rseq()
    threading.main_thread()._set_native_id()  # type: ignore[attr-defined]


def _register_rseq() -> None:
    # The kernel forgets this registration where memory is shared; the C library would read a stale CPU number.
    try:
        offset = c_long.in_dll(_libc, "__rseq_offset").value
        size = ctypes.c_uint.in_dll(_libc, "__rseq_size").value
    except ValueError:  # older than glibc 2.35, which does not use it
        return
    if size:
        area = c_void_p(_libc.pthread_self() + offset)
        syscalls.call(syscalls.RSEQ, area, _RSEQ_BYTES, 0, syscalls.RSEQ_SIGNATURE)
