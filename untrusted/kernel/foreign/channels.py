"""Speaks Jupyter's protocol with a kernel, over ZeroMQ on Unix sockets in a directory of the session's.

There is no network in a session, so a kernel that knows TCP alone cannot be used.
"""

from __future__ import annotations

import hashlib
import hmac
import json
import math
import os
import secrets
from collections.abc import Iterable
from datetime import datetime, timezone
from pathlib import Path
from typing import Any, Literal, NamedTuple

import zmq

PROTOCOL_VERSION = "5.3"
Channel = Literal["shell", "iopub", "stdin", "control", "hb"]
# The numbers that stand in the place of ports: sockets are files named PREFIX-NUMBER.
PORTS: dict[Channel, int] = {"shell": 1, "iopub": 2, "stdin": 3, "control": 4, "hb": 5}
_DELIMITER = b"<IDS|MSG>"
_KINDS: dict[Channel, int] = {"shell": zmq.DEALER, "iopub": zmq.SUB, "stdin": zmq.DEALER, "control": zmq.DEALER}
_RECONNECT_MS = 5  # until the kernel has bound its sockets


class KernelMessageError(ValueError):
    """The kernel sent what is no message of Jupyter's protocol."""


class Received(NamedTuple):
    """A message of the kernel: ``header`` as it came, ``parent`` the id of the request that it answers."""

    msg_type: str
    header: dict[str, Any]
    parent: str
    content: dict[str, Any]
    metadata: dict[str, Any]
    buffers: list[bytes]


class Channels:
    """The sockets to one kernel, and the file that tells it where they are."""

    def __init__(self, directory: Path) -> None:
        self.file = directory / "connection.json"
        self._prefix = directory / "socket"
        self._key = secrets.token_hex(16)
        self._session = secrets.token_hex(16)
        connection: dict[str, object] = {f"{name}_port": port for name, port in PORTS.items()}
        connection |= {"transport": "ipc", "ip": str(self._prefix), "key": self._key, "signature_scheme": "hmac-sha256"}
        with os.fdopen(os.open(self.file, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
            json.dump(connection, file)
        self._sockets: dict[Channel, zmq.Socket[bytes]] = {}

    def connect(self) -> None:
        """Make the sockets; the kernel may bind its own before or after."""
        self._context = zmq.Context()
        for name, kind in _KINDS.items():
            socket = self._sockets[name] = self._context.socket(kind)
            socket.linger = 0
            socket.reconnect_ivl = _RECONNECT_MS
            # What has come is never thrown away: the limits of output and memory bound it.
            socket.rcvhwm = 0
            if kind == zmq.DEALER:
                # Kernels address what they ask to whom sent the request.
                socket.identity = self._session.encode()
            else:
                socket.subscribe(b"")
            if name == "stdin":
                self._meeting = socket.get_monitor_socket(zmq.EVENT_HANDSHAKE_SUCCEEDED)
            socket.connect(f"ipc://{self._prefix}-{PORTS[name]}")

    def meets_stdin(self, at_most_s: float) -> bool:
        """Return whether the kernel knows the channel on which it asks; wait for that. Asked once, after ``connect``.

        A kernel's ROUTER throws away, without a word, what is for somebody whom it has not met.
        """
        is_met = bool(self._meeting.poll(math.ceil(at_most_s * 1000)))
        self._sockets["stdin"].disable_monitor()
        return is_met

    def __getitem__(self, channel: Channel) -> zmq.Socket[bytes]:
        return self._sockets[channel]

    def send(
        self,
        channel: Channel,
        msg_type: str,
        content: dict[str, Any],
        parent: dict[str, Any] | None = None,
        metadata: dict[str, Any] | None = None,
        buffers: Iterable[bytes] = (),
    ) -> str:
        """Send a request, or a reply to the message with the header ``parent``; return its id."""
        msg_id = secrets.token_hex(16)
        header = {
            "msg_id": msg_id,
            "msg_type": msg_type,
            "session": self._session,
            "username": "cell",
            "date": datetime.now(timezone.utc).isoformat(),
            "version": PROTOCOL_VERSION,
        }
        parts = [json.dumps(part).encode() for part in (header, parent or {}, metadata or {}, content)]
        signature = hmac.new(self._key.encode(), b"".join(parts), hashlib.sha256).hexdigest().encode()
        self._sockets[channel].send_multipart([_DELIMITER, signature, *parts, *buffers])
        return msg_id

    def take(self, channel: Channel) -> Received | None:
        """Return the next message that has come on a channel, None where there is none. Raises KernelMessageError.

        Signatures are not looked at: who could forge one is in the same session, and is believed nothing.
        """
        try:
            frames = self._sockets[channel].recv_multipart(zmq.NOBLOCK)
        except zmq.Again:
            return None
        try:
            start = frames.index(_DELIMITER) + 2
            header, parent, metadata, content = map(_decode, frames[start : start + 4])
            return Received(
                str(header["msg_type"]), header, str(parent.get("msg_id")), content, metadata, frames[start + 4 :]
            )
        except (ValueError, KeyError, RecursionError) as error:
            raise KernelMessageError("What the kernel said is no message of Jupyter's protocol") from error

    def close(self) -> None:
        """Close all sockets."""
        self._context.destroy(linger=0)


def _decode(data: bytes) -> dict[str, Any]:
    value = json.loads(data.decode("utf-8", "replace"), strict=False)
    if not isinstance(value, dict):
        raise ValueError("no JSON object")
    return value
