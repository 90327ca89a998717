"""Checks a kernel's messages and introspection replies, and writes what is right anew.

How long this takes is decided by the bytes of a session. Short frames are checked in the device's loop, longer ones in
processes of their own (``device/checking/process.py``), by the same functions.
"""

from __future__ import annotations

from typing import Literal

import msgspec

from device import message_schemas
from device.errors import SHOWN_CHARS, KernelProtocolError
from wire import BUFFERS_MAX, Message, Output, WireError, decode_up

Verdict = Literal["right", "output", "protocol", "supervisor"]
SLICE_MESSAGES = 64
COUNT_MAX = 1 << 53  # of an execution_count: what every reader of JSON takes
EMPTY = b"{}"
REPLY_BYTES_MAX = 12 << 20  # an introspection reply is one document of MongoDB's, which has at most 16 MiB


class Checked(msgspec.Struct, frozen=True, array_like=True):
    """A message of a kernel that is right. ``content``, ``metadata``, ``buffers``: JSON texts that we wrote.

    ``size_bytes`` counts against the computation's output. ``stream``: name and text of a stream that may be merged
    with its neighbours, or says nothing; its content is left out. ``state``: of a status; ``count``: of an
    execute_input.
    """

    msg_type: str
    size_bytes: int
    content: bytes
    metadata: bytes = EMPTY
    buffers: bytes = b""
    stream: tuple[str, str] | None = None
    state: str = ""
    count: int = 0


class Findings(msgspec.Struct, frozen=True, array_like=True):
    """The outcome of a check: the messages before the first that is not right, and what is wrong with that one.

    ``verdict``: what has to end for it, the session (output, protocol) or the whole connection (supervisor).
    ``reply``: the JSON text of an introspection reply.
    """

    messages: list[Checked] = []
    reply: bytes = b""
    verdict: Verdict = "right"
    sentence: str = ""


class Packed(msgspec.Struct, frozen=True, array_like=True):
    """Findings as one process hands them to another; each slice of the messages is unpacked by itself.

    Many thousands of messages at once would take the device's loop too long.
    """

    slices: list[bytes] = []
    reply: bytes = b""
    verdict: Verdict = "right"
    sentence: str = ""


class Room(msgspec.Struct, array_like=True):
    """The amount of output that a computation may still make."""

    bytes_left: int
    messages_left: int

    def take(self, size_bytes: int) -> None:
        """Count a message. Raises KernelProtocolError when there is no room for it."""
        self.bytes_left -= size_bytes
        self.messages_left -= 1
        if self.bytes_left < 0:
            raise KernelProtocolError("more bytes of output than a computation may have", "output")
        if self.messages_left < 0:
            raise KernelProtocolError("more messages than a computation may have", "output")


def size_bytes(untrusted: Message) -> int:
    """Return how many bytes of output a message is."""
    return len(untrusted.content) + len(untrusted.metadata) + sum(map(len, untrusted.buffers))


def check_message(untrusted: Message) -> Checked:
    """Return a message of a kernel, checked. Raises KernelProtocolError."""
    if len(untrusted.buffers) > BUFFERS_MAX:
        raise KernelProtocolError(f"a message with {len(untrusted.buffers)} buffers; at most {BUFFERS_MAX} are allowed")
    msg_type, size = untrusted.msg_type, size_bytes(untrusted)
    content = message_schemas.check(msg_type, untrusted.content)
    metadata = EMPTY
    if untrusted.metadata != EMPTY:
        metadata = msgspec.json.encode(message_schemas.decode_object(untrusted.metadata))
    if msg_type == "stream" and not (content["text"] and (untrusted.buffers or metadata != EMPTY)):
        return Checked(msg_type, size, b"", stream=(content["name"], content["text"]))
    text = msgspec.json.encode(content)
    buffers = msgspec.json.encode(untrusted.buffers) if untrusted.buffers else b""  # base64
    # Numbers may be longer when they are written anew: 5e15.
    size = max(size, len(text) + len(metadata) + sum(map(len, untrusted.buffers)))
    state, count = content.get("execution_state", ""), 0
    if msg_type == "execute_input":
        count = content["execution_count"]
        if abs(count) > COUNT_MAX:
            raise KernelProtocolError("an execute_input whose execution_count is too large")
    return Checked(msg_type, size, text, metadata, buffers, None, state, count)


def check_frame(untrusted_bytes: bytes, frame_bytes_max: int, room: Room) -> Findings:
    """Return what came of the bytes of an Output frame."""
    try:
        frame = decode_up(untrusted_bytes, frame_bytes_max)
    except WireError as error:
        return Findings(verdict="supervisor", sentence=str(error)[:SHOWN_CHARS])
    if not isinstance(frame, Output) or not frame.messages:
        return Findings(verdict="supervisor", sentence="output without a message")
    return check_messages(frame.messages, room)


def pack(findings: Findings) -> bytes:
    """Return findings as bytes."""
    starts = range(0, len(findings.messages), SLICE_MESSAGES)
    slices = [msgspec.msgpack.encode(findings.messages[start : start + SLICE_MESSAGES]) for start in starts]
    return msgspec.msgpack.encode(Packed(slices, findings.reply, findings.verdict, findings.sentence))


def unpack(data: bytes) -> Packed:
    """Return what pack packed. Raises DecodeError."""
    return _packed.decode(data)


def unpack_slice(data: bytes) -> list[Checked]:
    """Return the messages of a slice. Raises DecodeError."""
    return _slice.decode(data)


def check_messages(untrusted: list[Message], room: Room) -> Findings:
    """Return what came of messages."""
    right: list[Checked] = []
    try:
        for message in untrusted:
            room.take(size_bytes(message))
            right.append(check_message(message))
    except KernelProtocolError as error:
        return _refused(error, right)
    return Findings(right)


def check_introspect_reply(kind: str, untrusted_json: bytes) -> Findings:
    """Return what came of the content of an introspection reply."""
    try:
        reply = message_schemas.check_introspect_reply(kind, untrusted_json)
        if len(reply) > REPLY_BYTES_MAX:  # numbers may be longer when they are written anew
            raise KernelProtocolError(f"an introspection reply of {len(reply)} bytes", "output")
        return Findings(reply=reply)
    except KernelProtocolError as error:
        return _refused(error, [])


def _refused(error: KernelProtocolError, right: list[Checked]) -> Findings:
    sentence = str(error)[:SHOWN_CHARS]
    return Findings(right, b"", "output" if error.reason == "output" else "protocol", sentence)


_packed = msgspec.msgpack.Decoder(Packed)
_slice = msgspec.msgpack.Decoder(list[Checked])
