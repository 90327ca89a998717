"""Names of uploaded files: kept as they are or refused, never changed."""

from __future__ import annotations

import unicodedata

from web.problems import refuse

# The rule for names that come out of a session, in wire.py, which this part may not import: a test compares the two.
_UNSHOWN = {"Cc", "Cs", "Zl", "Zp"}  # control characters, surrogates, line and paragraph separators
# Marks that turn the direction of text: a name would show as another.
_TURNING = frozenset("\u061c\u200e\u200f\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069")
NAME_BYTES_MAX = 255  # NAME_MAX of Linux


def check_name(untrusted_name: str) -> str:
    """Return a name that a file in the work directory may have. Raises Problem with a sentence."""
    if untrusted_name in ("", ".", ".."):
        refuse(400, "An uploaded file needs a name of its own.")
    if "/" in untrusted_name or "\\" in untrusted_name:
        refuse(400, f"The file name {untrusted_name[:100]!r} has a path; only a plain name is allowed.")
    if any(unicodedata.category(char) in _UNSHOWN or char in _TURNING for char in untrusted_name):
        refuse(400, f"The file name {untrusted_name[:100]!r} has characters that cannot be shown.")
    if len(untrusted_name.encode()) > NAME_BYTES_MAX:
        refuse(400, f"The file name {untrusted_name[:100]!r} is longer than {NAME_BYTES_MAX} bytes.")
    return untrusted_name
