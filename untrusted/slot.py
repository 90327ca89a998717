"""One worker as its supervisor sees it: a channel, a pidfd, a control group and, when ready, its work directory."""

from __future__ import annotations

import os
import signal
from contextlib import suppress

from untrusted.channel import SupervisorEnd
from untrusted.sandbox.limiter import Group


class Slot:
    """A forked, locked-down process tree; made for one session and thrown away with it."""

    def __init__(self, channel: SupervisorEnd, pid: int, pidfd: int, group: Group) -> None:
        self.channel, self.pid, self.pidfd, self.group = channel, pid, pidfd, group
        self.ready = False

    @property
    def work_directory(self) -> int | None:
        """File descriptor of the work directory; it outlives the processes."""
        return self.channel.descriptors[0] if self.channel.descriptors else None

    def interrupt(self) -> None:
        """Raise KeyboardInterrupt: the session's init passes the signal on to the worker's process group."""
        with suppress(ProcessLookupError):
            signal.pidfd_send_signal(self.pidfd, signal.SIGINT)

    def kill(self) -> None:
        """Kill every process of the session: init is first of its pid namespace, which dies with it."""
        with suppress(ProcessLookupError):
            signal.pidfd_send_signal(self.pidfd, signal.SIGKILL)
        self.group.kill()

    def close(self) -> None:
        """Give back what the dead session held."""
        self.channel.close()
        os.close(self.pidfd)
        self.group.close()
