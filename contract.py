"""Holds the rules that several rooms keep: why a computation ended, how a file may be named, how deep JSON may nest.

Pure: no I/O, nothing of ours imported.
"""

from __future__ import annotations

import unicodedata
from array import array
from itertools import accumulate
from typing import Literal, get_args

# Why a computation did not come to its own end; docs/messages.md has the sentence for each.
Reason = Literal[
    "time_wall", "time_cpu", "memory", "processes", "output", "files",
    "kernel_died", "session_gone", "protocol", "cancelled", "lost",
]  # fmt: skip
REASONS: frozenset[Reason] = frozenset(get_args(Reason))

NAME_BYTES_MAX = 255  # NAME_MAX of Linux; of a path with its directories, too
PATH_PARTS_MAX = 4  # as deep as the work directory of a session is searched
JSON_DEPTH_MAX = 64  # of what code hands out: levels of arrays and objects that any reader of JSON bears
# Control characters, surrogates, line and paragraph separators cannot be shown.
_UNSHOWN_CATEGORIES = frozenset({"Cc", "Cs", "Zl", "Zp"})
# What each byte of a JSON text, its strings left out, adds to the depth: 255 is -1.
_STEPS = bytes(1 if byte in b"[{" else 255 if byte in b"]}" else 0 for byte in range(256))
_NO_BRACKETS = bytes(set(range(256)) - set(b"[]{}"))
# With marks that turn the direction of text a name would show as another.
_TURNING_MARKS = frozenset("\u061c\u200e\u200f\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069")


def file_name_fault(untrusted_name: str) -> str | None:
    """Return what is wrong with a file's name or path, as the end of a sentence about it; None when it may be shown."""
    if len(untrusted_name.encode(errors="surrogatepass")) > NAME_BYTES_MAX:  # first: the next looks at every character
        return f"is longer than {NAME_BYTES_MAX} bytes"
    if any(char in _TURNING_MARKS or unicodedata.category(char) in _UNSHOWN_CATEGORIES for char in untrusted_name):
        return "has characters that cannot be shown"
    return None


def file_path_fault(untrusted_path: str) -> str | None:
    """Return what is wrong with a relative path, likewise; None when it is safe to show, to store and to open."""
    parts = untrusted_path.split("/")
    if "\\" in untrusted_path or len(parts) > PATH_PARTS_MAX or any(part in ("", ".", "..") for part in parts):
        return file_name_fault(untrusted_path) or "is no plain path"
    return file_name_fault(untrusted_path)


def nests_deeper(untrusted_json: bytes, depth_max: int) -> bool:
    """Return whether the brackets of a JSON text nest deeper than this; for any other text either may be returned."""
    if untrusted_json.count(b"[") + untrusted_json.count(b"{") <= depth_max:
        return False  # nearly every text
    # At the speed of C. Without escapes, what is between quotes is every other part.
    parts = untrusted_json.replace(b"\\\\", b"").replace(b'\\"', b"").split(b'"')
    brackets = b"".join(parts[::2]).translate(_STEPS, _NO_BRACKETS)
    return max(accumulate(array("b", brackets)), default=0) > depth_max
