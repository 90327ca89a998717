"""Runs ``!command``, ``%pip`` and ``os.system``: output comes through the descriptors, and an interrupt ends them."""

from __future__ import annotations

import os
import shlex
import shutil
import signal
import subprocess
import sys
from contextlib import suppress
from typing import Any

from IPython.display import clear_output

from untrusted.kernel.absences import NOTHING_TO_INSTALL, say_absence_of_command

SHELL = shutil.which("bash") or "/bin/sh"
_os_system = os.system
# What empties the screen of a terminal, in words of Unix and of Windows.
CLEARING = {"clear", "cls", "reset", "tput clear"}
OTHER_INSTALLERS = ("conda", "mamba", "micromamba", "uv")  # magics of IPython that no environment of ours has
INTERRUPTED_S = 0.5  # for a program that wants to clean up


def run_shell(command: str) -> int:
    """Run a command and return its exit code, negative for a signal. Raises KeyboardInterrupt, the command ended."""
    if _clears(command):
        return 0
    # A group of its own, so that an interrupt reaches what the shell has started as well.
    process = subprocess.Popen([SHELL, "-c", command], start_new_session=True)
    try:
        exit_code = process.wait()
    except KeyboardInterrupt:
        _end(process)
        raise
    say_absence_of_command(command, exit_code)
    return exit_code


def os_system(command: str) -> int:
    """Stand in for ``os.system``, which is deaf to interrupts. Raises KeyboardInterrupt when one ended the command."""
    if _clears(command):
        return 0
    status = _os_system(command)
    exit_code = os.waitstatus_to_exitcode(status)
    if exit_code in (-signal.SIGINT, 128 + signal.SIGINT):
        raise KeyboardInterrupt
    say_absence_of_command(command, exit_code)
    return status


def add_installers(shell: Any) -> None:
    """Give a shell the magics ``%pip``, for what is installed, and those that say that there is nothing to install."""

    def pip(line: str) -> None:
        shell.system(f"{shlex.quote(sys.executable)} -m pip {line}")

    def nothing(_line: str) -> None:
        print(NOTHING_TO_INSTALL, file=sys.stderr)

    shell.register_magic_function(pip, "line", "pip")
    for name in OTHER_INSTALLERS:
        shell.register_magic_function(nothing, "line", name)


def _clears(command: object) -> bool:
    """Empty the output where a command would empty a terminal; return whether it would."""
    clears = isinstance(command, str) and command.strip() in CLEARING
    if clears:
        clear_output()
    return clears


def _end(process: subprocess.Popen) -> None:
    for number in (signal.SIGINT, signal.SIGKILL):
        with suppress(ProcessLookupError):
            os.killpg(process.pid, number)
        with suppress(subprocess.TimeoutExpired):
            process.wait(INTERRUPTED_S)
            return
