"""Shows a cell as it was written, where IPython or a language has made other Python of it before it ran."""

from __future__ import annotations

import linecache
import re
from collections.abc import Iterator
from difflib import SequenceMatcher
from types import CodeType, TracebackType
from typing import Any

from IPython.core.compilerop import CachingCompiler
from stack_data import Source

CELL = "Cell In["  # how the name of a cell's code begins
LINE_CHARS_MAX = 2000  # finding a column costs the square of it
_IN_NUMBER = re.compile(r"invalid (?:\w+ )*literal")
_SIGN = re.compile(r"[^\x00-\x7f\w]")
CLEANED_UP = ["%%", " ", "\t", ">>>", "In ["]  # beginnings of cells; a language adds its own prompt


class CellCompiler(CachingCompiler):
    """The compiler that names code by its cell, so that Python's own tracebacks and warnings name it too.

    They show it as it was written, where each line has become one line.
    """

    def __init__(self) -> None:
        super().__init__()
        self._made: dict[str, list[str]] = {}  # of which lines Python was made that differs: what was made
        self.cell_name = ""  # of the cell that runs
        self._last_expression: CodeType | None = None

    def __call__(self, source: Any, filename: str, symbol: str) -> CodeType:
        """Return the code of a statement, and remember that of the cell's last expression."""
        code: CodeType = super().__call__(source, filename, symbol)
        if symbol == "single" and filename == self.cell_name:
            self._last_expression = code
        return code

    def is_last_expression(self, code: CodeType) -> bool:
        """Return whether this is the code of the expression whose value a cell shows, with nothing behind it."""
        return code is self._last_expression

    def get_code_name(self, raw_code: str, transformed_code: str, number: int) -> str:
        """Return ``Cell In[3]``; for code that a cell runs under the number of another, IPython's longer name."""
        name = f"{CELL}{number}]"
        return name if name not in linecache.cache else super().get_code_name(raw_code, transformed_code, number)

    def cache(self, transformed_code: str, number: int = 0, raw_code: str | None = None) -> str:
        """Let tracebacks find the lines; return the name under which they do."""
        name = super().cache(transformed_code, number, raw_code)
        made, written = transformed_code.rstrip().split("\n"), (raw_code or transformed_code).rstrip().split("\n")
        if made != written and len(made) == len(written):
            self._made[name] = made
            linecache.cache[name] = (len(transformed_code), None, [f"{line}\n" for line in written], name)
        return name

    def relocate(self, error: SyntaxError) -> None:
        """Let the error point at the column that the reader sees."""
        made = self._made.get(error.filename or "")
        if made is None or not error.lineno or not error.offset or error.lineno > len(made):
            return
        line = linecache.getline(error.filename or "", error.lineno).rstrip("\n")
        error.text = line
        error.offset = _column(made[error.lineno - 1], line, error.offset - 1) + 1
        error.end_lineno = error.end_offset = None

    def name_sign(self, error: SyntaxError) -> None:
        """Let an error of a number that goes on with a sign name that sign and its place, as Python does elsewhere."""
        if not _IN_NUMBER.fullmatch(error.msg or "") or not error.text or not error.offset:
            return
        sign = _SIGN.search(error.text, error.offset - 1)
        if sign is not None:
            number = f"U+{ord(sign[0]):04X}"
            named = f"character '{sign[0]}' ({number})"
            error.msg = f"invalid {named if sign[0].isprintable() else f'non-printable character {number}'}"
            error.offset = sign.start() + 1
            error.end_lineno = error.end_offset = None

    def unmark(self, tb: TracebackType | None) -> None:
        """Keep the frames' columns, which are those of what was made, from being marked in what was written."""
        for name in {frame.f_code.co_filename for frame in _frames(tb)} & self._made.keys():
            Source.for_filename(name).tree = None


def leading_lines(lines: list[str]) -> list[str]:
    """Keep empty lines at the beginning, for the sake of line numbers, where no other transformation minds them."""
    first = next((at for at, line in enumerate(lines) if line.strip()), 0)
    return lines[first:] if lines[first:] and lines[first].startswith(tuple(CLEANED_UP)) else lines


def _column(made: str, written: str, column: int) -> int:
    if len(made) > LINE_CHARS_MAX:
        return 0
    for kind, first, end, place, _ in SequenceMatcher(None, made, written, autojunk=False).get_opcodes():
        if column < end:
            return place + (column - first if kind == "equal" else 0)
    return len(written)


def _frames(tb: TracebackType | None) -> Iterator:
    while tb is not None:
        yield tb.tb_frame
        tb = tb.tb_next
