"""An open WebSocket: its pings tell what has come, and who neither answers nor reads is cut."""

from __future__ import annotations

import socket
from collections.abc import Iterator

import pytest
from msgspec import Raw

from store import Position
from web import websockets
from web.doors.kernels_frames import Header, Said
from web.doors.kernels_reading import SAID_BYTES_MAX, Reading
from web.websocket_frames import PING, PONG, TEXT
from web.websockets import PINGS_MAX, WRITE_BYTES, ClosedError, WebSocket


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
