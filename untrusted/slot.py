"""One worker as its supervisor sees it: a channel, its init's pidfd, a control group, and its work directory."""

from __future__ import annotations

import os
import signal
from contextlib import suppress
from pathlib import Path

from untrusted.channel import SupervisorEnd
from untrusted.sandbox.limiter import Group
from untrusted.sandbox.plan import HOME

_DIRECTORY = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC


class Slot:
    """A forked, locked-down process tree; made for one session and thrown away with it."""

    def __init__(self, channel: SupervisorEnd, pid: int, pidfd: int, group: Group) -> None:
        self.channel, self.pid, self.pidfd, self.group = channel, pid, pidfd, group
        self._worker: int | None = None
        self._worker_pidfd = -1

    def ready(self) -> None:
        """Note the worker, init's only child before any user code runs, and open its work directory.

        Raises ValueError, and LookupError when they have ended.
        """
        # The session cannot hand it over: descriptors on their way are counted for all sessions together, and one
        # session alone can take all that the limit of another allows.
        try:
            self._worker = int(Path(f"/proc/{self.pid}/task/{self.pid}/children").read_text())
            self._worker_pidfd = os.pidfd_open(self._worker)
            self.channel.descriptors = [os.open(f"/proc/{self.pid}/root{HOME}", _DIRECTORY)]
        except OSError as error:
            raise LookupError(f"it ended when it was ready: {error}") from error

    @property
    def work_directory(self) -> int | None:
        """File descriptor of the work directory; it outlives the processes."""
        return self.channel.descriptors[0] if self.channel.descriptors else None

    def interrupt(self) -> None:
        """Raise KeyboardInterrupt in the worker, and in the programs that it waits for: its process group."""
        # Init cannot pass it on: it stands still in the kernel (sandbox/init.py). While the worker is there its number
        # belongs to nobody else; user code can have init outlive it.
        if self._worker is not None:
            with suppress(ProcessLookupError):
                signal.pidfd_send_signal(self._worker_pidfd, 0)
                os.killpg(self._worker, signal.SIGINT)

    def kill(self) -> None:
        """Kill every process of the session: init is the first of its pid namespace, which dies with it."""
        with suppress(ProcessLookupError):
            signal.pidfd_send_signal(self.pidfd, signal.SIGKILL)
        self.group.kill()

    def close(self) -> None:
        """Give back what the dead session held."""
        self.channel.close()
        os.close(self.pidfd)
        if self._worker_pidfd >= 0:
            os.close(self._worker_pidfd)
        self.group.close()
