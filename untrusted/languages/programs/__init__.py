"""Describes the languages whose cells a program of the host runs in sessions of Python, or that are only shown.

This file is read in the supervisor, too; the others of this folder are loaded by the first cell that needs them.
"""

from __future__ import annotations

from functools import partial

# What of the host each of them needs: the programs that Debian's packages of requirements/NAME.debian bring.
PROGRAMS = {
    "c": ("gcc",),
    "cpp": ("g++",),
    "bash": ("bash",),
    "javascript": ("node",),
    "octave": ("octave-cli",),
    "java": ("java", "javac"),
    "html": (),
    "markdown": (),
}


def speak(dialect: str, code: str) -> str:
    """Return the Python that runs a cell in a dialect; it leaves no name behind."""
    module = "untrusted.languages.programs.cells"
    return f"__import__({module!r}, fromlist=['run']).run({dialect!r}, {code!a})"


DIALECTS = {name: partial(speak, name) for name in PROGRAMS}
