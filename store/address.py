"""Where the embedded MongoDB listens: on one Unix socket in a directory of its owner's."""

from __future__ import annotations

from pathlib import Path
from urllib.parse import quote

SOCKET = "mongodb-27017.sock"  # the port in the name is mongod's custom; there is no port


def uri(directory: Path) -> str:
    """Return the address of the mongod that runs in this directory."""
    return f"mongodb://{quote(str(directory.resolve() / SOCKET), safe='')}/?directConnection=true"
