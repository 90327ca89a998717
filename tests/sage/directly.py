"""Runs cells with the programs that Sage's environment brings, without Sage and without any part of the server."""

from __future__ import annotations

import subprocess
from collections.abc import Sequence

from harness.languages import language_python

MARK = "--- the next cell ---"
# Sage's packages keep these programs beside themselves, and tell the variables that those need.
_START = """
import os, sage.env, sys, sysconfig
os.environ["PATH"] = f"{sysconfig.get_path('platlib')}/sage_wheels/bin:{sys.prefix}/bin:{os.environ['PATH']}"
os.execvp(sys.argv[1], sys.argv[1:])
"""
_ROOTS = "import sage.env; print(sage.env.GAP_ROOT_PATHS, end='')"
# The program, and how it prints the mark.
COMMANDS = {
    "gap": (["gap", "-r", "-q", "-b", "-x", "200"], f'Print("{MARK}\\n");\n'),
    "gp": (["gp", "-q", "-f"], f'print("{MARK}")\n'),
    "maxima": (["maxima", "--very-quiet"], f'print("{MARK}")$\n'),
    "singular": (["Singular", "-q"], f'print("{MARK}");\n'),
}
BEFORE = {"maxima": "display2d: false$\n"}


def run_directly(language: str, cells: Sequence[str]) -> list[str]:
    """Return what the program of a language says to each of these cells, one after another."""
    command, mark = COMMANDS[language]
    python = str(language_python("sage"))
    if language == "gap":
        command = [*command, "-l", subprocess.check_output([python, "-c", _ROOTS], text=True)]
    text = BEFORE.get(language, "") + "".join(f"{mark}{cell}\n" for cell in cells)
    said = subprocess.run(
        [python, "-c", _START, *command], input=text, capture_output=True, text=True, timeout=60, check=True
    ).stdout
    return said.split(MARK)[1:]
