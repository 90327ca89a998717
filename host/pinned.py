"""Keep the scripts that pages have pinned: an update of the server takes none of them away.

A page that names ``static/singlecell/cell-….js`` means these very bytes, and that script asks for parts that are named
by their content, too. All are copied beside the environments, where the web part looks for what it no longer has.
"""

from __future__ import annotations

import os
import re
from pathlib import Path

from host.layout import CHECKOUT

PARTS = CHECKOUT / "static" / "singlecell"
DIRECTORY = "pinned"
NAMED_BY_CONTENT = re.compile(r"[a-z-]+-[0-9a-f]{10}\.(?:js|html)")


def find_missing(prefix: Path, parts: Path = PARTS) -> list[Path]:
    """Return the parts of the front end of which there is no copy beside the environments in this directory."""
    files = sorted(file for file in parts.iterdir() if NAMED_BY_CONTENT.fullmatch(file.name))
    return [file for file in files if not (prefix / DIRECTORY / file.name).exists()]


def add_missing(prefix: Path, parts: Path = PARTS) -> list[str]:
    """Copy what is missing there; return a sentence when that cannot be done."""
    directory = prefix / DIRECTORY
    try:
        directory.mkdir(exist_ok=True)
        for file in find_missing(prefix, parts):
            half = directory / f".{file.name}.{os.getpid()}.new"  # another server may start at the same time
            half.write_bytes(file.read_bytes())
            half.chmod(0o644)
            half.rename(directory / file.name)
    except OSError as error:
        return [f"cannot write to {directory} ({error.strerror}); pages that pin this version lose it with the next"]
    return []
