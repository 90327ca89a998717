"""Frames between a worker and its supervisor: one socketpair, length-prefixed MessagePack.

Both ends use it. What a worker says is as untrusted as anything: user code shares the worker's memory and socket.
"""

from __future__ import annotations

import select
import signal
import socket
import struct
import threading
from collections import deque

import msgspec

from wire import (
    FRAME_BYTES_MAX,
    Answer,
    Answered,
    Ask,
    Deliver,
    Frame,
    Message,
    Run,
    Upload,
    WireError,
    encode,
)

_PREFIX = struct.Struct(">I")
_READ_BYTES = 256 << 10


class Ready(Frame):
    """The worker is locked down and warm."""


class Said(Frame):
    """Messages of the kernel, in order."""

    messages: list[Message]


class Written(Frame):
    """An upload lies in the work directory, or cannot."""


class Over(Frame):
    """The cell (or comm message) that was handed over has come to its end."""


ToWorker = Run | Deliver | Answer | Upload | Ask
FromWorker = Ready | Said | Written | Over | Answered

_to_worker = msgspec.msgpack.Decoder(ToWorker)
_from_worker = msgspec.msgpack.Decoder(FromWorker)


class Broken(ConnectionError):
    """The other end is gone."""


class FrameBuffer:
    """Cut a stream of bytes into frames of at most ``bytes_max`` bytes."""

    def __init__(self, decoder: msgspec.msgpack.Decoder, bytes_max: int) -> None:
        self._decoder, self._bytes_max, self._bytes = decoder, bytes_max, bytearray()

    def feed(self, untrusted_bytes: bytes) -> list:
        """Return the frames completed by these bytes. Raises WireError."""
        self._bytes += untrusted_bytes
        frames, start = [], 0
        while len(self._bytes) - start >= _PREFIX.size:
            (length,) = _PREFIX.unpack_from(self._bytes, start)
            if length > self._bytes_max:
                raise WireError(f"a worker's frame of {length} bytes; at most {self._bytes_max} are allowed")
            end = start + _PREFIX.size + length
            if len(self._bytes) < end:
                break
            try:
                frames.append(self._decoder.decode(memoryview(self._bytes)[start + _PREFIX.size : end]))
            except (msgspec.DecodeError, RecursionError) as error:
                raise WireError(f"a worker sent no frame: {error}") from error
            start = end
        if start:
            # Decoded frames hold copies; nothing refers to the buffer any more.
            del self._bytes[:start]
        return frames


class WorkerEnd:
    """The worker's end: blocking, shared by the cell's thread and the thread that pumps output."""

    def __init__(self, sock: socket.socket) -> None:
        self._sock = sock
        self._lock = threading.RLock()
        self._buffer = FrameBuffer(_to_worker, FRAME_BYTES_MAX)
        self._waiting: deque[ToWorker] = deque()

    def fileno(self) -> int:
        return self._sock.fileno()

    def send(self, frame: FromWorker) -> None:
        """Send a frame."""
        body = encode(frame)
        with self._lock:
            self._sock.sendall(_PREFIX.pack(len(body)) + body)

    def receive(self) -> ToWorker:
        """Return the next frame. Raises Broken when the supervisor is gone."""
        while not self._waiting:
            select.select([self._sock], [], [])  # an interrupt may end the wait, but never tear a frame apart
            unmasked = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
            try:
                data = self._sock.recv(_READ_BYTES)
                self._waiting.extend(self._buffer.feed(data))
            finally:
                signal.pthread_sigmask(signal.SIG_SETMASK, unmasked)
            if not data:
                raise Broken("the supervisor is gone")
        return self._waiting.popleft()


class SupervisorEnd:
    """The supervisor's end: never blocks; what cannot be sent yet waits here."""

    def __init__(self, sock: socket.socket, frame_bytes_max: int) -> None:
        sock.setblocking(False)
        self._sock = sock
        self._buffer = FrameBuffer(_from_worker, frame_bytes_max)
        self._unsent = bytearray()

    def fileno(self) -> int:
        return self._sock.fileno()

    @property
    def unsent_bytes(self) -> int:
        return len(self._unsent)

    def send(self, frame: ToWorker) -> None:
        """Send a frame, or keep it until ``flush`` can."""
        body = encode(frame)
        self._unsent += _PREFIX.pack(len(body)) + body
        self.flush()

    def flush(self) -> None:
        """Send what waits, as far as the worker reads."""
        try:
            while self._unsent:
                del self._unsent[: self._sock.send(self._unsent)]
        except (BlockingIOError, BrokenPipeError, ConnectionResetError):
            pass  # a worker that is gone is noticed by its pidfd

    def receive(self) -> list[FromWorker] | None:
        """Return the frames that have come; None when the worker closed its end. Raises WireError.

        File descriptors that come along are user code's: the kernel closes them unseen.
        """
        try:
            data = self._sock.recv(_READ_BYTES)
        except BlockingIOError:
            return []
        except ConnectionResetError:
            return None
        return self._buffer.feed(data) if data else None

    def close(self) -> None:
        """Close the socket."""
        self._sock.close()
