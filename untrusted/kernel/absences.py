"""Says in words what no cell has, where an error or a program says it in numbers: a network, windows, LaTeX."""

from __future__ import annotations

import errno
import re
import shutil
import socket
import subprocess
import sys
from collections.abc import Iterator

NO_NETWORK = (
    "Cells have no network. Put the data into the code, or add it to the cell as a file and open it by its name."
)
NOTHING_TO_INSTALL = (
    "Cells have no network, so nothing can be installed here. "
    "Whoever runs this server can install a package that is missing."
)
NO_WINDOWS = (
    "There are no windows here, so tkinter and turtle cannot draw. Figures of matplotlib appear below the cell."
)
NO_LATEX = "There is no LaTeX here: matplotlib sets text and formulas by itself."
CHAIN_MAX = 20  # exceptions that led to exceptions
_NO_ROUTE = {errno.EAFNOSUPPORT, errno.ENETUNREACH, errno.ENETDOWN, errno.EHOSTUNREACH}
_WINDOW_MODULES = {"tkinter", "_tkinter", "turtle"}
_NO_DISPLAY = re.compile(r"no display name|connect to display|'headless' is currently running")
# Where a command begins, also one that a Python or another program runs as its module or option.
_BEGINNING = r"(?:^|[;&|(])\s*(?:sudo\s+)?(?:\S+\s+(?:-m\s*|-))?"
_INSTALLERS = re.compile(
    _BEGINNING + r"(?:pip[\d.]*|conda|mamba|apt|apt-get|npm|uv)\b.*\b(?:install|add|update|download)\b"
)
_FETCHERS = re.compile(_BEGINNING + r"(?:curl|wget|ping|ssh|scp|rsync|git\s+(?:clone|pull|push|fetch))\b")
_ADDRESS = re.compile(r"\b(?:https?|ftp|git|ssh)://")
_COMMAND_CHARS_MAX = 10_000


def absence(error: object) -> str | None:
    """Return the sentence on what an exception, or one that led to it, shows to be missing."""
    for exception in _chain(error):
        if isinstance(exception, socket.gaierror):
            return NO_NETWORK
        if isinstance(exception, OSError) and exception.errno in _NO_ROUTE:
            return NO_NETWORK
        if isinstance(exception, ImportError) and exception.name in _WINDOW_MODULES:
            return NO_WINDOWS
        if type(exception).__name__ in ("TclError", "ImportError") and _NO_DISPLAY.search(str(exception)):
            return NO_WINDOWS
        if isinstance(exception, subprocess.CalledProcessError):
            return absence_of_command(exception.cmd, exception.returncode)
    return None


def absence_of_command(command: object, exit_code: int) -> str | None:
    """Return the sentence on what a command, which ended with this code, can have missed."""
    words = command if isinstance(command, str) else " ".join(map(str, command if isinstance(command, list) else ()))
    text = words[:_COMMAND_CHARS_MAX]
    if exit_code and _INSTALLERS.search(text):
        return NOTHING_TO_INSTALL
    if _FETCHERS.search(text) and (exit_code or _ADDRESS.search(text)):
        return NO_NETWORK
    return None


def say_absence_of_command(command: object, exit_code: int) -> None:
    """Write on standard error what the command can have missed."""
    sentence = absence_of_command(command, exit_code)
    if sentence:
        print(sentence, file=sys.stderr)


def do_without_latex() -> None:
    """Have matplotlib set text by itself where it is told to use LaTeX, and say so once."""
    from matplotlib import RcParams

    if shutil.which("latex"):
        return
    validate = RcParams.validate["text.usetex"]
    said = False

    def refuse(value: object) -> bool:
        nonlocal said
        if validate(value) and not said:
            said = True
            print(NO_LATEX, file=sys.stderr)
        return False

    RcParams.validate["text.usetex"] = refuse


def _chain(error: object) -> Iterator[BaseException]:
    for _ in range(CHAIN_MAX):
        if not isinstance(error, BaseException):
            return
        yield error
        error = error.__cause__ or error.__context__
