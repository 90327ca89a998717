"""Carries frames between a worker and its supervisor: length-prefixed MessagePack over one socketpair.

Nothing that a worker says is believed: user code shares its memory and its socket.
"""

from __future__ import annotations

import select
import socket
import struct
import threading
from collections import deque
from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from typing import Annotated, Generic, TypeVar

import msgspec

from wire import (
    FRAME_BYTES_MAX,
    Deliver,
    Execute,
    Frame,
    InputReply,
    Introspect,
    IntrospectReply,
    Message,
    Upload,
    WireError,
    encode,
)

_PREFIX = struct.Struct(">I")
READ_BYTES = 256 << 10
# A worker of ours says few messages in a frame: those that come about at once, and what it could not write.
SAID_MESSAGES_MAX = 8
# What a frame may have around what it carries: names of fields and lengths, the type of each message.
ENVELOPE_BYTES_MAX, ENVELOPE_MESSAGE_BYTES_MAX, ENVELOPE_BUFFER_BYTES = 64, 256, 5
# Orders to a zygote or a launcher, and their answers.
FORK, FORKED, WARM = b"f", b"F", b"W"
WARM_BYTES_MAX = 64 << 10  # with the language's version and packages


class Ready(Frame):
    """The worker is locked down and warm."""


class Said(Frame):
    """Messages of the kernel, in order."""

    messages: Annotated[list[Message], msgspec.Meta(max_length=SAID_MESSAGES_MAX)]


class Written(Frame):
    """An upload lies in the work directory, or cannot."""


class Over(Frame):
    """The computation that was handed over has come to its end."""


class Speak(Frame):
    """Take the cells of this session for cells in a dialect of the worker's language."""

    dialect: str


ToWorker = Speak | Execute | Deliver | InputReply | Upload | Introspect
FromWorker = Ready | Said | Written | Over | IntrospectReply

Taken = TypeVar("Taken")

_to_worker = msgspec.msgpack.Decoder(ToWorker)
_from_worker = msgspec.msgpack.Decoder(FromWorker)


class SupervisorGoneError(ConnectionError):
    """The supervisor has closed its end of the channel."""


def carried_bytes(message: Message) -> int:
    """Return how much a message carries: what the limits of output count."""
    return len(message.content) + len(message.metadata) + sum(map(len, message.buffers))


class FrameBuffer(Generic[Taken]):
    """A stream of bytes that is cut into frames of at most ``bytes_max`` bytes, one at a time."""

    def __init__(self, decoder: msgspec.msgpack.Decoder[Taken], bytes_max: int) -> None:
        self._decoder, self._bytes_max, self._bytes = decoder, bytes_max, bytearray()

    def add(self, untrusted_bytes: bytes) -> None:
        """Take what has come."""
        self._bytes += untrusted_bytes

    @property
    def whole(self) -> bool:
        """Whether a frame, or what cannot be one, is there to be taken."""
        if len(self._bytes) < _PREFIX.size:
            return False
        length: int = _PREFIX.unpack_from(self._bytes)[0]
        return length > self._bytes_max or len(self._bytes) >= _PREFIX.size + length

    def take(self) -> tuple[Taken, int] | None:
        """Return the first frame and its length in bytes, None while it is not whole. Raises WireError."""
        if len(self._bytes) < _PREFIX.size:
            return None
        (length,) = _PREFIX.unpack_from(self._bytes)
        if length > self._bytes_max:
            raise WireError(f"a worker's frame of {length} bytes; at most {self._bytes_max} are allowed")
        end = _PREFIX.size + length
        if len(self._bytes) < end:
            return None
        try:
            frame = self._decoder.decode(memoryview(self._bytes)[_PREFIX.size : end])
        except (msgspec.DecodeError, RecursionError) as error:
            raise WireError(f"a worker sent bytes that are no frame: {error}") from error
        # The frame holds copies; nothing refers to the buffer any more. Its beginning is cut off without a move.
        del self._bytes[:end]
        return frame, length


class WorkerEnd:
    """The worker's end: it blocks; the thread that runs cells shares it with the one that pumps output.

    ``shielded``: makes a context in which the kernel raises no interrupt. To mask the signal would not do: another
    thread takes it then, and Python raises it in this one.
    """

    def __init__(self, sock: socket.socket) -> None:
        self._sock = sock
        self.shielded: Callable[[], AbstractContextManager[None]] = nullcontext
        self._lock = threading.RLock()
        self._buffer: FrameBuffer[ToWorker] = FrameBuffer(_to_worker, FRAME_BYTES_MAX)
        self._waiting: deque[ToWorker] = deque()

    def fileno(self) -> int:
        return self._sock.fileno()

    def send(self, *frames: FromWorker) -> None:
        """Send frames, all of them at once: the supervisor then wakes up once for them."""
        bodies = [encode(frame) for frame in frames]
        with self._lock:
            self._sock.sendall(b"".join(_PREFIX.pack(len(body)) + body for body in bodies))

    def receive(self) -> ToWorker:
        """Return the next frame. Raises SupervisorGoneError when the supervisor is gone."""
        while not self._waiting:
            select.select([self._sock], [], [])  # an interrupt may end the wait, but never tear a frame apart
            with self.shielded():
                data = self._sock.recv(READ_BYTES)
                self._buffer.add(data)
                while (taken := self._buffer.take()) is not None:
                    self._waiting.append(taken[0])
            if not data:
                raise SupervisorGoneError("the supervisor is gone")
        return self._waiting.popleft()


class SupervisorEnd:
    """The supervisor's end: it never blocks, and keeps what cannot be sent yet.

    ``closed``: whether the worker has closed its end, so that nothing more will come. ``on_full``: is called when it
    takes no more for now, and ``flush`` has something to send.
    """

    def __init__(self, sock: socket.socket, frame_bytes_max: int) -> None:
        sock.setblocking(False)
        self._sock = sock
        self._buffer: FrameBuffer[FromWorker] = FrameBuffer(_from_worker, frame_bytes_max)
        self._unsent = bytearray()
        self.closed = False
        self.on_full: Callable[[], None] = _do_nothing

    def fileno(self) -> int:
        return self._sock.fileno()

    @property
    def unsent_bytes(self) -> int:
        return len(self._unsent)

    @property
    def waiting(self) -> bool:
        """Whether a frame has come that was not taken yet."""
        return self._buffer.whole

    def send(self, frame: ToWorker) -> None:
        """Send a frame, or keep it until ``flush`` can."""
        body = encode(frame)
        self._unsent += _PREFIX.pack(len(body)) + body
        self.flush()
        if self._unsent:
            self.on_full()

    def flush(self) -> None:
        """Send what waits, as far as the worker reads."""
        try:
            while self._unsent:
                del self._unsent[: self._sock.send(self._unsent)]
        except (BlockingIOError, BrokenPipeError, ConnectionResetError):
            pass  # a worker that is gone is noticed by its pidfd

    def read(self) -> bool:
        """Take in a piece of what has come, unless a frame waits already; return whether there was any.

        File descriptors that come along are user code's: the kernel closes them unseen.
        """
        if self.closed or self.waiting:
            return self.waiting
        try:
            data = self._sock.recv(READ_BYTES)
        except BlockingIOError:
            return False
        except ConnectionResetError:
            data = b""
        self.closed = not data
        self._buffer.add(data)
        return bool(data)

    def take(self) -> FromWorker | None:
        """Return the next frame, if one is whole. Raises WireError."""
        taken = self._buffer.take()
        if taken is None:
            return None
        frame, length = taken
        _check_envelope(frame, length)
        return frame

    def close(self) -> None:
        """Close the socket."""
        self._sock.close()


def _do_nothing() -> None:
    pass


def _check_envelope(frame: FromWorker, length: int) -> None:
    """Refuse a frame that costs more than what is counted of it: fields said again and again. Raises WireError."""
    allowed = ENVELOPE_BYTES_MAX
    if isinstance(frame, Said):
        buffers = sum(len(message.buffers) for message in frame.messages)
        allowed += sum(map(carried_bytes, frame.messages)) + ENVELOPE_BUFFER_BYTES * buffers
        allowed += ENVELOPE_MESSAGE_BYTES_MAX * len(frame.messages)
    elif isinstance(frame, IntrospectReply):
        allowed += len(frame.content)
    if length > allowed:
        raise WireError(f"a worker's frame of {length} bytes; what it carries may take {allowed}")
