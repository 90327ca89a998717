"""Frames of WebSockets, in whatever pieces they come."""

from __future__ import annotations

import struct

import pytest
from hypothesis import given
from hypothesis import strategies as st

from web.websocket_frames import (
    BINARY,
    CLOSE,
    CONTINUATION,
    MESSAGE_BYTES_MAX,
    PART_BYTES_MIN,
    PING,
    PROTOCOL,
    TOO_LONG,
    FrameError,
    Frames,
    head,
)

KEY = b"\x12\x34\x56\x78"


def frame(payload: bytes, first: int = 0x82, mask: int = 0x80, length: int | None = None) -> bytes:
    """Return a client's frame; ``first``: its bits and its kind, ``length``: the one that it announces."""
    size = len(payload) if length is None else length
    if size < 126:
        start = bytes((first, mask | size))
    else:
        form, code = (">BBH", 126) if size < 1 << 16 else (">BBQ", 127)
        start = struct.pack(form, first, mask | code, size)
    return start + KEY + bytes(byte ^ KEY[place % 4] for place, byte in enumerate(payload))


MESSAGES = st.lists(st.binary(max_size=300), min_size=1, max_size=4)


@given(MESSAGES, st.lists(st.integers(1, 400), max_size=20), st.booleans())
def test_messages_come_whole_in_whatever_pieces(messages, cuts, is_in_parts):
    sent = b""
    for message in messages:
        middle = len(message) // 2 if is_in_parts else len(message)
        sent += frame(message[:middle], 0x02 if is_in_parts else 0x82) + frame(b"ping", 0x89)
        sent += frame(message[middle:], 0x80) if is_in_parts else b""
    frames, found = Frames(), []
    for cut in [*cuts, len(sent)]:
        frames.add(sent[:cut])
        sent = sent[cut:]
        found += frames.whole()
    assert [payload for kind, payload in found if kind == BINARY] == messages
    assert [payload for kind, payload in found if kind == PING] == [b"ping"] * len(messages)


REFUSED = {
    "bits that mean nothing": (frame(b"x", 0xC2), PROTOCOL),
    "a kind that is not there": (frame(b"x", 0x83), PROTOCOL),
    "no mask": (frame(b"x", mask=0), PROTOCOL),
    "a long control frame": (frame(b"x" * 126, 0x89), PROTOCOL),
    "a control frame in parts": (frame(b"x", 0x09), PROTOCOL),
    "a part of nothing": (frame(b"x", 0x80), PROTOCOL),
    "a message within another one": (frame(b"x", 0x02) + frame(b"x", 0x82), PROTOCOL),
    "a byte too many": (frame(b"", length=MESSAGE_BYTES_MAX + 1), TOO_LONG),
    "parts with a byte too many": (frame(b"x", 0x02) + frame(b"", 0x80, length=MESSAGE_BYTES_MAX), TOO_LONG),
}


@pytest.mark.parametrize("case", REFUSED)
def test_what_is_no_frame_of_a_client_is_refused_with_its_code(case):
    sent, code = REFUSED[case]
    frames = Frames()
    frames.add(sent)
    with pytest.raises(FrameError) as refused:
        list(frames.whole())
    assert refused.value.code == code


def test_the_longest_message_is_taken_and_what_is_not_asked_for_stays():
    frames = Frames()
    frames.add(frame(b"x" * MESSAGE_BYTES_MAX) + frame(b"y", 0x81) + frame(b"\x03\xe8", 0x88))
    first = next(frames.whole())
    assert first == (BINARY, b"x" * MESSAGE_BYTES_MAX)
    assert list(frames.whole()) == [(BINARY, b"y"), (CLOSE, b"\x03\xe8")]


@pytest.mark.parametrize(("length", "told"), [(PART_BYTES_MIN - 1, 1), (PART_BYTES_MIN, 0), (PART_BYTES_MIN + 1, 0)])
def test_short_parts_of_a_message_are_told_one_by_one(length, told):
    frames = Frames()
    frames.add(frame(b"x" * length, 0x02) + frame(b"y", 0x80))
    message = BINARY, b"x" * length + b"y"
    assert list(frames.whole()) == [(CONTINUATION, b"")] * told + [message]


def test_the_servers_frames_say_their_length_in_the_shortest_form():
    assert [len(head(BINARY, length)) for length in (125, 126, 65535, 65536)] == [2, 4, 4, 10]
