"""Says where the embedded MongoDB works and listens: on one Unix socket in a directory that only its owner enters."""

from __future__ import annotations

import os
from pathlib import Path
from urllib.parse import quote

import settings as settings_file
from settings import Settings
from store.errors import StoreError

# mongod always gives its socket this name, after the port that it would have.
SOCKET = "mongodb-27017.sock"
SOCKET_PATH_BYTES_MAX = 107  # sun_path of Linux, without its closing zero


class EmbeddedError(StoreError):
    """mongod cannot run here; the message is a sentence that tells the operator what to do."""


def directory(settings: Settings) -> Path:
    """Return where the embedded MongoDB of these settings works."""
    return settings_file.data_directory(settings) / "mongo"


def socket_path(directory: Path) -> Path:
    """Return the socket of the mongod that works in a directory. Raises EmbeddedError."""
    path = directory.absolute() / SOCKET
    if len(os.fsencode(path)) > SOCKET_PATH_BYTES_MAX:
        raise EmbeddedError(
            f"The path {path} is too long for a Unix socket; choose a data directory of fewer than "
            f"{SOCKET_PATH_BYTES_MAX - len(f'/mongo/{SOCKET}')} bytes."
        )
    return path


def uri(directory: Path) -> str:
    """Return the address of the mongod that works in a directory. Raises EmbeddedError."""
    return f"mongodb://{quote(str(socket_path(directory)), safe='')}/?directConnection=true"
