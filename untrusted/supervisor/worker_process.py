"""Holds what a supervisor has of a worker: a channel, its init's pidfd, a control group, and its work directory."""

from __future__ import annotations

import os
import signal
import socket
from contextlib import suppress
from pathlib import Path

from untrusted.channel import SupervisorEnd
from untrusted.sandbox.limiter.group import Group
from untrusted.sandbox.plan import HOME
from untrusted.sandbox.release import release

_DIRECTORY = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC


class WorkerProcess:
    """A forked, locked-down process tree, made for one session and thrown away with it.

    ``interrupts``: a socket for one byte at each interrupt, where no signal reaches the worker: in a guest of gVisor.
    ``work_directory``: a file descriptor, from Ready on; it outlives the processes.
    """

    def __init__(
        self, channel: SupervisorEnd, pid: int, pidfd: int, group: Group, interrupts: socket.socket | None = None
    ) -> None:
        self.channel, self.pid, self.pidfd, self.group, self._interrupts = channel, pid, pidfd, group, interrupts
        self._worker_pid: int | None = None
        self._worker_pidfd: int | None = None
        self.work_directory: int | None = None

    def open_work_directory(self) -> None:
        """Note the worker, init's only child before any user code runs, and open its work directory.

        Raises ValueError, and LookupError when they have ended.
        """
        # The session cannot hand it over: descriptors on their way are counted for all sessions together, and one
        # session alone can take all that the limit of another allows.
        try:
            self._worker_pid = int(Path(f"/proc/{self.pid}/task/{self.pid}/children").read_text())
            self._worker_pidfd = os.pidfd_open(self._worker_pid)
            self.work_directory = os.open(f"/proc/{self.pid}/root{HOME}", _DIRECTORY)
            # While init is there its number was nobody else's.
            signal.pidfd_send_signal(self.pidfd, 0)
        except OSError as error:
            raise LookupError(f"it ended as soon as it was ready: {error}") from error

    def interrupt(self) -> None:
        """Raise KeyboardInterrupt in the worker, and in the programs that it waits for: its process group."""
        if self._interrupts is not None:
            # User code can keep a guest from taking it, as it can ignore a signal: the grace period ends both.
            with suppress(OSError):
                self._interrupts.send(b"i", socket.MSG_DONTWAIT)
            return
        # Init cannot pass it on: it stands still in the kernel (sandbox/init.py). While the worker is there its number
        # belongs to nobody else; user code can have init outlive it.
        if self._worker_pid is not None and self._worker_pidfd is not None:
            with suppress(ProcessLookupError):
                signal.pidfd_send_signal(self._worker_pidfd, 0)
                os.killpg(self._worker_pid, signal.SIGINT)

    def kill(self) -> None:
        """Kill every process of the session: init is the first of its pid namespace, which dies with it."""
        with suppress(ProcessLookupError):
            signal.pidfd_send_signal(self.pidfd, signal.SIGKILL)

    def sweep(self) -> None:
        """Kill what init has left when it is dead: nothing, unless the session has no pid namespace."""
        self.group.kill()

    def close(self) -> None:
        """Give back what the dead session held."""
        self.channel.close()
        os.close(self.pidfd)
        if self._interrupts is not None:
            self._interrupts.close()
        if self._worker_pidfd is not None:
            os.close(self._worker_pidfd)
        if self.work_directory is not None:
            release(self.work_directory)
        self.group.close()
