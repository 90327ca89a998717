"""Keeps frames and places of ours out of what Python itself writes of errors: ``traceback``, threads, ``__del__``."""

from __future__ import annotations

import sys
import threading
import traceback
from collections.abc import Iterator
from types import FrameType
from typing import Any

from untrusted.kernel.cell_source import CELL
from untrusted.kernel.tracebacks import without_places


def keep_places_out() -> None:
    """Change Python's module ``traceback``, and what tells of errors that nobody can catch, for this process."""
    write_frames, write_error = traceback.StackSummary.format, traceback.TracebackException.format_exception_only
    extract_stack = traceback.extract_stack

    def frames(self: traceback.StackSummary, **options: Any) -> list[str]:
        return [without_places(lines) for lines in write_frames(self, **options)]

    def error(self: traceback.TracebackException, *arguments: Any, **options: Any) -> Iterator[str]:
        return map(without_places, write_error(self, *arguments, **options))

    def stack(f: FrameType | None = None, limit: int | None = None) -> traceback.StackSummary:
        found = extract_stack(f or sys._getframe(1))
        first = next((at for at, entry in enumerate(found) if entry.filename.startswith(CELL)), 0)
        kept = found[first:]
        if limit is not None:
            kept = kept[-limit:] if limit > 0 else kept[:-limit]
        return traceback.StackSummary.from_list(kept)

    traceback.StackSummary.format = frames  # type: ignore[method-assign]
    traceback.TracebackException.format_exception_only = error  # type: ignore[method-assign, assignment]
    traceback.extract_stack = stack
    threading.excepthook = tell_of_thread
    sys.unraisablehook = tell_of_unraisable


def tell_of_thread(failed: Any) -> None:
    """Write the error that ended a thread, as Python does."""
    if failed.exc_type is SystemExit:
        return
    name = failed.thread.name if failed.thread is not None else threading.get_ident()
    _write(f"Exception in thread {name}:", failed)


def tell_of_unraisable(failed: Any) -> None:
    """Write an error that nothing can catch, as Python does: in ``__del__``, or in a callback of C."""
    _write(f"{failed.err_msg or 'Exception ignored in'}: {_shown(failed.object)}", failed)


def _write(words: str, failed: Any) -> None:
    print(words, file=sys.stderr)
    traceback.print_exception(failed.exc_type, failed.exc_value, failed.exc_traceback)


def _shown(value: object) -> str:
    try:
        return without_places(repr(value))
    except Exception:  # noqa: BLE001 - the reader's class may do anything there
        return f"<{type(value).__name__}>"
