"""Runs the cells of these languages, each as its own program wants it."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from functools import partial

from IPython.display import Markdown, display

from untrusted.languages.programs import PROGRAMS
from untrusted.languages.programs.compiled import CPP, C, run_c, run_java
from untrusted.languages.programs.errors import ProgramError
from untrusted.languages.programs.kept import run_kept


def show_html(code: str) -> None:
    """Show a piece of HTML, or a whole document; the page sets its formulas."""
    display({"text/html": code, "text/plain": code}, raw=True)


def show_markdown(code: str) -> None:
    """Show a text in Markdown."""
    display(Markdown(code))


RUN: dict[str, Callable[[str], object]] = {
    "c": partial(run_c, compiler=C, file_name="cell.c"),
    "cpp": partial(run_c, compiler=CPP, file_name="cell.cpp"),
    "java": run_java,
    "html": show_html,
    "markdown": show_markdown,
    "bash": partial(run_kept, "bash"),
    "javascript": partial(run_kept, "javascript"),
    "octave": partial(run_kept, "octave"),
}


def run(dialect: str, code: str) -> object:
    """Run a cell; return its value, None where it has none. Raises ProgramError, KeyboardInterrupt."""
    for program in PROGRAMS[dialect]:
        if shutil.which(program) is None:
            raise ProgramError(f"{program} is no longer installed on this server")
    return RUN[dialect](code)
