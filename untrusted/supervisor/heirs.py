"""Lets the next device in where the one before has gone: it shows the key whose digest the start configuration had."""

from __future__ import annotations

import hmac
import json
import logging
import os
import socket
from contextlib import suppress

import msgspec

from untrusted.inheritance import (
    REQUEST_BYTES_MAX,
    STREAMS,
    HeirRequest,
    comparable,
    digest_of,
    environments,
    is_own,
    socket_name,
)
from untrusted.supervisor.pool import CODE_DIRECTORY
from wire import StartConfig

HEAR_S = 0.2  # for what it wants, once somebody of this account has come
WAITING_MAX = 4
_requests = msgspec.json.Decoder(HeirRequest)
log = logging.getLogger(__name__)


class Heir:
    """A program of the next device that has shown the key. ``streams``: its standard input, output and error."""

    def __init__(self, connection: socket.socket, request: HeirRequest, streams: list[int]) -> None:
        self._connection, self._streams = connection, streams
        self.config, self.environments = request.config, request.environments

    @property
    def sessions(self) -> list[str]:
        """The sessions that it goes on with."""
        return [name for inheritance in self.config.inherits for name in inheritance.sessions]

    @property
    def descriptor(self) -> int:
        """What becomes readable when it ends: it says nothing more."""
        return self._connection.fileno()

    def tell(self, answer: dict | None) -> bool:
        """Tell it to wait (None), or what its device is to be answered; return whether it is there still."""
        try:
            self._connection.send(b"wait" if answer is None else json.dumps(answer).encode())
        except OSError:
            return False
        return True

    def take_streams(self) -> None:
        """Make its standard streams ours: their end is our end from now on."""
        for ours, theirs in zip(STREAMS, self._streams, strict=True):
            os.dup2(theirs, ours)
        self._close_streams()

    def close(self) -> None:
        """Let it go."""
        self._close_streams()
        self._connection.close()

    def _close_streams(self) -> None:
        for descriptor in self._streams:
            os.close(descriptor)
        self._streams = []


class Heirs:
    """The socket at which heirs come. Raises OSError where the directory of our code cannot hold it."""

    def __init__(self, config: StartConfig) -> None:
        self._digest, self._config, self._environments = config.heir_digest, comparable(config), environments(config)
        path = CODE_DIRECTORY / socket_name(config.heir_digest)
        self._listener = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        self._listener.setblocking(False)
        try:
            self._listener.bind(str(path))
            os.chmod(path, 0o600)
            self._listener.listen(WAITING_MAX)
        except OSError:
            self._listener.close()
            raise

    @property
    def descriptor(self) -> int:
        """What becomes readable when somebody comes."""
        return self._listener.fileno()

    def meet(self) -> Heir | None:
        """Return who has come, if it is a process of this account that shows the key."""
        with suppress(OSError):
            connection, _ = self._listener.accept()
            heir = self._hear(connection) if is_own(connection) else None
            if heir is None:
                connection.close()
            return heir
        return None

    def _hear(self, connection: socket.socket) -> Heir | None:
        connection.settimeout(HEAR_S)
        streams: list[int] = []
        try:
            data, streams, _flags, _address = socket.recv_fds(connection, REQUEST_BYTES_MAX, len(STREAMS))
            request = _requests.decode(data)
            shown = [inheritance.key for inheritance in request.config.inherits]
            if len(streams) == len(STREAMS) and len(shown) == 1 and self._is_right(shown[0]):
                return Heir(connection, request, streams)
        except (OSError, msgspec.DecodeError) as error:
            log.warning("an heir said nothing that can be understood: %s", error)
        for descriptor in streams:
            os.close(descriptor)
        return None

    def _is_right(self, key: str) -> bool:
        return hmac.compare_digest(digest_of(key), self._digest)

    def is_alike(self, heir: Heir) -> bool:
        """Return whether it would start just such a supervisor: same code, settings and environments."""
        return comparable(heir.config) == self._config and heir.environments == self._environments
