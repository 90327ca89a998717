"""Makes debuggers show a cell under its name, its frames and those that it called, and no place of ours."""

from __future__ import annotations

import bdb
import pdb
from collections.abc import Callable
from types import FrameType, TracebackType
from typing import Any

from IPython.core.debugger import Pdb

from untrusted.kernel.cell_source import CELL
from untrusted.kernel.tracebacks import without_places

Stack = list[tuple[FrameType, int]]


def show_cells_in_debuggers() -> None:
    """Change Python's debugger, and IPython's, for this process."""
    canonic, get_stack = bdb.Bdb.canonic, bdb.Bdb.get_stack

    def name(self: bdb.Bdb, filename: str) -> str:
        # Else it is taken for a file of the directory that the cell is in.
        return filename if filename.startswith(CELL) else canonic(self, filename)

    def frames(self: bdb.Bdb, frame: FrameType | None, tb: TracebackType | None) -> tuple[Stack, int]:
        stack, current = get_stack(self, frame, tb)
        first = next((at for at, entry in enumerate(stack) if entry[0].f_code.co_filename.startswith(CELL)), 0)
        return stack[first:], max(0, current - first)

    bdb.Bdb.canonic, bdb.Bdb.get_stack = name, frames  # type: ignore[method-assign, assignment]
    for debugger in (bdb.Bdb, Pdb):
        debugger.format_stack_entry = _shortened(debugger.format_stack_entry)  # type: ignore[method-assign]
    bdb.Breakpoint.bpformat = _shortened(bdb.Breakpoint.bpformat)  # type: ignore[method-assign]
    for word in ("message", "error"):
        setattr(pdb.Pdb, word, _shortening(getattr(pdb.Pdb, word)))


def _shortened(write: Callable[..., str]) -> Callable[..., str]:
    def shortened(*arguments: Any, **options: Any) -> str:
        return without_places(write(*arguments, **options))

    return shortened


def _shortening(write: Callable[[pdb.Pdb, str], None]) -> Callable[[pdb.Pdb, str], None]:
    def shortening(self: pdb.Pdb, text: str) -> None:
        write(self, without_places(text))

    return shortening
