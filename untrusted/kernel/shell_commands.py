"""Runs ``!command`` and ``os.system``: output comes through the file descriptors, and an interrupt ends them."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
from contextlib import suppress

SHELL = shutil.which("bash") or "/bin/sh"
_os_system = os.system
INTERRUPTED_S = 0.5  # for a program that wants to clean up


def run_shell(command: str) -> int:
    """Run a command and return its exit code, negative for a signal. Raises KeyboardInterrupt, the command ended."""
    # A group of its own, so that an interrupt reaches what the shell has started as well.
    process = subprocess.Popen([SHELL, "-c", command], start_new_session=True)
    try:
        return process.wait()
    except KeyboardInterrupt:
        _end(process)
        raise


def os_system(command: str) -> int:
    """Stand in for ``os.system``, which is deaf to interrupts. Raises KeyboardInterrupt when one ended the command."""
    status = _os_system(command)
    if os.waitstatus_to_exitcode(status) in (-signal.SIGINT, 128 + signal.SIGINT):
        raise KeyboardInterrupt
    return status


def _end(process: subprocess.Popen) -> None:
    for number in (signal.SIGINT, signal.SIGKILL):
        with suppress(ProcessLookupError):
            os.killpg(process.pid, number)
        with suppress(subprocess.TimeoutExpired):
            process.wait(INTERRUPTED_S)
            return
