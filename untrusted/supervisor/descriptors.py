"""Waits at the descriptors of the loop, which the kernel is told of once each: no list of them is made for a wait."""

from __future__ import annotations

import select
from contextlib import suppress


class Descriptors:
    """The descriptors of the loop. Speakers are those to which nobody listens while the device takes nothing.

    Each is to be forgotten before it is closed: another process may hold a copy, and the kernel would go on telling.
    """

    def __init__(self) -> None:
        self._all = select.epoll()
        self._speakers = select.epoll()  # one more descriptor among all, while somebody listens
        self._listens = False

    def add(self, descriptor: int) -> None:
        """Wait until there is something to read. Raises PermissionError for a file, which is always readable."""
        self._all.register(descriptor, select.EPOLLIN)

    def add_speaker(self, descriptor: int) -> None:
        """Wait until there is something to read, as long as somebody listens."""
        self._speakers.register(descriptor, select.EPOLLIN)

    def add_full(self, descriptor: int) -> None:
        """Wait until a speaker takes more of what was written to it."""
        with suppress(FileExistsError):
            self._all.register(descriptor, select.EPOLLOUT)

    def forget_full(self, descriptor: int) -> None:
        """Wait no more until a speaker takes more."""
        with suppress(FileNotFoundError):
            self._all.unregister(descriptor)

    def forget(self, descriptor: int) -> None:
        """Wait for nothing more at a descriptor, which is still open."""
        for epoll in (self._all, self._speakers):
            with suppress(FileNotFoundError):
                epoll.unregister(descriptor)

    def wait(self, wait_s: float, listens: bool) -> set[int]:
        """Wait until something happens, so long at most; return where."""
        if listens != self._listens:
            self._listens = listens
            if listens:
                self.add(self._speakers.fileno())
            else:
                self._all.unregister(self._speakers.fileno())
        found = {descriptor for descriptor, _event in self._all.poll(wait_s)}
        if self._speakers.fileno() in found:
            found.update(descriptor for descriptor, _event in self._speakers.poll(0))
        return found
