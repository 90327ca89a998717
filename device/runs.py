"""Holds what the device knows of a session and of the run in it; a session sends its own frames."""

from __future__ import annotations

import math
import uuid
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

import msgspec

from contract import Reason
from device.conversation import TOTALS, Conversation
from device.inbox import FRAME_BYTES, Inbox
from device.output_files import OutputFiles, WholeFile
from device.run_clock import RunClock
from settings import Settings
from store import NOBODY, Claim, Requester
from wire import CHUNK_BYTES, Close, Deliver, Execute, Frame, InputReply, Interrupt, Upload


class SessionAccount(Protocol):
    """What a session, and who deals with it, needs of the account that it was opened in."""

    identity: str
    heir_key: str
    receiving: Session | None

    @property
    def languages(self) -> Sequence[str]:
        """The languages that the account runs now."""

    def admit(self, session: Session) -> None:
        """Count a session that is opened, and send its Open."""

    def send(self, frame: Frame) -> None:
        """Send a frame. Raises FrameTooLongError."""

    def send_behind_uploads(self, frame: Frame) -> None:
        """Send a piece of an upload, or what belongs behind it. Raises FrameTooLongError."""


@dataclass(eq=False)
class Session:
    """A session in its account, from Open to Closed. Times: seconds of the monotonic clock.

    ``id``: its name in the store. ``alias``: its name across the wall, a new one each time: nothing that an earlier
    attempt still says can be taken for the next one's. ``run``: what its frames are about now. ``inbox``: the frames
    that wait. ``ours``: whether the store counts it as this device's. ``astray_since``: when the connection to its
    supervisor was lost, once that has happened. ``turn_may_wait``: whether its next turn may be
    in the queue already; of turns that were submitted before it was ours no hint came. ``requester``: in whose
    shares of the idle sessions it counts.
    """

    id: str
    account: SessionAccount
    language: str
    keep: bool
    born: float
    requester: Requester = NOBODY
    alias: str = field(default_factory=lambda: str(uuid.uuid4()))
    run: Run | None = None
    inbox: Inbox = field(default_factory=Inbox)
    turn_may_wait: bool = True
    idle_since: float = 0.0
    ours: bool = True
    astray_since: float = 0.0
    closing_since: float | None = None
    close_reason: Reason = "session_gone"
    late_frames: int = 0

    @property
    def idle(self) -> bool:
        """Whether it could take its next turn."""
        return self.run is None and self.closing_since is None

    def is_overdue(self, now: float, idle_s: float, life_s: float) -> bool:
        """Return whether it has been idle, or alive, for too long."""
        return self.idle and (now - self.idle_since > idle_s or now - self.born > life_s)

    def expect_end(self, now: float) -> None:
        """Note that it ends by itself: Closed must come."""
        if self.closing_since is None:
            self.closing_since = now

    # --- what it sends; each but ``close`` and ``interrupt`` may raise FrameTooLongError ---------------------------
    def upload(self, computation: str, name: str, data: bytes) -> None:
        """Send a file for a computation's work directory, in pieces."""
        for start in range(0, len(data) or 1, CHUNK_BYTES):
            end = start + CHUNK_BYTES
            self.account.send_behind_uploads(Upload(self.alias, computation, name, data[start:end], end >= len(data)))

    def execute(self, claim: Claim, weight: float) -> None:
        """Send what was claimed: code, behind the uploads that came with it, or a comm message.

        ``weight``: of its CPU time beside others.
        """
        last, message = not claim.keep, claim.message
        if message is None:
            frame = Execute(
                self.alias, claim.id, claim.code, claim.stdin, last, claim.user_expressions,
                claim.scheme, weight,  # type: ignore[arg-type]
            )  # fmt: skip
            send = self.account.send_behind_uploads if claim.uploads else self.account.send
            send(frame)
            return
        content, metadata = (msgspec.json.encode(message.get(name) or {}) for name in ("content", "metadata"))
        buffers = list(message.get("buffers") or ())
        self.account.send(Deliver(self.alias, claim.id, message["msg_type"], content, metadata, buffers, last, weight))

    def interrupt(self, computation: str) -> None:
        """Interrupt the code of a computation."""
        self.account.send(Interrupt(self.alias, computation))

    def reply(self, computation: str, value: str) -> None:
        """Answer the input request of a computation."""
        self.account.send(InputReply(self.alias, computation, value))

    def close(self, now: float, reason: Reason = "session_gone") -> None:
        """Have it killed, once; it is over when the supervisor says Closed."""
        if self.closing_since is None:
            self.closing_since, self.close_reason = now, reason
            self.account.send(Close(self.alias))


@dataclass(frozen=True)
class Ending:
    """The end of a run, as the store is told of it."""

    state: str
    reason: Reason | None
    usage: dict[str, Any] | None = None


@dataclass(eq=False)
class Run:
    """A claimed computation, the session that it runs in once it has begun, and what of it waits to be stored.

    Times: seconds of the monotonic clock. ``given_back``: it may be tried again, as a ``suspect`` when what it ran on
    died; ``counts``: this attempt counts. ``checked_s``: CPU time that the checks of its output took, ``inline_s`` of
    it in the device's loop.
    ``uploads``: the files that came with it, once they are read; ``reading`` reads them piece by piece.
    ``writing`` stores the first of ``files`` piece by piece; an end in between discards it.
    ``waiting_bytes_max``: what may wait to be checked: what it may say and hand over, and the frames around that.
    """

    claim: Claim
    conversation: Conversation
    output_files: OutputFiles
    claimed: float
    waiting_bytes_max: int
    session: Session | None = None
    clock: RunClock = field(default_factory=RunClock)
    uploads: list[tuple[str, bytes]] = field(default_factory=list)
    reading: Iterator[None] | None = None
    interrupts_sent: int = 0
    answers_sent: int = 0
    cancelled: bool = False
    files: list[WholeFile] = field(default_factory=list)
    pending: list[bytes] = field(default_factory=list)
    pending_bytes: int = 0
    writing: Iterator[None] | None = None
    due: float = math.inf  # when what waits is to be stored
    stored: float = 0.0  # when something was stored last
    looked: float = 0.0  # when it was last looked whether there is something
    spared_bytes: int = 0  # stored since the disk has had no room for more
    ending: Ending | None = None
    ended: float = 0.0
    given_back: bool = False
    suspect: bool = False
    counts: bool = True
    checked_s: float = 0.0
    inline_s: float = 0.0

    @classmethod
    def of(cls, claim: Claim, settings: Settings, now: float) -> Run:
        """Return the run of a new claim, under the limits of its language."""
        limits = settings.of_language(claim.language)
        messages_bytes = TOTALS * (limits.cell_output_bytes_max + FRAME_BYTES * limits.cell_messages_max)
        pieces = limits.cell_files_max + limits.cell_files_bytes_max // CHUNK_BYTES
        most = messages_bytes + limits.cell_files_bytes_max + FRAME_BYTES * pieces
        return cls(claim, Conversation(claim, limits), OutputFiles(claim.id, limits), now, most)

    @property
    def over(self) -> bool:
        """Whether nothing more is to come of it."""
        return self.ending is not None or self.given_back

    @property
    def waiting_bytes(self) -> int:
        """How much of it waits to be stored."""
        files_bytes = sum(len(file.data) for file in self.files)
        return files_bytes + self.pending_bytes + self.conversation.waiting_bytes

    def announce_files(self) -> None:
        """Show the files that it made, and why some are missing, while it can. Raises KernelProtocolError."""
        conversation = self.conversation
        if not conversation.began or conversation.replied or conversation.ended:
            return
        content = self.output_files.announce()
        if content is not None:
            conversation.say("display_data", content)
        for sentence in self.output_files.left_out:
            conversation.say("stream", {"name": "stderr", "text": sentence})
        self.output_files.left_out.clear()

    def gather(self, bytes_max: int, messages_max: int) -> list[bytes]:
        """Return the messages that are to be stored next: as many as there are, at least one, at most so many."""
        if self.conversation.waiting_bytes:
            self.pending += self.conversation.drain()
            self.pending_bytes = sum(map(len, self.pending))
        size_bytes = count = 0
        for text in self.pending[:messages_max]:
            size_bytes += len(text)
            if count and size_bytes > bytes_max:
                break
            count += 1
        return self.pending[:count]

    def note_stored(self, texts: list[bytes], now: float) -> None:
        """Forget messages that are stored now."""
        del self.pending[: len(texts)]
        self.pending_bytes -= sum(map(len, texts))
        self.stored = now
