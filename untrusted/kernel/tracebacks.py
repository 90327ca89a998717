"""Makes an ``error`` message of an exception: the reader's frames, none of ours, and of bearable length."""

from __future__ import annotations

import os
import sys
import sysconfig
import traceback
from pathlib import Path
from types import TracebackType

from untrusted.kernel.absences import absence
from untrusted.kernel.json_clean import Json, valid_text

OURS = str(Path(__file__).resolve().parent.parent) + "/"
# Where Python, its libraries and our code lie is the operator's business; what is in there is named from there on.
_OF_PYTHON = {sysconfig.get_path(name) for name in ("platlib", "purelib", "stdlib", "platstdlib")}
_OF_ENVIRONMENT = {sys.prefix} if sys.prefix != sys.base_prefix else set()
_NAMED = {str(place) for place in (*_OF_PYTHON, *_OF_ENVIRONMENT, Path(OURS).parent)}
# An environment may be known by a link to it, and name itself by either.
PLACES = sorted({f"{place}/" for place in (*_NAMED, *map(os.path.realpath, _NAMED))}, key=len, reverse=True)
FRAMES_MAX = 100  # formatting costs about a millisecond a frame
CHAIN_MAX = 20  # exceptions that led to exceptions
TRACEBACK_CHARS_MAX = 64 << 10
VALUE_CHARS_MAX = 16 << 10
NAME_CHARS_MAX = 200


def error_content(etype: type[BaseException], evalue: object, lines: object) -> dict[str, Json]:
    """Return the content of an ``error`` message; ``lines`` may be anything that the reader's class returned."""
    if not isinstance(lines, list):
        lines = [f"{etype.__name__}: {said(evalue)}"]
    texts = [valid_text(line) if isinstance(line, str) else f"<{type(line).__name__}>" for line in lines]
    value = said(evalue)
    if missing := _absence(evalue):
        value, texts = f"{value}\n{missing}", [*texts, missing]
    return {
        "ename": valid_text(etype.__name__[:NAME_CHARS_MAX]),
        "evalue": value,
        "traceback": _shortened([without_places(text) for text in texts]),
    }


def said(evalue: object) -> str:
    """Return ``str`` of an exception, whatever its class does in there."""
    try:
        text = valid_text(str(evalue))
    except (Exception, SystemExit):  # noqa: BLE001 - an exception may be of any class, with any methods
        return "<exception str() failed>"
    text = without_places(text)
    return text if len(text) <= VALUE_CHARS_MAX else text[:VALUE_CHARS_MAX] + " …"


def _absence(evalue: object) -> str | None:
    try:
        return absence(evalue)
    except (Exception, SystemExit):  # noqa: BLE001 - as above
        return None


def without_places(text: str) -> str:
    """Return a text without the directories that Python and its libraries lie in: ``matplotlib/pyplot.py`` is left."""
    for place in PLACES:
        text = text.replace(place, "")
    return text


def plain_lines(etype: type[BaseException], evalue: BaseException, tb: TracebackType | None) -> list[str]:
    """Return the traceback as Python itself writes it: for exception groups, and where IPython's writer fails."""
    try:
        # The first frame is the one in which IPython runs the cell.
        frames = tb.tb_next if tb is not None else None
        text = "".join(traceback.format_exception(etype, evalue, frames, limit=-FRAMES_MAX))
    except (Exception, SystemExit):  # noqa: BLE001 - as above
        text = f"{etype.__name__}: {said(evalue)}"
    return text.rstrip("\n").split("\n")


def trimmed(evalue: BaseException) -> int:
    """Take our frames, and the middle of a very deep stack, out of an exception and those behind it.

    Returns how many frames were taken out of the middle.
    """
    seen: set[int] = set()
    waiting: list[BaseException | None] = [evalue]
    left_out = 0
    while waiting and len(seen) < CHAIN_MAX:
        exception = waiting.pop()
        if exception is None or id(exception) in seen:
            continue
        seen.add(id(exception))
        exception.__traceback__, taken = _trimmed_frames(exception.__traceback__)
        left_out += taken
        waiting += [exception.__cause__, exception.__context__]
    for exception in waiting:
        if exception is not None and id(exception) not in seen:
            # A chain without end is cut: what is further back explains nothing any more.
            exception.__cause__ = exception.__context__ = None
    return left_out


def _trimmed_frames(tb: TracebackType | None) -> tuple[TracebackType | None, int]:
    frames = []
    while tb is not None:
        if not tb.tb_frame.f_code.co_filename.startswith(OURS):
            frames.append(tb)
        tb = tb.tb_next
    left_out = max(0, len(frames) - FRAMES_MAX)
    if left_out:
        del frames[FRAMES_MAX // 2 : FRAMES_MAX // 2 + left_out]
    if not frames:
        return None, 0
    for frame, following in zip(frames, [*frames[1:], None], strict=True):
        frame.tb_next = following
    return frames[0], left_out


def _shortened(lines: list[str]) -> list[Json]:
    total = sum(map(len, lines))
    if total <= TRACEBACK_CHARS_MAX:
        return list(lines)
    text = "\n".join(lines)
    half = TRACEBACK_CHARS_MAX // 2
    # The colour of the cut piece must not run on into the second half.
    return [text[:half] + "\x1b[0m", f"… {total - 2 * half} characters are left out here …", text[-half:]]
