"""What is left of a kernel's messages when they have been checked: texts written anew, and what the device acts on.

This is the work that the bytes of a session decide the length of. Short frames are checked in the device's loop, longer
ones in processes of their own (``device/checking/process.py``), by the same functions.
"""

from __future__ import annotations

from typing import Literal

import msgspec

from device import message_schemas
from device.errors import SHOWN_CHARS, KernelProtocolError
from wire import BUFFERS_MAX, Message, Output, WireError, decode_up

Verdict = Literal["right", "output", "protocol", "nonsense"]
SLICE_MESSAGES = 64
COUNT_MAX = 1 << 53  # of cells in a session: what every reader of JSON takes
EMPTY = b"{}"
ANSWER_BYTES_MAX = 12 << 20  # it is one document of MongoDB's, which has at most 16 MiB


class Checked(msgspec.Struct, frozen=True, array_like=True):
    """A message that is right. ``content``, ``metadata``, ``buffers``: JSON texts that we wrote.

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
    """What came of a frame: the messages that are right up to the first that is not, and what is wrong with that.

    ``verdict``: what has to end for it, the session (output, protocol) or the whole connection (nonsense).
    ``answer``: the JSON text of an answer to a question.
    """

    messages: list[Checked] = []
    answer: bytes = b""
    verdict: Verdict = "right"
    sentence: str = ""


class Packed(msgspec.Struct, frozen=True, array_like=True):
    """Findings as one process hands them to another: the messages in slices, each of which is unpacked by itself.

    Many thousands of messages at once would keep the device's loop for long.
    """

    slices: list[bytes] = []
    answer: bytes = b""
    verdict: Verdict = "right"
    sentence: str = ""


class Room(msgspec.Struct, array_like=True):
    """What a computation may still say. Raises KernelProtocolError when a message is more."""

    bytes_left: int
    messages_left: int

    def take(self, size_bytes: int) -> None:
        """Count a message."""
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
            raise KernelProtocolError("an execute_input whose number is no count of cells")
    return Checked(msg_type, size, text, metadata, buffers, None, state, count)


def check_frame(untrusted_bytes: bytes, frame_bytes_max: int, room: Room) -> Findings:
    """Return what came of the bytes of an Output frame."""
    try:
        frame = decode_up(untrusted_bytes, frame_bytes_max)
    except WireError as error:
        return Findings(verdict="nonsense", sentence=str(error)[:SHOWN_CHARS])
    if not isinstance(frame, Output) or not frame.messages:
        return Findings(verdict="nonsense", sentence="output without a message")
    return check_messages(frame.messages, room)


def pack(findings: Findings) -> bytes:
    """Return findings as bytes."""
    starts = range(0, len(findings.messages), SLICE_MESSAGES)
    slices = [msgspec.msgpack.encode(findings.messages[start : start + SLICE_MESSAGES]) for start in starts]
    return msgspec.msgpack.encode(Packed(slices, findings.answer, findings.verdict, findings.sentence))


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
    except KernelProtocolError as improper:
        return _improper(improper, right)
    return Findings(right)


def check_answer(kind: str, untrusted_json: bytes) -> Findings:
    """Return what came of the content of an answer to a question."""
    try:
        answer = message_schemas.check_answer(kind, untrusted_json)
        if len(answer) > ANSWER_BYTES_MAX:  # numbers may be longer when they are written anew
            raise KernelProtocolError(f"an answer of {len(answer)} bytes", "output")
        return Findings(answer=answer)
    except KernelProtocolError as improper:
        return _improper(improper, [])


def _improper(improper: KernelProtocolError, right: list[Checked]) -> Findings:
    sentence = str(improper)[:SHOWN_CHARS]
    return Findings(right, b"", "output" if improper.reason == "output" else "protocol", sentence)


_packed = msgspec.msgpack.Decoder(Packed)
_slice = msgspec.msgpack.Decoder(list[Checked])
