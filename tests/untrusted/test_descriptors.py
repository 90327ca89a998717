"""Where something happens is told, also when the kernel takes no more descriptors of this account to watch."""

from __future__ import annotations

import errno
import os
import select
import socket
from collections.abc import Iterator

import pytest

from untrusted.supervisor.descriptors import Descriptors


class Full:
    """An epoll that takes no descriptor: those of the account have all that the kernel allows."""

    def __init__(self) -> None:
        self._epoll = select.epoll()
        self.fileno, self.poll, self.unregister = self._epoll.fileno, self._epoll.poll, self._epoll.unregister

    def register(self, _descriptor: int, _event: int) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")


@pytest.fixture(params=["room", "full"])
def descriptors(request: pytest.FixtureRequest) -> Descriptors:
    made = Descriptors()
    if request.param == "full":
        made._all, made._speakers = Full(), Full()  # type: ignore[assignment]
    return made


@pytest.fixture
def pair() -> Iterator[tuple[socket.socket, socket.socket]]:
    ours, theirs = socket.socketpair()
    with ours, theirs:
        ours.setblocking(False)
        yield ours, theirs


def test_a_speaker_is_heard_while_somebody_listens(descriptors, pair):
    ours, theirs = pair
    descriptors.add_speaker(ours.fileno())
    theirs.send(b"x")
    assert ours.fileno() in descriptors.wait(10, listens=True)
    assert ours.fileno() not in descriptors.wait(0, listens=False)
    assert ours.fileno() in descriptors.wait(10, listens=True)
    descriptors.forget(ours.fileno())
    assert ours.fileno() not in descriptors.wait(0, listens=True)


def test_a_speaker_that_takes_more_is_told_until_that_is_forgotten(descriptors, pair):
    ours, _theirs = pair
    descriptors.add_speaker(ours.fileno())
    for _ in range(2):
        descriptors.add_full(ours.fileno())
    assert ours.fileno() in descriptors.wait(10, listens=False)
    descriptors.forget_full(ours.fileno())
    assert ours.fileno() not in descriptors.wait(0, listens=True)


def test_the_end_of_a_process_is_told_whether_anybody_listens_or_not(descriptors):
    pid = os.fork()
    if pid == 0:
        os._exit(0)
    pidfd = os.pidfd_open(pid)
    descriptors.add(pidfd)
    assert pidfd in descriptors.wait(10, listens=False)
    os.waitpid(pid, 0)
    os.close(pidfd)
