"""Brings the next device to a supervisor that an earlier one left, with the kept sessions that it still holds.

The device starts a program in this account as it starts any supervisor. Where that finds such a supervisor it hands
its standard input over, and waits for the other's end; else it becomes a supervisor itself. The two meet at a Unix
socket in the directory of the older one's code, which sessions do not see.
"""

from __future__ import annotations

import hashlib
import json
import os
import socket
import struct
import sys
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import NamedTuple, NoReturn

import msgspec
from msgspec.structs import replace

from wire import StartConfig

REQUEST_BYTES_MAX = 1 << 20
STREAMS = (0, 1, 2)  # what an heir hands over: its standard input, output and error
# For the first word of a supervisor that may stand still; then for those turns to end that ran when its device died.
ANSWER_S, SETTLE_S = 2.0, 20.0
_PEER = struct.Struct("3i")  # of SO_PEERCRED: process, user, group
_WAIT = "import os, sys; os.read(int(sys.argv[1]), 1)"


class HeirRequest(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What an heir brings: a start configuration with one inheritance, and how the environments look to it."""

    config: StartConfig
    environments: dict[str, list[int]]


class Inherited(NamedTuple):
    """A supervisor that has agreed to go on, or cannot: its answer to the device, and the connection to it."""

    answer: dict
    connection: socket.socket


def digest_of(key: str) -> str:
    """Return what a supervisor knows of the key that lets its heir in."""
    return hashlib.sha256(key.encode()).hexdigest()


def socket_name(digest: str) -> str:
    """Return the name of the socket at which the supervisor of this digest meets its heir."""
    return f"heir-{digest[:24]}"


def environments(config: StartConfig) -> dict[str, list[int]]:
    """Return what changes when the environment of a language is built anew, by the path of its stamp."""
    stamps = {entry.stamp or entry.python for entry in config.languages.values()}
    found = {}
    for path in stamps:
        with suppress(OSError):
            status = os.stat(path)
            found[path] = [status.st_ino, status.st_size, status.st_mtime_ns]
    return found


def comparable(config: StartConfig) -> StartConfig:
    """Return a start configuration without what differs with each connection, and what an heir may change.

    That is how many sessions there may be: less for each account when its device gets one more.
    """
    blank = dict.fromkeys(("supervisor_public_key", "supervisor_secret_key", "device_public_key"), "")
    counts = dict.fromkeys(("workers", "asking_max", "asking_bytes_max"), 0)
    return replace(config, **blank, **counts, port=0, heir_digest="", inherits=[])


def is_own(connection: socket.socket) -> bool:
    """Return whether the other end is a process of this very account."""
    peer = connection.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, _PEER.size)
    return bool(_PEER.unpack(peer)[1] == os.geteuid())


# --- the heir -------------------------------------------------------------------------------------------------------
def inherit(config: StartConfig, directory: Path) -> Inherited | None:
    """Have a supervisor that an earlier device left here go on; return None when there is none that does.

    ``directory``: of this heir's code; those of the supervisors lie beside it.
    """
    for index, inheritance in enumerate(config.inherits):
        request = HeirRequest(replace(config, inherits=[inheritance]), environments(config))
        for path in directory.parent.glob(f"*/{socket_name(digest_of(inheritance.key))}"):
            for connection in _connected(path):
                answer = _ask(connection, request)
                if answer is not None:
                    return Inherited({**answer, "inherited": index} if "listening" in answer else answer, connection)
                connection.close()
    return None


def _connected(path: Path) -> Iterator[socket.socket]:
    """Yield the connection to the supervisor at a path, if there is one of this account."""
    connection = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    connection.settimeout(ANSWER_S)
    try:
        connection.connect(str(path))
    except OSError:
        connection.close()  # its supervisor has ended
        return
    if is_own(connection):
        yield connection


def _ask(connection: socket.socket, request: HeirRequest) -> dict | None:
    """Ask a supervisor to go on; return its answer for the device, None when it does not."""
    try:
        data = msgspec.json.encode(request)
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, REQUEST_BYTES_MAX)
        socket.send_fds(connection, [data], STREAMS)
        if connection.recv(REQUEST_BYTES_MAX) != b"wait":
            return None
        connection.settimeout(SETTLE_S)
        answer = json.loads(connection.recv(REQUEST_BYTES_MAX) or b"null")
    except (OSError, ValueError):
        return None
    return answer if isinstance(answer, dict) else None


def wait_for_end(connection: socket.socket) -> NoReturn:
    """Become a small program that ends when the supervisor does: for the device, this process is the supervisor."""
    connection.setblocking(True)
    connection.set_inheritable(True)
    os.execv(sys.executable, [sys.executable, "-I", "-S", "-c", _WAIT, str(connection.fileno())])
