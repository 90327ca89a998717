"""What has come about one session and waits in order, behind what is being checked."""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence

from device.checked import Checked, Findings
from device.checkers import Job
from device.link import LongOutput
from wire import Closed, File, Finished, Output

Item = Output | LongOutput | File | Finished | Closed | Findings
FRAME_BYTES = 512  # of a frame beside what it carries
SLICE_MESSAGES = 64  # of what was found: then the other sessions have their turn


class Inbox:
    """Frames and findings. ``job``: what is being checked; until it is over, nothing behind it is looked at."""

    def __init__(self) -> None:
        self._items: deque[Item] = deque()
        self.job: Job | None = None
        self.size_bytes = 0
        self.looked = 0.0  # when something was found last, in seconds of the monotonic clock

    @property
    def waits(self) -> bool:
        """Whether what comes now has to wait."""
        return self.job is not None or bool(self._items)

    @property
    def ready(self) -> bool:
        """Whether the next item can be dealt with."""
        return self.job is None and bool(self._items)

    def put(self, item: Item) -> None:
        """Have a frame wait."""
        self._items.append(item)
        self.size_bytes += _size_bytes(item)

    def pop(self) -> Item:
        """Return the next item."""
        item = self._items.popleft()
        self.size_bytes -= _size_bytes(item)
        return item

    def put_found(self, findings: Findings) -> None:
        """Put what was found in front, in slices."""
        messages: Sequence[Checked] = findings.messages
        last = max(0, (len(messages) - 1) // SLICE_MESSAGES * SLICE_MESSAGES)
        self._put_first(Findings(list(messages[last:]), b"", findings.verdict, findings.sentence))
        for start in range(last - SLICE_MESSAGES, -1, -SLICE_MESSAGES):
            self._put_first(Findings(list(messages[start : start + SLICE_MESSAGES])))

    def forget(self) -> None:
        """Forget what was said by a computation that was ended from here; the end of the session is heard."""
        ends = [item for item in self._items if isinstance(item, Closed)]
        self.job, self.size_bytes, self._items = None, 0, deque()
        for end in ends:
            self.put(end)

    def _put_first(self, findings: Findings) -> None:
        self._items.appendleft(findings)
        self.size_bytes += _size_bytes(findings)


def _size_bytes(item: Item) -> int:
    match item:
        case LongOutput():
            return FRAME_BYTES + len(item.untrusted_bytes)
        case File():
            return FRAME_BYTES + len(item.data) + len(item.name)
        case Output():
            # It was decoded because it is short.
            return FRAME_BYTES * (1 + len(item.messages)) + sum(len(m.content) + len(m.metadata) for m in item.messages)
        case Findings():
            return sum(FRAME_BYTES + message.size_bytes for message in item.messages)
    return FRAME_BYTES
