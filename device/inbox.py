"""Keeps what has come about one session in order, while something before it is being checked."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass

from device.checking.pool import Job
from device.checking.results import Packed, Verdict
from device.connect.connection import LongOutput
from wire import Closed, File, Finished, Output

FRAME_BYTES = 512  # of a frame beside what it carries


@dataclass(frozen=True)
class Found:
    """A slice of what a checker found, packed; or, behind the slices, what is wrong with the next message."""

    packed: bytes = b""
    verdict: Verdict = "right"
    sentence: str = ""


Item = Output | LongOutput | File | Finished | Closed | Found


class Inbox:
    """The queue of one session's frames and findings.

    ``job``: what is being checked; nothing behind it is looked at before it is over. ``closes``: whether the session's
    end is in the queue, which nothing may follow. ``looked``: when something was found last, by the monotonic clock.
    """

    def __init__(self) -> None:
        self._items: deque[Item] = deque()
        self.job: Job | None = None
        self.size_bytes = 0
        self.closes = False
        self.looked = 0.0

    @property
    def waits(self) -> bool:
        """Whether what comes now has to wait."""
        return self.job is not None or bool(self._items)

    @property
    def held_bytes(self) -> int:
        """How many bytes wait or are being checked."""
        return self.size_bytes + (len(self.job.untrusted_bytes) if self.job else 0)

    @property
    def ready(self) -> bool:
        """Whether the next item can be dealt with."""
        return self.job is None and bool(self._items)

    def put(self, item: Item) -> None:
        """Add a frame."""
        self._items.append(item)
        self.size_bytes += _size_bytes(item)
        self.closes = self.closes or isinstance(item, Closed)

    def pop(self) -> Item:
        """Return the next item."""
        item = self._items.popleft()
        self.size_bytes -= _size_bytes(item)
        return item

    def put_found(self, findings: Packed) -> None:
        """Put what was found in front, in slices: after each, other sessions have their turn."""
        items = [Found(packed) for packed in findings.slices]
        if findings.verdict != "right":
            items.append(Found(b"", findings.verdict, findings.sentence))
        for item in reversed(items):
            self._items.appendleft(item)
            self.size_bytes += _size_bytes(item)

    def forget(self) -> None:
        """Forget what was said by a run that was ended from here, but not the end of the session."""
        ends = [item for item in self._items if isinstance(item, Closed)]
        self.job, self.size_bytes, self._items = None, 0, deque()
        for end in ends:
            self.put(end)


def _size_bytes(item: Item) -> int:
    match item:
        case LongOutput():
            return FRAME_BYTES + len(item.untrusted_bytes)
        case File():
            return FRAME_BYTES + len(item.data) + len(item.name)
        case Output():
            # It was decoded because it is short.
            return FRAME_BYTES * (1 + len(item.messages)) + sum(len(m.content) + len(m.metadata) for m in item.messages)
        case Found():
            return FRAME_BYTES + len(item.packed)
    return FRAME_BYTES
