"""Sends what the device gets when a turn ends: its files in pieces, the messages held back, the end."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Iterable, Iterator
from contextlib import closing

import msgspec

from untrusted.channel import carried_bytes
from untrusted.supervisor.output_files import Complaints, Walk, harvest
from untrusted.supervisor.turn import Turn
from untrusted.supervisor.work_directory import WorkDirectory
from wire import FRAME_BYTES_MAX, MESSAGES_MAX, File, Finished, Frame, Limits, Message, Output

ROUND_S = 0.001  # how long one round of the loop works on deliveries; then it hears who speaks
# A message fits in (a worker's frame held it), and so do the names of fields around all of them.
OUTPUT_BYTES_MAX = FRAME_BYTES_MAX - (128 << 10)
Work = Iterator[Frame | None]


class Deliveries:
    """The queue of work that is done bit by bit: of each session in turn a frame, or a slice of a look at files.

    Files of several pieces go one by one over the whole connection; the shortest that waits is the next.
    """

    def __init__(self) -> None:
        self._works: dict[str, deque[Work]] = {}
        self._order: deque[str] = deque()
        self._sending: str | None = None  # the session whose file is on its way
        self._held: dict[str, File] = {}  # first pieces of files that wait for its end

    def __bool__(self) -> bool:
        return bool(self._works)

    def add(self, session: str, work: Work) -> None:
        """Let a session do this work when it has done what it was given before."""
        if session not in self._works:
            self._works[session] = deque()
            self._order.appendleft(session)  # most have little to say
        self._works[session].append(work)

    def frames(self) -> Iterator[Frame]:
        """Yield what can be sent now, in about ``ROUND_S``; the receiver stops when it can take no more."""
        until = time.monotonic() + ROUND_S
        while self._order:
            session = self._order[0]
            self._order.rotate(-1)
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
                    self._order.remove(session)
                return None
        return self._one_file_at_a_time(session, frame) if isinstance(frame, File) else frame

    def _one_file_at_a_time(self, session: str, piece: File) -> File | None:
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


def deliver(turn: Turn, directory: WorkDirectory, limits: Limits, end: Finished) -> Work:
    """Yield the frames that end a turn, one at a time, so that a big file is never whole in memory.

    What lies in the session's directory then is what its next turn finds there.
    """
    sentences: list[str] = []
    complaints = Complaints(sentences)
    if not turn.unchanged:
        walk = Walk(directory.handle, complaints)
        with closing(walk):
            yield from walk.slices()
        directory.files = walk.found if walk.whole else {**turn.files_before, **walk.found}
        for file in harvest(directory.handle, walk.changed(turn.files_before), limits, complaints):
            if file is None:
                yield None
                continue
            name, size_bytes, pieces = file
            for data, last in pieces:
                yield File(end.session, end.computation, name, size_bytes, data, last)
    tail = turn.tail if end.state == "done" else []
    yield from outputs(end.session, end.computation, [*_told(sentences), *tail])
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


def _told(complaints: list[str]) -> list[Message]:
    """Return what the reader is told about files that are not handed over."""
    if not complaints:
        return []
    text = "".join(f"{sentence}\n" for sentence in complaints)
    return [Message("stream", msgspec.json.encode({"name": "stderr", "text": text}))]
