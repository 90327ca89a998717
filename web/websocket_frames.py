"""Takes the frames of a WebSocket's client apart, and makes the server's (RFC 6455, 5)."""

from __future__ import annotations

import struct
from collections.abc import Iterator

CONTINUATION, TEXT, BINARY, CLOSE, PING, PONG = 0x0, 0x1, 0x2, 0x8, 0x9, 0xA
PROTOCOL, TOO_LONG = 1002, 1009  # why a socket is closed: RFC 6455, 7.4.1
MESSAGE_BYTES_MAX = 1 << 20
_CONTROL_BYTES_MAX = 125  # RFC 6455, 5.5
PART_BYTES_MIN = 1 << 10  # of a message; shorter ones cost more than what they carry
_HEAD_BYTES = 2
_KEY_BYTES = 4
_LENGTHS = {126: (">H", 2), 127: (">Q", 8)}  # of payloads, as the head announces them


class FrameError(ValueError):
    """What came is no frame that a client may send. ``code``: with which the socket is to be closed."""

    def __init__(self, code: int, what: str) -> None:
        super().__init__(what)
        self.code = code


class Frames:
    """What came of one client's frames and is not taken apart yet, and the message whose parts come in several."""

    def __init__(self) -> None:
        self._rest = bytearray()
        self._parts: bytearray | None = None

    def add(self, untrusted_bytes: bytes) -> None:
        """Add what came next."""
        self._rest += untrusted_bytes

    def whole(self) -> Iterator[tuple[int, bytes]]:
        """Yield each message (as BINARY) and each control frame that is whole, with its payload. Raises FrameError.

        Of short parts that are not the last of their message it yields CONTINUATION, without what they carry. What is
        not asked for stays for the next time.
        """
        while (frame := self._next()) is not None:
            is_last, kind, payload = frame
            if kind >= CLOSE:
                yield kind, payload
                continue
            if (kind == CONTINUATION) != (self._parts is not None):
                raise FrameError(PROTOCOL, "the parts of a message are not in order")
            if self._parts is not None:
                self._parts += payload
            elif not is_last:
                self._parts = bytearray(payload)
            if is_last:
                message, self._parts = payload if self._parts is None else bytes(self._parts), None
                yield BINARY, message
            elif len(payload) < PART_BYTES_MIN:
                yield CONTINUATION, b""

    def _next(self) -> tuple[bool, int, bytes] | None:
        """Take the next frame out, if it is whole."""
        rest, start = self._rest, _HEAD_BYTES
        if len(rest) < start:
            return None
        is_last, kind, length = bool(rest[0] & 0x80), rest[0] & 0x0F, rest[1] & 0x7F
        if rest[0] & 0x70 or kind not in (CONTINUATION, TEXT, BINARY, CLOSE, PING, PONG) or not rest[1] & 0x80:
            raise FrameError(PROTOCOL, "a frame has bits that mean nothing here, or no mask")
        if kind >= CLOSE and (length > _CONTROL_BYTES_MAX or not is_last):
            raise FrameError(PROTOCOL, "a control frame is long, or in parts")
        if length in _LENGTHS:
            form, size_bytes = _LENGTHS[length]
            if len(rest) < start + size_bytes:
                return None
            [length] = struct.unpack_from(form, rest, start)
            start += size_bytes
        if len(self._parts or b"") + length > MESSAGE_BYTES_MAX:
            raise FrameError(TOO_LONG, f"a message has at most {MESSAGE_BYTES_MAX} bytes")
        end = start + _KEY_BYTES + length
        if len(rest) < end:
            return None
        payload = _masked(rest[start + _KEY_BYTES : end], rest[start : start + _KEY_BYTES])
        del rest[:end]
        return is_last, kind, payload


def head(kind: int, length: int) -> bytes:
    """Return what stands before the payload of a server's frame, which is neither masked nor in parts."""
    if length < 126:
        return bytes((0x80 | kind, length))
    if length < 1 << 16:
        return struct.pack(">BBH", 0x80 | kind, 126, length)
    return struct.pack(">BBQ", 0x80 | kind, 127, length)


def _masked(payload: bytearray, key: bytearray) -> bytes:
    """Return the payload without its mask: as two numbers, for Python is slow byte by byte."""
    length = len(payload)
    keys = int.from_bytes((key * (length // _KEY_BYTES + 1))[:length], "big")
    return (int.from_bytes(payload, "big") ^ keys).to_bytes(length, "big")
