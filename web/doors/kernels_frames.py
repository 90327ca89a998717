"""Takes apart and puts together the messages of Jupyter's kernel sockets, in both of their forms.

The forms are those of jupyter_server's docs/developers/websocket-protocols: its default, a JSON text (or, with buffers,
a binary message whose first part is that text), and ``v1.kernel.websocket.jupyter.org``, always binary.
"""

from __future__ import annotations

import struct
from collections.abc import Sequence
from itertools import pairwise

import msgspec
from msgspec import Raw, Struct

V1 = "v1.kernel.websocket.jupyter.org"
KEPT_BYTES_MAX = 16 << 10  # of messages that are kept for one client; beyond them the oldest are dropped
HEADER_BYTES_MAX = 4096  # of one header as JSON; it is kept with the computation
HEAD_BYTES = 256  # of a header of ours, about
BUFFERS_MAX = 64  # as of a comm message by any other way
_EMPTY = Raw(b"{}")
# Of channel, header, parent header, metadata, content, and the end of the last one.
_V1_OFFSETS_MIN = 6


class NotAMessageError(ValueError):
    """What came is no message in this form."""


class Named(Struct):
    """What is read of a client's header; of the rest clients leave out much, and dates may be numbers."""

    msg_type: str
    msg_id: str


class Header(Named):
    """The header of a message for clients."""

    session: str = ""
    username: str = ""
    date: str = ""
    version: str = ""


class Heard(Struct):
    """A message from a client. ``asked``: its header as it came, which is the parent of all that it causes."""

    channel: str
    header: Named
    asked: Raw
    content: bytes
    metadata: bytes
    buffers: list[bytes]

    @property
    def size_bytes(self) -> int:
        """How long it is, about."""
        return len(self.content) + len(self.metadata) + sum(map(len, self.buffers))


class Said(Struct):
    """A message for clients, or of a computation as the store has it; ``buffers`` are bytes, in JSON base64."""

    channel: str
    header: Header
    parent_header: Raw
    metadata: Raw
    content: Raw
    buffers: list[bytes] = []

    @property
    def size_bytes(self) -> int:
        """How long it is, about, without buffers."""
        return HEAD_BYTES + len(memoryview(self.parent_header)) + len(memoryview(self.content))


class _Default(Struct):
    header: Raw
    channel: str = "shell"
    metadata: Raw = _EMPTY
    content: Raw = _EMPTY


_encoder = msgspec.json.Encoder()
_decode_said = msgspec.json.Decoder(Said).decode
_decode_default = msgspec.json.Decoder(_Default).decode
_decode_header = msgspec.json.Decoder(Named).decode


def read(untrusted_bytes: bytes, protocol: str | None) -> Heard:
    """Return the message that a client sent. Raises NotAMessageError."""
    try:
        if protocol == V1:
            return _read_v1(untrusted_bytes)
        if untrusted_bytes[:1] == b"{":
            return _read_default(untrusted_bytes, [])
        text, *buffers = _parts(untrusted_bytes)
        return _read_default(text, buffers)
    except (msgspec.MsgspecError, UnicodeDecodeError, struct.error) as error:
        raise NotAMessageError(str(error)) from error


def stored(message: bytes) -> Said:
    """Return a message of a computation, as the store has it."""
    return _decode_said(message)


def kept(messages: Sequence[Said]) -> list[bytes]:
    """Return messages as the store has those of a computation, the last KEPT_BYTES_MAX of them."""
    texts = [_encoder.encode(said) for said in messages]
    while sum(map(len, texts)) > KEPT_BYTES_MAX:
        del texts[0]
    return texts


def write(said: Said, protocol: str | None) -> tuple[bytes, bool]:
    """Return a message as clients get it, and whether it is a text."""
    texts = [_encoder.encode(said.header), bytes(said.parent_header), bytes(said.metadata), bytes(said.content)]
    if protocol == V1:
        parts = [said.channel.encode(), *texts, *said.buffers]
        starts = _starts(8 * (len(parts) + 2), parts)
        return b"".join([struct.pack(f"<{len(starts) + 1}Q", len(starts), *starts), *parts]), False
    # Some clients (SageMathCell's in Node) look for type and id beside the header, as jupyter_client has it.
    names = _encoder.encode({"msg_id": said.header.msg_id, "msg_type": said.header.msg_type, "channel": said.channel})
    header, parent, metadata, content = texts
    text = b'{"header":%b,"parent_header":%b,"metadata":%b,"content":%b,%b' % (
        header, parent, metadata, content, names[1:-1] + b',"buffers":[]}',
    )  # fmt: skip
    if not said.buffers:
        return text, True
    parts = [text, *said.buffers]
    starts = _starts(4 * (len(parts) + 1), parts)[:-1]
    return b"".join([struct.pack(f"!{len(starts) + 1}I", len(parts), *starts), *parts]), False


def _read_v1(untrusted_bytes: bytes) -> Heard:
    [count] = struct.unpack_from("<Q", untrusted_bytes)
    if not _V1_OFFSETS_MIN <= count <= _V1_OFFSETS_MIN + BUFFERS_MAX:
        raise NotAMessageError(f"it says that it has {count} offsets")
    starts = struct.unpack_from(f"<{count}Q", untrusted_bytes, 8)
    channel, header, _parent, metadata, content, *buffers = _sliced(untrusted_bytes, starts)
    return _heard(channel.decode(), header, metadata, content, buffers)


def _read_default(untrusted_text: bytes, buffers: list[bytes]) -> Heard:
    found = _decode_default(untrusted_text)
    return _heard(found.channel, bytes(found.header), bytes(found.metadata), bytes(found.content), buffers)


def _heard(channel: str, header: bytes, metadata: bytes, content: bytes, buffers: list[bytes]) -> Heard:
    if len(header) > HEADER_BYTES_MAX or len(buffers) > BUFFERS_MAX:
        raise NotAMessageError(f"a header has at most {HEADER_BYTES_MAX} bytes, a message {BUFFERS_MAX} buffers")
    header.decode()
    return Heard(channel, _decode_header(header), Raw(header), content, metadata, buffers)


def _parts(untrusted_bytes: bytes) -> list[bytes]:
    """Return the parts of a message in the default form with buffers: their number, where each begins, and they."""
    [count] = struct.unpack_from("!I", untrusted_bytes)
    if not 1 <= count <= BUFFERS_MAX + 1:
        raise NotAMessageError(f"it says that it has {count} parts")
    return _sliced(untrusted_bytes, [*struct.unpack_from(f"!{count}I", untrusted_bytes, 4), len(untrusted_bytes)])


def _sliced(untrusted_bytes: bytes, untrusted_starts: Sequence[int]) -> list[bytes]:
    length = len(untrusted_bytes)
    pairs = list(pairwise(untrusted_starts))
    if any(not 0 <= start <= end <= length for start, end in pairs):
        raise NotAMessageError("its offsets lie outside of it, or are not in order")
    return [untrusted_bytes[start:end] for start, end in pairs]


def _starts(first: int, parts: Sequence[bytes]) -> list[int]:
    """Return where each part begins behind what stands before the first, and where the last one ends."""
    starts = [first]
    for part in parts:
        starts.append(starts[-1] + len(part))
    return starts
