"""Completes and inspects code: in the live namespace, and with the names that the code itself makes."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from tokenize import TokenError
from typing import Any

from IPython.core.completer import Completion, provisionalcompleter, rectify_completions
from IPython.core.interactiveshell import InteractiveShell
from IPython.utils.tokenutil import token_at_cursor

from untrusted.kernel.code_names import FILE, names_in
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
        with provisionalcompleter(), known(shell, namespace_for(shell, code, cursor_pos)):
            found = completions(shell, code, cursor_pos)
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


def completions(shell: InteractiveShell, code: str, cursor_pos: int) -> list[Completion]:
    """Return the completions at the cursor."""
    found = list(rectify_completions(code, shell.Completer.completions(code, cursor_pos)))[:MATCHES_MAX]
    start = code.rfind("\n", 0, cursor_pos) + 1
    if found or not start:
        return found
    # IPython gives up where it cannot tell what the lines before do; what they are known to do is in the namespace.
    line = rectify_completions(code[start:], shell.Completer.completions(code[start:], cursor_pos - start))
    shifted = [
        Completion(one.start + start, one.end + start, one.text, type=one.type, signature=one.signature) for one in line
    ]
    return shifted[:MATCHES_MAX]


def namespace_for(shell: InteractiveShell, code: str, cursor_pos: int) -> dict[str, Any]:
    """Return all names that stand at the cursor: the language's, those of the code, those that are alive."""
    hidden = shell.user_ns_hidden
    alive = {name: value for name, value in shell.user_ns.items() if hidden.get(name, hidden) is not value}
    start = code.rfind("\n", 0, cursor_pos) + 1
    before, here = code[:start], code[start:cursor_pos]
    with suppress(Exception):  # half-written code is not always to be transformed
        before = shell.transform_cell(before)
    made = names_in(before, here[: len(here) - len(here.lstrip())], shell.user_ns)
    return {**shell.user_ns, **made, **alive}


@contextmanager
def known(shell: InteractiveShell, namespace: dict[str, Any]) -> Iterator[None]:
    """Have IPython's completer know a namespace for a while."""
    completer = shell.Completer
    before = completer.namespace, completer.global_namespace
    completer.namespace = completer.global_namespace = namespace
    try:
        yield
    finally:
        completer.namespace, completer.global_namespace = before


def inspect(shell: InteractiveShell, code: str, cursor_pos: int, detail_level: int) -> dict[str, Json]:
    """Return the content of an ``inspect_reply``. Positions count code points; ``detail_level`` 1 adds the source."""
    content: dict[str, Json] = {"status": "ok", "found": False, "data": {}, "metadata": {}}
    cursor_pos = min(max(cursor_pos, 0), len(code))
    if is_too_much(code, cursor_pos):
        return content
    try:
        name = token_at_cursor(code, cursor_pos)
        info = shell._ofind(name, [("Cell", namespace_for(shell, code, cursor_pos))])
        if info.found and not info.ismagic and name:
            bundle = shell.inspector._get_info(info.obj, name, info=info, detail_level=1 if detail_level else 0)
        else:
            bundle = shell.object_inspect_mime(name, detail_level=1 if detail_level else 0)
    except (KeyError, SyntaxError, ValueError, TokenError):
        # No such name; or code that Python's tokenizer cannot cut, which half-written code may be.
        return content
    text = "".join(line for line in bundle["text/plain"].splitlines(keepends=True) if not line.endswith(f"{FILE}\n"))
    fit, _complaints = clean_bundle({**bundle, "text/plain": text})
    return {**content, "found": True, "data": clean_object(fit)}
