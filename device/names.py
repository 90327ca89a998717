"""Names of files that come out of a session: kept as they are or refused, by the rules for uploads."""

from __future__ import annotations

import unicodedata

from wire import NAME_BYTES_MAX

DEPTH_MAX = 4  # parts between slashes, as deep as a session is searched
_UNSHOWN = {"Cc", "Cs", "Zl", "Zp"}  # control characters, surrogates, line and paragraph separators
# Marks that turn the direction of text: a name would show as another.
_TURNING = frozenset("\u061c\u200e\u200f\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069")


def refusal(untrusted_name: str) -> str | None:
    """Return what is wrong with a name, None when it is a relative path that is safe to show and to store."""
    if any(unicodedata.category(char) in _UNSHOWN or char in _TURNING for char in untrusted_name):
        return "its name has characters that cannot be shown"
    if len(untrusted_name.encode()) > NAME_BYTES_MAX:
        return f"its name is longer than {NAME_BYTES_MAX} bytes"
    parts = untrusted_name.split("/")
    if "\\" in untrusted_name or len(parts) > DEPTH_MAX or any(part in ("", ".", "..") for part in parts):
        return "its name is no plain path"
    return None
