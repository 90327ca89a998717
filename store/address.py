"""Says where the embedded MongoDB works and listens: on one Unix socket in a directory that only its owner enters.

Clients know a link to that socket, which is there while mongod takes writes. The driver would keep a connection that it
made before, and use it without sessions and without its second try of a write for as long as the process lives.
"""

from __future__ import annotations

import os
from pathlib import Path
from urllib.parse import quote

import settings as settings_file
from settings import Settings
from store.errors import StoreError

# mongod always gives its socket this name, after the port that it would have.
PORT = 27018
OWN_SOCKET = f"mongodb-{PORT}.sock"
SOCKET = "mongodb-27017.sock"
SOCKET_PATH_BYTES_MAX = 107  # sun_path of Linux, without its closing zero


class EmbeddedError(StoreError):
    """mongod cannot run here; the message is a sentence that tells the operator what to do."""


def directory(settings: Settings) -> Path:
    """Return where the embedded MongoDB of these settings works."""
    return settings_file.data_directory(settings) / "mongo"


def own_socket_path(directory: Path) -> Path:
    """Return the socket of the mongod that works in a directory. Raises EmbeddedError."""
    return socket_path(directory).with_name(OWN_SOCKET)


def socket_path(directory: Path) -> Path:
    """Return the link to the socket of the mongod that works in a directory. Raises EmbeddedError."""
    path = directory.absolute() / SOCKET
    if len(os.fsencode(path)) > SOCKET_PATH_BYTES_MAX:
        raise EmbeddedError(
            f"The path {path} is too long for a Unix socket; choose a data directory of fewer than "
            f"{SOCKET_PATH_BYTES_MAX - len(f'/mongo/{SOCKET}')} bytes."
        )
    return path


def uri(directory: Path) -> str:
    """Return the address of the mongod that works in a directory. Raises EmbeddedError."""
    return _address(socket_path(directory))


def own_uri(directory: Path) -> str:
    """Return the address of a mongod that may take no writes yet. Raises EmbeddedError."""
    return _address(own_socket_path(directory))


def _address(socket: Path) -> str:
    return f"mongodb://{quote(str(socket), safe='')}/?directConnection=true"
