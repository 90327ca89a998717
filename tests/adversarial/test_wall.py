"""Who else speaks to a supervisor's port is not heard, whatever they know."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import zmq
from zmq.utils.monitor import recv_monitor_message

import wire
from harness.processes import untrusted_python
from harness.supervisor import Supervisor, ship

DEADLINE_MS = 30_000
IN = zmq.EVENT_HANDSHAKE_SUCCEEDED
OUT = (
    zmq.EVENT_HANDSHAKE_FAILED_AUTH, zmq.EVENT_HANDSHAKE_FAILED_PROTOCOL, zmq.EVENT_HANDSHAKE_FAILED_NO_DETAIL,
    zmq.EVENT_DISCONNECTED,
)  # fmt: skip


@pytest.fixture(scope="module")
def supervisor() -> Iterator[Supervisor]:
    """A supervisor that listens."""
    with tempfile.TemporaryDirectory() as folder:
        os.chmod(folder, 0o755)
        started = Supervisor(ship(Path(folder)), untrusted_python())
        assert started.answer == {"listening": started.port}, started.answer
        yield started
        started.stop()


def knock(supervisor: Supervisor, keys: Callable[[zmq.Socket, bytes], None]) -> int:
    """Return how the supervisor's port answers somebody with these keys: the first event that tells."""
    with zmq.Context() as context, context.socket(zmq.DEALER) as stranger:
        stranger.linger = 0
        keys(stranger, supervisor.public_key)
        monitor = stranger.get_monitor_socket()
        stranger.connect(f"tcp://127.0.0.1:{supervisor.port}")
        stranger.send(wire.encode(wire.Open("stolen", "python")))
        while monitor.poll(DEADLINE_MS):
            event = recv_monitor_message(monitor)["event"]
            if event in (IN, *OUT):
                stranger.disable_monitor()
                return event
    raise AssertionError("the port did not answer")


def no_key(_socket: zmq.Socket, _server: bytes) -> None:
    """Speak without encryption."""


def other_key(socket: zmq.Socket, server: bytes) -> None:
    """Know the supervisor's public key, and have one that it was not told of."""
    socket.curve_serverkey = server
    socket.curve_publickey, socket.curve_secretkey = zmq.curve_keypair()


def other_server(socket: zmq.Socket, _server: bytes) -> None:
    """Expect another supervisor behind the port."""
    socket.curve_serverkey = zmq.curve_keypair()[0]
    socket.curve_publickey, socket.curve_secretkey = zmq.curve_keypair()


@pytest.mark.parametrize("keys", [no_key, other_key, other_server], ids=lambda keys: keys.__name__)
def test_nobody_but_the_device_speaks_to_a_supervisor(supervisor, keys):
    """G6"""
    assert knock(supervisor, keys) in OUT


def test_the_device_does(supervisor):
    """G6"""
    supervisor.ready()
    assert supervisor.run("s", "c", "1").state == "done"
    assert not [frame for frame in supervisor.heard if getattr(frame, "session", "s") != "s"]
