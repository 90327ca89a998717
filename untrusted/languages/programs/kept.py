"""Keeps a program over the cells of a session: it gets one cell after another, and says when each has ended."""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

from IPython.display import Image, display

from untrusted.languages.programs.errors import ended, named, stopped
from untrusted.languages.programs.running import Program

HERE = Path(__file__).parent
# ``$1``: where cells come from, each with a zero behind it; ``$2``: where an object of JSON tells of its end.
BASH = """cells=$1 ends=$2; set --; shopt -s expand_aliases
while IFS= read -r -d '' -u "$cells" _code; do eval "$_code" {cells}<&- {ends}>&-; echo '{}' >&"$ends"; done"""
COMMANDS: dict[str, Callable[[str, str], list[str]]] = {
    "bash": lambda cells, ends: ["bash", "--norc", "-c", BASH, "cell", cells, ends],
    "javascript": lambda cells, ends: ["node", "--stack-trace-limit=50", str(HERE / "cells.js"), cells, ends],
    "octave": lambda cells, ends: [
        "octave-cli", "--quiet", "--no-history", "--no-init-file", "--no-site-file", str(HERE / "cells.m"), cells, ends,
    ],
}  # fmt: skip
LABELS = {"bash": "Bash", "javascript": "Node", "octave": "Octave"}


class Shown(str):
    """A value as the program writes it: IPython shows it without quotes."""

    __slots__ = ()

    def __repr__(self) -> str:
        return str(self)


class KeptProgram:
    """A program that runs cells, with the pipe for cells and the one for their ends."""

    def __init__(self, dialect: str) -> None:
        self._dialect, self._label = dialect, LABELS[dialect]
        cells, self._cells = os.pipe()
        self._ends, ends = os.pipe()
        try:
            self._program = Program(COMMANDS[dialect](str(cells), str(ends)), (cells, ends))
        finally:
            os.close(cells)
            os.close(ends)

    def run(self, code: str) -> Shown | None:
        """Run a cell; return its value. Raises ProgramError, KeyboardInterrupt; ``has_ended`` after some of them."""
        try:
            # A cell that is larger than the pipe is read at once: the program waits for it.
            with open(self._cells, "wb", closefd=False) as cells:
                cells.write(_framed(self._dialect, code))
            said = self._hear()
        except BrokenPipeError:
            said = b""
        except KeyboardInterrupt:
            self.close()
            raise stopped(f"{self._label} was stopped; what its variables held is gone") from None
        if not said:
            exit_code = self.close()
            if exit_code == 0:
                return None
            raise ended(exit_code, self._label)
        return self._conclude(said)

    @property
    def has_ended(self) -> bool:
        """Whether it is no more, so that the next cell needs another."""
        return self._program.process.poll() is not None

    def close(self) -> int:
        """End it; return its exit code."""
        exit_code = self._program.end()
        for descriptor in (self._cells, self._ends):
            os.close(descriptor)
        return exit_code

    def _hear(self) -> bytes:
        said = b""
        while not said.endswith(b"\n") and self._program.wait(self._ends):
            if not (piece := os.read(self._ends, 65536)):
                return b""
            said += piece
        return said if said.endswith(b"\n") else b""

    def _conclude(self, said: bytes) -> Shown | None:
        """Show the figures of a cell; return its value. Raises ProgramError.

        The cell may have written there as well: what is no such object says nothing.
        """
        end: object = None
        with suppress(ValueError):
            end = json.loads(said.splitlines()[-1])
        told = {key: value for key, value in end.items() if isinstance(value, str)} if isinstance(end, dict) else {}
        for name in filter(None, told.get("figures", "").split("\n")):
            with suppress(OSError, ValueError):
                display(Image(filename=name))
                os.unlink(name)
        if "error" in told:
            lines = told.get("traceback", "").split("\n")
            raise named(told["error"], told.get("sentence", ""), lines if any(lines) else [])
        return Shown(told["value"]) if "value" in told else None


def _framed(dialect: str, code: str) -> bytes:
    """Return a cell as the program reads it: Octave a line, the others to the zero."""
    if dialect == "octave":
        # Its fgetl looks at the character behind the line before it returns.
        return json.dumps(code, ensure_ascii=False).encode() + b"\n "
    return code.replace("\0", "").encode() + b"\0"


_kept: dict[str, KeptProgram] = {}


def run_kept(dialect: str, code: str) -> Shown | None:
    """Run a cell in the session's own program of a dialect; return its value. Raises ProgramError."""
    if dialect not in _kept:
        _kept[dialect] = KeptProgram(dialect)
    program = _kept[dialect]
    try:
        return program.run(code)
    finally:
        if program.has_ended:
            del _kept[dialect]
