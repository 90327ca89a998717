"""Runs cells in the languages of the programs that Sage speaks with."""

from __future__ import annotations

import importlib
import re
from collections.abc import Callable

_STRING_OR_COMMENT = r'"(?:\\.|[^"\\])*"|/\*.*?\*/|'
_OF_GP = re.compile(_STRING_OR_COMMENT + r"\\\\[^\n]*|[{}\n]", re.DOTALL)
_OF_MAXIMA = re.compile(_STRING_OR_COMMENT + r"[;$\n]", re.DOTALL)
_OF_SINGULAR = re.compile(_STRING_OR_COMMENT + r"//[^\n]*|\n", re.DOTALL)


def lines_of_gp(code: str) -> str:
    """Return the code with a line for each statement, as Sage hands it over: what stands in braces is one line."""
    depth = 0

    def changed(match: re.Match[str]) -> str:
        nonlocal depth
        token = match[0]
        depth += (token == "{") - (token == "}")
        if token == "\n":
            return " " if depth > 0 else token
        return token if token.startswith('"') else ""

    return _OF_GP.sub(changed, code)


def lines_of_maxima(code: str) -> str:
    """Return the code with a line for each statement, as Sage hands it over: they end with a semicolon or a dollar."""

    def changed(match: re.Match[str]) -> str:
        token = match[0]
        if token in ";$":
            return f"{token}\n"
        return token if token.startswith('"') else " "

    lines = (line.strip() for line in _OF_MAXIMA.sub(changed, code).split("\n"))
    return "\n".join(filter(None, lines))


def lines_of_singular(code: str) -> str:
    """Return the code as one line: Sage waits for a prompt after each, which comes only after a whole statement."""
    return _OF_SINGULAR.sub(lambda match: match[0] if match[0].startswith('"') else " ", code)


def as_it_is(code: str) -> str:
    """Return the code."""
    return code


PREPARE: dict[str, Callable[[str], str]] = {
    "gap": as_it_is, "gp": lines_of_gp, "maxima": lines_of_maxima, "singular": lines_of_singular,
}  # fmt: skip


def run(dialect: str, code: str) -> None:
    """Run a cell and print what the program says to it.

    What it raises is shown without a traceback: the program has said in words what was wrong, and where.
    """
    try:
        # Not before there is a session: some of these modules note where its settings lie.
        program = getattr(importlib.import_module(f"sage.interfaces.{dialect}"), dialect)
        if text := program.eval(PREPARE[dialect](code)).strip("\n"):
            print(re.sub(r"\n{2,}", "\n", text) if dialect == "maxima" else text)
    except BaseException as error:
        said = str(error).replace("\r", "").strip()
        words = f"{type(error).__name__}: {said}" if said else type(error).__name__
        error._render_traceback_ = lambda: [words]  # type: ignore[attr-defined]
        raise
