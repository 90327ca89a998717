"""An open WebSocket: its pings tell what has come, and who neither answers nor reads is cut."""

from __future__ import annotations

import socket
import struct
from collections.abc import Iterator
from contextlib import closing

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec import Raw

from store import Position
from web import websockets
from web.doors.kernels_frames import Header, Said
from web.doors.kernels_reading import SAID_BYTES_MAX, Reading
from web.websockets import (
    MESSAGE_BYTES_MAX,
    NOT_A_MESSAGE,
    PART_BYTES_MIN,
    PINGS_MAX,
    TOO_LONG,
    WRITE_BYTES,
    ClosedError,
    WebSocket,
)

TEXT, PING, PONG = 0x1, 0x9, 0xA
PROTOCOL = 1002
KEY = b"\x12\x34\x56\x78"


@pytest.fixture
def ends() -> Iterator[tuple[WebSocket, socket.socket]]:
    """A socket's end and its client's."""
    ours, theirs = socket.socketpair()
    with ours, theirs:
        opened = WebSocket(ours.fileno())
        yield opened, theirs
        opened.close(1000)


def pong(number: int) -> bytes:
    """Return a client's answer to a ping, with a mask that changes nothing."""
    return bytes((0x80 | PONG, 0x80 | 4)) + bytes(4) + number.to_bytes(4, "big")


def frame(first: int, payload: bytes = b"") -> bytes:
    """Return a client's short frame, with a mask that changes nothing."""
    return bytes((first, 0x80 | len(payload))) + bytes(4) + payload


def hear(opened: WebSocket) -> int:
    """Return which ping is answered, after what has come was read."""
    assert [message for message in opened.receive() if message is not None] == []
    return opened.answered


def test_each_frame_of_which_a_client_may_send_any_number_is_told(ends):
    opened, client = ends
    opened.send(b"x", is_text=True)
    opened.flush()
    wanted, again, unasked = pong(1), pong(1), frame(0x80 | PONG, b"unasked")
    parts = frame(TEXT, b"a") + frame(0x00, b"") + frame(0x80, b"b")
    client.sendall(wanted + again + unasked + frame(0x80 | PING) * 3 + parts)
    found = list(opened.receive())
    assert found == [None] * (2 + 3 + 2) + [b"ab"]


@pytest.mark.parametrize("answers", [False, True], ids=["no ping answered", "each ping answered"])
def test_what_no_computation_said_is_kept_until_it_is_read_up_to_a_bound(ends, answers):
    opened, client = ends
    reading = Reading(opened)
    reading.begin(Position())
    content = Raw(b'"%b"' % (b"x" * (SAID_BYTES_MAX // 4)))
    told = [Said("shell", Header("reply", str(place)), Raw(b"{}"), Raw(b"{}"), content) for place in range(6)]
    for number, said in enumerate(told, 1):
        reading.add(said)
        opened.send(b"x", is_text=True)
        opened.flush()
        if answers:
            client.sendall(pong(number))
            hear(opened)
    assert reading.unread == ([] if answers else told[-3:])


def test_a_ping_follows_what_is_written_at_once_and_its_answer_counts(ends):
    opened, client = ends
    for text in (b"one", b"two"):
        opened.send(text, is_text=True)
    opened.flush()
    opened.flush()
    assert client.recv(100) == b"\x81\x03one\x81\x03two\x89\x04" + (1).to_bytes(4, "big") and opened.pings == 1
    opened.send(b"three", is_text=True)
    opened.flush()
    client.sendall(pong(3) + pong(1))
    assert hear(opened) == 1  # nobody has been sent the third
    client.sendall(pong(2) + pong(1))
    assert hear(opened) == 2


def test_long_messages_are_pinged_on_their_way_and_pings_wait_for_answers(ends):
    opened, client = ends
    opened.send(b"x" * WRITE_BYTES, is_text=False)
    assert opened.pings == 1
    for _ in range(PINGS_MAX + 5):
        client.recv(WRITE_BYTES * 2)
        opened.send(b"x", is_text=False)
        opened.flush()
    assert opened.pings == PINGS_MAX
    client.sendall(pong(PINGS_MAX))
    assert hear(opened) == PINGS_MAX
    opened.flush()
    assert opened.pings == PINGS_MAX + 1  # for what was sent meanwhile


def test_who_answers_no_ping_and_who_takes_nothing_is_cut(ends, monkeypatch):
    opened, client = ends
    opened.send(b"x", is_text=False)
    opened.flush()
    monkeypatch.setattr(websockets, "PONG_S", -1.0)
    with pytest.raises(ClosedError):
        list(opened.receive())
    client.sendall(pong(1))
    monkeypatch.setattr(websockets, "PONG_S", 45.0)
    assert hear(opened) == 1
    monkeypatch.setattr(websockets, "STALL_S", 0.05)
    with pytest.raises(ClosedError):
        for _ in range(100):
            opened.send(b"x" * WRITE_BYTES, is_text=False)


def masked(payload: bytes, first: int = 0x82, mask: int = 0x80) -> bytes:
    """Return a client's frame; ``first``: its bits and its kind."""
    size = len(payload)
    if size < 126:
        start = bytes((first, mask | size))
    else:
        form, code = (">BBH", 126) if size < 1 << 16 else (">BBQ", 127)
        start = struct.pack(form, first, mask | code, size)
    keys = int.from_bytes((KEY * (size // 4 + 1))[:size], "big")
    return start + KEY + (int.from_bytes(payload, "big") ^ keys).to_bytes(size, "big")


def received(sent: bytes, piece_bytes: int = 4096) -> list[bytes | None]:
    """Return what is received of these bytes, in pieces. Raises ClosedError."""
    ours, theirs = socket.socketpair()
    with ours, theirs, closing(Ended(WebSocket(ours.fileno()))) as ended:
        found: list[bytes | None] = []
        for start in range(0, len(sent), piece_bytes):
            theirs.sendall(sent[start : start + piece_bytes])
            found += ended.opened.receive()
        return found


class Ended:
    """A socket that is closed at its end."""

    def __init__(self, opened: WebSocket) -> None:
        self.opened = opened

    def close(self) -> None:
        self.opened.close(1000)


@given(st.lists(st.binary(max_size=300), min_size=1, max_size=4), st.integers(1, 400), st.booleans())
def test_messages_come_whole_in_whatever_pieces(messages, piece_bytes, is_in_parts):
    sent = b""
    for message in messages:
        middle = len(message) // 2 if is_in_parts else len(message)
        sent += masked(message[:middle], 0x02 if is_in_parts else 0x82) + masked(b"ping", 0x89)
        sent += masked(message[middle:], 0x80) if is_in_parts else b""
    assert [message for message in received(sent, piece_bytes) if message is not None] == messages


REFUSED = {
    "bits that mean nothing": (masked(b"x", 0xC2), PROTOCOL),
    "a kind that is not there": (masked(b"x", 0x83), PROTOCOL),
    "no mask": (masked(b"x", mask=0), PROTOCOL),
    "a long control frame": (masked(b"x" * 126, 0x89), PROTOCOL),
    "a control frame in parts": (masked(b"x", 0x09), PROTOCOL),
    "a part of nothing": (masked(b"x", 0x80), PROTOCOL),
    "a message within another one": (masked(b"x", 0x02) + masked(b"x", 0x82), PROTOCOL),
    "a byte too many": (masked(b"x" * (MESSAGE_BYTES_MAX + 1)), TOO_LONG),
    "parts with a byte too many": (masked(b"x", 0x02) + masked(b"x" * MESSAGE_BYTES_MAX, 0x80), TOO_LONG),
    "a text that is none": (masked(b"\xff", 0x81), NOT_A_MESSAGE),
}


@pytest.mark.parametrize("case", REFUSED)
def test_what_is_no_frame_of_a_client_is_refused_with_its_code(case):
    sent, code = REFUSED[case]
    with pytest.raises(ClosedError) as refused:
        received(sent, 65536)
    assert refused.value.code == code


def test_the_longest_message_is_taken():
    assert received(masked(b"x" * MESSAGE_BYTES_MAX), 65536) == [b"x" * MESSAGE_BYTES_MAX]


@pytest.mark.parametrize(("length", "told"), [(PART_BYTES_MIN - 1, 1), (PART_BYTES_MIN, 0), (PART_BYTES_MIN + 1, 0)])
def test_short_parts_of_a_message_are_told_one_by_one(length, told):
    message = b"x" * length + b"y"
    assert received(masked(b"x" * length, 0x02) + masked(b"y", 0x80)) == [None] * told + [message]
