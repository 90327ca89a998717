"""Starts a session: one clone call that makes its namespaces, a lock-down, and a tiny init over the worker."""

from __future__ import annotations

import ctypes
import os
import select
import signal
import sys
from collections.abc import Callable, Iterable
from typing import NamedTuple, NoReturn

from untrusted.sandbox import SandboxError, die_with_parent, syscalls
from untrusted.sandbox.init import become_worker_under_init
from untrusted.sandbox.lockdown import Lockdown, settle
from untrusted.sandbox.plan import Plan

EXIT_NOT_LOCKED = 70


class Cloned(NamedTuple):
    """A session's init: its pid as the caller sees it, and a pidfd that the caller owns."""

    pid: int
    pidfd: int


def clone_session(
    plan: Plan, child: Callable[[], object], keep: Iterable[int] = (), go_ahead: int | None = None, complaints: int = 2
) -> Cloned:
    """Fork a locked-down worker that runs ``child``; return its init, which dies with it and with this process.

    This process settles, if it has not yet. ``keep``: file descriptors that the worker goes on using, beside 0 to 2.
    ``go_ahead``: a descriptor of which the child reads one byte before it does anything: the caller's chance to put it
    into its control group. ``complaints``: where a child that cannot be locked down says why, before it ends with
    EXIT_NOT_LOCKED. Called in a process with one thread. Raises SandboxError where threads run and for root, OSError
    when the kernel refuses.
    """
    threads = os.stat("/proc/self/task").st_nlink - 2
    if threads != 1:
        raise SandboxError(f"a process of {threads} threads cannot be forked safely")
    lockdown = settle(plan)
    lockdown.keep(keep)
    flags = lockdown.namespaces | signal.SIGCHLD
    parent = os.pidfd_open(os.getpid())
    pidfd = ctypes.c_int(-1)
    try:
        ctypes.pythonapi.PyOS_BeforeFork()
        try:
            pid = syscalls.clone(flags, pidfd)
        except OSError:
            ctypes.pythonapi.PyOS_AfterFork_Parent()
            raise
        if pid == 0:
            ctypes.pythonapi.PyOS_AfterFork_Child()
            _be_child(lockdown, child, go_ahead, complaints, parent)
        ctypes.pythonapi.PyOS_AfterFork_Parent()
    finally:
        os.close(parent)
    return Cloned(pid, pidfd.value)


def _be_child(
    lockdown: Lockdown, child: Callable[[], object], go_ahead: int | None, complaints: int, parent: int
) -> NoReturn:
    try:
        die_with_parent(signal.SIGKILL)
        if select.select([parent], [], [], 0)[0]:
            os._exit(EXIT_NOT_LOCKED)  # the parent died before we asked to die with it
        if go_ahead is not None and not os.read(go_ahead, 1):
            os._exit(EXIT_NOT_LOCKED)
        lockdown.put_on()
        become_worker_under_init()
    except BaseException as error:  # noqa: BLE001  whatever it is, no user code may run now
        os.write(complaints, f"a session could not be locked down: {type(error).__name__}: {error}\n".encode())
        os._exit(EXIT_NOT_LOCKED)
    code = 1
    try:
        child()
        code = 0
    except BaseException:  # noqa: BLE001  the process ends here, and must not unwind into the zygote's code
        sys.excepthook(*sys.exc_info())
    finally:
        os._exit(code)
