"""Sends what the device gets when a turn ends: its files in pieces, the messages held back, the end."""

from __future__ import annotations

import math
import time
from collections import deque
from collections.abc import Iterable, Iterator
from contextlib import closing

import msgspec

from untrusted.channel import carried_bytes
from untrusted.supervisor.output_files import Complaints, Walk, harvest
from untrusted.supervisor.pace import FILES_BYTES_S, OUTPUT_BYTES_S, Pace
from untrusted.supervisor.turn import Turn
from untrusted.supervisor.work_directory import WorkDirectory
from wire import FRAME_BYTES_MAX, MESSAGES_MAX, File, Finished, Frame, Limits, Message, Output

ROUND_S = 0.001  # how long one round of the loop works on deliveries; then it hears who speaks
# A message fits in (a worker's frame held it), and so do the names of fields around all of them.
OUTPUT_BYTES_MAX = FRAME_BYTES_MAX - (128 << 10)
Work = Iterator[Frame | None]


class Deliveries:
    """The queue of work that is done bit by bit: of each session in turn a frame, or a slice of a look at files.

    Files of several pieces go one by one over the whole connection; the shortest that waits is the next. ``pace``: of
    all files, ``output_pace``: of what kernels say.
    """

    def __init__(self) -> None:
        self.pace, self.output_pace = Pace(FILES_BYTES_S), Pace(OUTPUT_BYTES_S)
        self._works: dict[str, deque[Work]] = {}
        self._order: deque[str] = deque()
        self._sending: str | None = None  # the session whose file is on its way
        self._held: dict[str, File] = {}  # first pieces of files that wait for its end, or for the pace

    def __bool__(self) -> bool:
        return bool(self._works)

    def add(self, session: str, work: Work) -> None:
        """Let a session do this work when it has done what it was given before."""
        if session not in self._works:
            self._works[session] = deque()
            self._order.appendleft(session)  # most have little to say
        self._works[session].append(work)

    def begin(self, session: str, now: float) -> None:
        """Note that a session begins to run: what is long gives way to it."""
        self.pace.begin(session, now)
        self.output_pace.begin(session, now)

    def wait_s(self, now: float) -> float:
        """Return when there is something to send or to look at next, in seconds from now."""
        return min((self._wait_s(session, now) for session in self._order), default=math.inf)

    def frames(self) -> Iterator[Frame]:
        """Yield what can be sent now, in about ``ROUND_S``; the receiver stops when it can take no more."""
        now = time.monotonic()
        until = now + ROUND_S
        waiting = 0
        while waiting < len(self._order):
            session = self._order[0]
            self._order.rotate(-1)
            if self._wait_s(session, now) > 0.0:
                waiting += 1
                continue
            waiting = 0
            frame = self._next_of(session)
            if frame is not None:
                yield frame
            now = time.monotonic()
            if now > until:
                return

    def _wait_s(self, session: str, now: float) -> float:
        """Return how long a session waits by itself; for ever, where it waits for the end of another's file."""
        held = self._held.get(session)
        if held is None and self._sending != session:
            return 0.0
        if held is not None and not held.last and self._first_held() != session:
            return math.inf
        return self.pace.wait_s(session, now)

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
                    self.pace.over(session)
                return None
        return self._one_file_at_a_time(session, frame) if isinstance(frame, File) else frame

    def _one_file_at_a_time(self, session: str, piece: File) -> File | None:
        """Return the piece if it may go now; else it is held."""
        now = time.monotonic()
        if self._sending != session:
            self._held[session] = piece
            if self._wait_s(session, now) > 0.0:
                return None
            del self._held[session]
        if not piece.last:
            self._sending = session
        elif self._sending == session:
            self._sending = None
        self.pace.count(session, len(piece.data), now)
        return piece

    def _first_held(self) -> str | None:
        """Return the session whose file is the next of several pieces; none while another's is on its way."""
        several = [session for session, piece in self._held.items() if not piece.last]
        if self._sending is not None or not several:
            return None
        return min(several, key=lambda session: self._held[session].size_bytes)


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
    yield from outputs(end.session, end.computation, [*turn.late, *_told(sentences), *tail])
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
