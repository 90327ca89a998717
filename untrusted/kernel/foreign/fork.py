"""Runs a kernel in a fork of this process, in which it is loaded and warm."""

from __future__ import annotations

import os
import resource
import signal
import sys
from collections.abc import Callable, Mapping
from typing import BinaryIO, NoReturn

from untrusted.sandbox import die_with_parent

EXIT_FAILED = 1


class KernelFork:
    """A fork that runs a kernel. It has of a ``Popen`` what is asked of one: ``pid``, ``stdout``, ``stderr``."""

    def __init__(self, run: Callable[[], object], environment: Mapping[str, str]) -> None:
        (out, to_out), (err, to_err) = os.pipe(), os.pipe()
        self._code: int | None = None
        self.pid = os.fork()
        if self.pid == 0:
            _be_kernel(run, environment, to_out, to_err)
        os.close(to_out)
        os.close(to_err)
        self.stdout: BinaryIO = os.fdopen(out, "rb", buffering=0)
        self.stderr: BinaryIO = os.fdopen(err, "rb", buffering=0)

    def poll(self) -> int | None:
        """Return how it ended, None while it runs."""
        return self._ask(os.WNOHANG)

    def wait(self) -> int | None:
        """Return how it ended, when it has."""
        return self._ask(0)

    def _ask(self, how: int) -> int | None:
        if self._code is None:
            try:
                pid, status = os.waitpid(self.pid, how)
            except ChildProcessError:  # a signal's handler has asked in between, or nobody wants to know
                self._code = EXIT_FAILED if self._code is None else self._code
            else:
                if pid:
                    self._code = os.waitstatus_to_exitcode(status)
        return self._code


def become_kernel() -> None:
    """Be a process of its own kind, that hears signals as a program does and never outlives the worker."""
    signal.pthread_sigmask(signal.SIG_SETMASK, set())
    for number in (signal.SIGINT, signal.SIGCHLD, signal.SIGPIPE):
        signal.signal(number, signal.SIG_DFL)
    die_with_parent(signal.SIGKILL)


def _be_kernel(run: Callable[[], object], environment: Mapping[str, str], out: int, err: int) -> NoReturn:
    code = EXIT_FAILED
    try:
        os.setsid()
        signal.set_wakeup_fd(-1)
        become_kernel()
        for theirs, ours in ((os.open(os.devnull, os.O_RDONLY), 0), (out, 1), (err, 2)):
            os.dup2(theirs, ours)
        # The worker's channel is no business of code that runs here.
        os.closerange(3, resource.getrlimit(resource.RLIMIT_NOFILE)[0])
        os.environ.update(environment)
        run()
        code = 0
    except BaseException:  # noqa: BLE001  the process ends here, and must not unwind into the worker's code
        sys.excepthook(*sys.exc_info())
    finally:
        os._exit(code)
