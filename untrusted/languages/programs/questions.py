"""Notices that a program waits for a line of its standard input, and asks the reader for it."""

from __future__ import annotations

import os
import platform
import sys
from collections.abc import Iterator
from contextlib import suppress

from IPython.core.error import StdinNotImplementedError

# The call ``read``, as /proc/PID/syscall numbers it.
READ = {"x86_64": "0", "aarch64": "63"}.get(platform.machine(), "")


class Questions:
    """The pipe behind a program's standard input.

    A process that waits in ``read(0)`` for this pipe gets a line that the reader is asked for. Where the kernel does
    not tell of that, and where nobody can be asked, the pipe is at its end.
    """

    def __init__(self, group: int, write_end: int) -> None:
        self._group, self._write_end = group, write_end
        self._pipe = f"pipe:[{os.fstat(write_end).st_ino}]"
        if not READ or not os.access(f"/proc/{group}/syscall", os.R_OK):
            self.close()

    def ask(self) -> bool:
        """Ask for a line if one is waited for; return whether it was. Raises KeyboardInterrupt."""
        if self._write_end < 0 or not any(map(self._waits, self._processes())):
            return False
        try:
            line = sys.stdin.readline()
        except StdinNotImplementedError:
            line = ""
        if not line:
            self.close()
            return False
        with suppress(BrokenPipeError):
            os.write(self._write_end, line.encode())
        return True

    def close(self) -> None:
        """Let the standard input be at its end."""
        if self._write_end >= 0:
            os.close(self._write_end)
            self._write_end = -1

    def _processes(self) -> Iterator[int]:
        """Yield the processes of the program's session."""
        for name in os.listdir("/proc"):
            if name.isdecimal():
                with suppress(OSError):
                    if os.getsid(int(name)) == self._group:
                        yield int(name)

    def _waits(self, pid: int) -> bool:
        """Return whether a thread of a process reads from this pipe, and there is nothing."""
        with suppress(OSError):
            if os.readlink(f"/proc/{pid}/fd/0") != self._pipe:
                return False
            for thread in os.listdir(f"/proc/{pid}/task"):
                with open(f"/proc/{pid}/task/{thread}/syscall") as file:
                    if file.read().split()[:2] == [READ, "0x0"]:
                        return True
        return False
