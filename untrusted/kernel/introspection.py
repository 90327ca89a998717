"""Completes and inspects code in the live namespace."""

from __future__ import annotations

import re
from tokenize import TokenError

from IPython.core.completer import Completion, provisionalcompleter, rectify_completions
from IPython.core.interactiveshell import InteractiveShell
from IPython.utils.tokenutil import token_at_cursor

from untrusted.kernel.json_clean import Json, clean_bundle, clean_object, valid_text

MATCHES_MAX = 1000
# Beyond these it takes seconds (a line of 60,000 letters 12 s) or, nested far deeper, the worker dies of it.
LINE_CHARS_MAX = 2000  # of the line with the cursor
BRACKETS_DEPTH_MAX = 100
_BRACKETS = re.compile(r"[()\[\]{}]")


def is_too_much(code: str, cursor_pos: int) -> bool:
    """Return whether the cursor's line or the depth of brackets is such as nobody writes: it is not looked into."""
    line_ends = code.find("\n", cursor_pos)
    line_chars = (len(code) if line_ends < 0 else line_ends) - code.rfind("\n", 0, cursor_pos)
    if line_chars > LINE_CHARS_MAX:
        return True
    depth = 0
    for bracket in _BRACKETS.findall(code):
        depth = depth + 1 if bracket in "([{" else max(0, depth - 1)
        if depth > BRACKETS_DEPTH_MAX:
            return True
    return False


def complete(shell: InteractiveShell, code: str, cursor_pos: int) -> dict[str, Json]:
    """Return the content of a ``complete_reply``. Positions count code points."""
    cursor_pos = min(max(cursor_pos, 0), len(code))
    found: list[Completion] = []
    if not is_too_much(code, cursor_pos):
        with provisionalcompleter():
            found = list(rectify_completions(code, shell.Completer.completions(code, cursor_pos)))[:MATCHES_MAX]
    start, end = (found[0].start, found[0].end) if found else (cursor_pos, cursor_pos)
    typed = [
        {
            "start": item.start,
            "end": item.end,
            "text": valid_text(item.text),
            "type": item.type or "",
            "signature": valid_text(item.signature or ""),
        }
        for item in found
    ]
    return {
        "status": "ok",
        "matches": [item["text"] for item in typed],
        "cursor_start": start,
        "cursor_end": end,
        "metadata": {"_jupyter_types_experimental": typed},
    }


def inspect(shell: InteractiveShell, code: str, cursor_pos: int, detail_level: int) -> dict[str, Json]:
    """Return the content of an ``inspect_reply``. Positions count code points; ``detail_level`` 1 adds the source."""
    content: dict[str, Json] = {"status": "ok", "found": False, "data": {}, "metadata": {}}
    cursor_pos = min(max(cursor_pos, 0), len(code))
    if is_too_much(code, cursor_pos):
        return content
    try:
        name = token_at_cursor(code, cursor_pos)
        bundle = shell.object_inspect_mime(name, detail_level=1 if detail_level else 0)
    except (KeyError, SyntaxError, ValueError, TokenError):
        # No such name; or code that Python's tokenizer cannot cut, which half-written code may be.
        return content
    fit, _complaints = clean_bundle(bundle)
    return {**content, "found": True, "data": clean_object(fit)}
