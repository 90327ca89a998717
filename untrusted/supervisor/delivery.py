"""What goes to the device when a computation ends: its files in pieces, the messages held back, the end."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Iterable, Iterator
from contextlib import closing

import msgspec

from untrusted.channel import carried_bytes
from untrusted.supervisor.output_files import Refusals, Walk, harvest
from untrusted.supervisor.session import Cell, Session
from untrusted.supervisor.worker_process import WorkerProcess
from wire import FRAME_BYTES_MAX, MESSAGES_MAX, File, Finished, Frame, Limits, Message, Output

ROUND_S = 0.001  # how long one round of the loop works on deliveries; then it hears who speaks
# A message fits in (a worker's frame held it), and so do the names of fields around all of them.
OUTPUT_BYTES_MAX = FRAME_BYTES_MAX - (128 << 10)
Work = Iterator[Frame | None]


class Deliveries:
    """What each session has still to say or to look at, bit by bit: a frame, or a slice of work, of each in turn.

    Files of several pieces go one by one over the whole connection; the shortest that waits is the next.
    """

    def __init__(self) -> None:
        self._works: dict[str, deque[Work]] = {}
        self._turns: deque[str] = deque()
        self._sending: str | None = None  # the session whose file is on its way
        self._held: dict[str, File] = {}  # first pieces of files that wait for its end

    def __bool__(self) -> bool:
        return bool(self._works)

    def add(self, session: str, work: Work) -> None:
        """Let a session do this work when it has done what it was given before."""
        if session not in self._works:
            self._works[session] = deque()
            self._turns.appendleft(session)  # most have little to say
        self._works[session].append(work)

    def frames(self) -> Iterator[Frame]:
        """Yield what can be sent now, in about ``ROUND_S``; the receiver stops when it can take no more."""
        until = time.monotonic() + ROUND_S
        while self._turns:
            session = self._turns[0]
            self._turns.rotate(-1)
            frame = self._next_of(session)
            if frame is not None:
                yield frame
            if time.monotonic() > until:
                return

    def _next_of(self, session: str) -> Frame | None:
        works = self._works[session]
        frame: Frame | None = self._held.get(session)
        if frame is None:
            try:
                frame = next(works[0])
            except StopIteration:
                works.popleft()
                if not works:
                    del self._works[session]
                    self._turns.remove(session)
                return None
        return self._in_its_lane(session, frame) if isinstance(frame, File) else frame

    def _in_its_lane(self, session: str, piece: File) -> File | None:
        """Return the piece if it may go now; the first of several waits while another session's file is on its way."""
        if self._sending == session:
            self._sending = None if piece.last else session
        elif not piece.last:
            self._held[session] = piece
            first = min(self._held, key=lambda other: self._held[other].size_bytes)
            if self._sending is not None or first != session:
                return None
            del self._held[session]
            self._sending = session
        return piece


def deliver(session: Session, cell: Cell, slot: WorkerProcess, limits: Limits, end: Finished) -> Work:
    """Yield the frames that end a computation, one at a time, so that a big file is never whole in memory.

    What lies in the session's directory then is what its next computation finds there.
    """
    sentences: list[str] = []
    refusals = Refusals(sentences)
    if slot.work_directory is not None and not cell.unchanged:
        walk = Walk(slot.work_directory, refusals)
        with closing(walk):
            yield from walk.slices()
        session.files = walk.found if walk.whole else {**cell.files_before, **walk.found}
        for file in harvest(slot.work_directory, walk.changed(cell.files_before), limits, refusals):
            if file is None:
                yield None
                continue
            name, size_bytes, pieces = file
            for data, last in pieces:
                yield File(session.id, cell.computation, name, size_bytes, data, last)
    tail = cell.tail if end.state == "done" else []
    yield from outputs(session.id, cell.computation, [*_told(sentences), *tail])
    yield end


def outputs(session: str, computation: str, messages: Iterable[Message]) -> Iterator[Output]:
    """Yield messages in frames that the device takes, in order."""
    fitting: list[Message] = []
    size_bytes = 0
    for message in messages:
        more_bytes = carried_bytes(message)
        if fitting and (size_bytes + more_bytes > OUTPUT_BYTES_MAX or len(fitting) == MESSAGES_MAX):
            yield Output(session, computation, fitting)
            fitting, size_bytes = [], 0
        fitting.append(message)
        size_bytes += more_bytes
    if fitting:
        yield Output(session, computation, fitting)


def _told(refusals: list[str]) -> list[Message]:
    """Return what the student reads of files that are not handed over."""
    if not refusals:
        return []
    text = "".join(f"{sentence}\n" for sentence in refusals)
    return [Message("stream", msgspec.json.encode({"name": "stderr", "text": text}))]
