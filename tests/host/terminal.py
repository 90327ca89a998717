"""Run a program in a terminal."""

from __future__ import annotations

import fcntl
import os
import pty
import select
import struct
import subprocess
import sys
import termios
import time
from collections.abc import Callable, Mapping, Sequence

from harness.processes import tied
from harness.server import ROOT, START_S

COLUMNS = 80
# The terminal becomes that of a session of its own, as Ctrl-C needs it.
IN_SESSION = (
    "import fcntl, os, sys, termios; os.setsid(); fcntl.ioctl(0, termios.TIOCSCTTY, 0); "
    "os.execvp(sys.argv[1], sys.argv[1:])"
)


def on_terminal(
    argv: Sequence[str], env: Mapping[str, str] | None, until: str, then: Callable[[], object] = lambda: None,
    watch: Callable[[str], object] = lambda _screen: None,
) -> str:  # fmt: skip
    """Run a program in a terminal until it says something; do a thing, then press Ctrl-C; return all that it wrote.

    ``watch`` gets what it has written so far whenever there is more.
    """
    ours, theirs = pty.openpty()
    fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", 24, COLUMNS, 0, 0))
    screen, deadline, pressed = b"", time.monotonic() + START_S, False
    command = tied([sys.executable, "-c", IN_SESSION, *argv])
    with subprocess.Popen(command, env=env, cwd=ROOT, stdin=theirs, stdout=theirs, stderr=theirs) as process:
        os.close(theirs)
        try:
            while True:
                assert time.monotonic() < deadline, screen.decode()
                if select.select([ours], [], [], 0.1)[0]:
                    try:
                        screen += os.read(ours, 1 << 16)
                    except OSError:  # nobody has the other end any more
                        break
                    watch(screen.decode(errors="replace"))
                if until.encode() in screen and not pressed:
                    then()
                    pressed = bool(os.write(ours, b"\x03"))
            assert pressed, screen.decode()
        finally:
            process.terminate()
            os.close(ours)
    return screen.decode()
