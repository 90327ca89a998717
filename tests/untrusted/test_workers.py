"""What a worker says that only hostile code says ends its own session, and no other."""

from __future__ import annotations

import pytest

import wire
from tests.untrusted.hostile import SPEAK
from untrusted.channel import SAID_MESSAGES_MAX

HOSTILE = {
    "too many messages in a frame": f"send(said({SAID_MESSAGES_MAX + 1}) + message * {SAID_MESSAGES_MAX + 1})",
    "400,000 messages in a frame": "send(said(400_000) + bytes(400_000))",
    "a field said again and again": (
        "send(b'\\xdf' + struct.pack('>I', 300_002) + text('type') + text('said')"
        " + (text('messages') + b'\\x90') * 300_000 + text('messages') + b'\\x91' + message)"
    ),
    "a type that is a novel": (
        "send(said(1) + b'\\x82' + text('msg_type') + b'\\xdb' + struct.pack('>I', 1 << 20) + b'x' * (1 << 20)"
        " + text('content') + raw(b'{}'))"
    ),
    "65 buffers": "send(said(1) + message[:-1] + b'\\xdc' + struct.pack('>H', 65) + raw(b'') * 65)",
    "the end of a cell, twice": "for _ in range(2): send(b'\\x81' + text('type') + text('over'))",
}


@pytest.mark.parametrize("what", HOSTILE)
def test_what_only_hostile_code_says_ends_its_session_alone(supervisor, what):
    supervisor.send(wire.Open(f"beside {what}", "python"))
    end = supervisor.run(what, what, f"{SPEAK}{HOSTILE[what]}\ntime.sleep(1000)", last=False)
    assert (end.state, end.reason) == ("failed", "protocol") or "twice" in what
    beside = supervisor.run(f"beside {what}", f"beside {what}", "1 + 1", opened=True)
    assert beside.state == "done"


def test_as_many_messages_as_a_frame_may_hold_are_passed_on(supervisor):
    code = f"{SPEAK}send(said({SAID_MESSAGES_MAX}) + message * {SAID_MESSAGES_MAX})"
    assert supervisor.run("most", "most", code).state == "done"
    assert sum(kind == "clear_output" for kind, _content in supervisor.messages("most")) == SAID_MESSAGES_MAX


def test_a_worker_that_closes_its_socket_and_lives_on_is_ended(supervisor):
    code = "import os, time\nos.closerange(3, 500)\ntime.sleep(1000)"
    end = supervisor.run("hung up", "hung up", code)
    assert (end.state, end.reason) == ("failed", "kernel_died")
