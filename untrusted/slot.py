"""One worker as its supervisor sees it: a channel, its init's pidfd, a control group, and its work directory."""

from __future__ import annotations

import os
import signal
from contextlib import suppress
from pathlib import Path

from untrusted.channel import SupervisorEnd
from untrusted.sandbox.limiter import Group


class Slot:
    """A forked, locked-down process tree; made for one session and thrown away with it."""

    def __init__(self, channel: SupervisorEnd, pid: int, pidfd: int, group: Group) -> None:
        self.channel, self.pid, self.pidfd, self.group = channel, pid, pidfd, group
        self._worker: int | None = None

    def ready(self) -> None:
        """Note the worker, which is the only child that init has before any user code runs. Raises ValueError."""
        self._worker = int(Path(f"/proc/{self.pid}/task/{self.pid}/children").read_text())

    @property
    def work_directory(self) -> int | None:
        """File descriptor of the work directory; it outlives the processes."""
        return self.channel.descriptors[0] if self.channel.descriptors else None

    def interrupt(self) -> None:
        """Raise KeyboardInterrupt in the worker, and in the programs that it waits for: its process group."""
        # Init cannot pass it on: it stands still in the kernel (sandbox/init.py). It dies with the worker, so while it
        # lives the worker's number belongs to nobody else.
        with suppress(ProcessLookupError):
            signal.pidfd_send_signal(self.pidfd, 0)
            if self._worker is not None:
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
        self.group.close()
