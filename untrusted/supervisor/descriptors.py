"""Waits at the descriptors of the loop, which the kernel is told of once each: no list of them is made for a wait.

The kernel counts these for the whole account, and sessions can take all that it allows (docs/security.md): those that
found no place are told to it at each wait.
"""

from __future__ import annotations

import errno
import math
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
        # Those that found no place, with what is waited for, and whether they are speakers.
        self._beside: set[tuple[int, int, bool]] = set()

    def add(self, descriptor: int) -> None:
        """Wait until there is something to read. Raises PermissionError for a file, which is always readable."""
        self._add(descriptor, select.EPOLLIN)

    def add_speaker(self, descriptor: int) -> None:
        """Wait until there is something to read, as long as somebody listens."""
        self._add(descriptor, select.EPOLLIN, is_speaker=True)

    def hush(self, descriptor: int) -> None:
        """Do not wait until a speaker says something; it may be added again."""
        self._beside.discard((descriptor, select.EPOLLIN, True))
        with suppress(FileNotFoundError):
            self._speakers.unregister(descriptor)

    def add_full(self, descriptor: int) -> None:
        """Wait until a speaker takes more of what was written to it."""
        with suppress(FileExistsError):
            self._add(descriptor, select.EPOLLOUT)

    def _add(self, descriptor: int, event: int, is_speaker: bool = False) -> None:
        try:
            (self._speakers if is_speaker else self._all).register(descriptor, event)
        except OSError as error:
            if error.errno not in (errno.ENOSPC, errno.ENOMEM):
                raise
            self._beside.add((descriptor, event, is_speaker))

    def forget_full(self, descriptor: int) -> None:
        """Wait no more until a speaker takes more."""
        self._drop(descriptor, select.EPOLLOUT)

    def _drop(self, descriptor: int, event: int) -> None:
        self._beside.discard((descriptor, event, False))
        with suppress(FileNotFoundError):
            self._all.unregister(descriptor)

    def forget(self, descriptor: int) -> None:
        """Wait for nothing more at a descriptor, which is still open."""
        if self._beside:
            self._beside = {one for one in self._beside if one[0] != descriptor}
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
                self._drop(self._speakers.fileno(), select.EPOLLIN)
        found = self._wait_beside(wait_s) if self._beside else set[int]()
        found.update(descriptor for descriptor, _event in self._all.poll(0 if self._beside else wait_s))
        if self._speakers.fileno() in found:
            found.update(descriptor for descriptor, _event in self._speakers.poll(0))
        return found

    def _wait_beside(self, wait_s: float) -> set[int]:
        events = {self._all.fileno(): select.POLLIN}
        for descriptor, event, is_speaker in self._beside:
            if self._listens or not is_speaker:
                events[descriptor] = events.get(descriptor, 0) | event
        poll = select.poll()
        for descriptor, event in events.items():
            poll.register(descriptor, event)
        return {descriptor for descriptor, _event in poll.poll(math.ceil(wait_s * 1000))}
