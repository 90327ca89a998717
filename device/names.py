"""Names of files that come out of a session: kept as they are or refused, by the rules for uploads."""

from __future__ import annotations

from wire import NAME_BYTES_MAX, has_unshown

DEPTH_MAX = 4  # parts between slashes, as deep as a session is searched


def refusal(untrusted_name: str) -> str | None:
    """Return what is wrong with a name, None when it is a relative path that is safe to show and to store."""
    if len(untrusted_name.encode()) > NAME_BYTES_MAX:  # first: what follows looks at every character
        return f"its name is longer than {NAME_BYTES_MAX} bytes"
    if has_unshown(untrusted_name):
        return "its name has characters that cannot be shown"
    parts = untrusted_name.split("/")
    if "\\" in untrusted_name or len(parts) > DEPTH_MAX or any(part in ("", ".", "..") for part in parts):
        return "its name is no plain path"
    return None
