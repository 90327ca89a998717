"""Turns what a kernel says into what is stored; it is the only place that does.

A ``Conversation`` checks order and totals; ``device/checking/results.py`` has checked types and contents before. Texts
are written anew from the checked values: no byte that came across the wall is stored as it came.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import msgspec

from contract import Reason
from device.checking.results import EMPTY, Checked, Room, check_message, size_bytes
from device.errors import KernelProtocolError
from jupyter import MessageMaker, Overtime, closing
from settings import Settings
from store import Claim
from store.messages import BATCH_BYTES_MAX
from wire import Message

# Beside its own output, a computation hands on what the kernel said before it: as much again (wire.py, Output).
TOTALS = 2
MERGED_CHARS_MAX = 1 << 20  # so much text of neighbouring streams becomes one message
# What a conversation begins with, as long as it is no longer than this: else the page shows nothing of it.
BEGINNING = ("status", "clear_output", "execute_input")
BEGINNING_BYTES_MAX = 16 << 10


class _Header(msgspec.Struct):
    msg_type: str


class _Content(msgspec.Struct):
    execution_state: str = ""


class _Said(msgspec.Struct):
    header: _Header
    content: _Content


_said = msgspec.json.Decoder(_Said)


class Conversation:
    """All that one attempt at a computation has said, from ``busy`` to ``idle``.

    ``drain`` gives what is new as texts to store; they have ``waiting_bytes``. ``execution_count``: the kernel's, once
    it has said it.
    """

    def __init__(self, claim: Claim, settings: Settings) -> None:
        self._room = Room(TOTALS * settings.cell_output_bytes_max, TOTALS * settings.cell_messages_max)
        self._maker = MessageMaker(claim.id, claim.session, claim.attempt, claim.message)
        self._again = claim.attempt > 1
        self.is_execution = self._maker.parent_type == "execute_request"
        self.began = self.replied = self.ended = False
        self.execution_count = 0
        self.waiting_bytes = 0
        self._texts: list[bytes] = []
        self._stream: tuple[str, list[str]] | None = None
        self._stream_chars = 0

    @property
    def whole(self) -> bool:
        """Whether it came to its end, with a reply if it needs one."""
        return self.ended and (self.replied or not self.is_execution)

    @property
    def room(self) -> Room:
        """How much it may still say."""
        return Room(self._room.bytes_left, self._room.messages_left)

    def take(self, untrusted: Message) -> None:
        """Check a message of the kernel and add it. Raises KernelProtocolError."""
        self.room.take(size_bytes(untrusted))
        self.add(check_message(untrusted))

    def add(self, message: Checked) -> None:
        """Add a checked message. Raises KernelProtocolError when there is no room for it, or it is out of order."""
        self._room.take(message.size_bytes)
        self._check_order(message)
        if message.stream is not None:
            if message.stream[1]:  # without text it says nothing: kernels of other languages send such
                self._merge(*message.stream)
            return
        metadata = None if message.metadata == EMPTY else msgspec.Raw(message.metadata)
        buffers = msgspec.Raw(message.buffers) if message.buffers else None
        self._add(message.msg_type, message.state, msgspec.Raw(message.content), metadata, buffers)
        if message.msg_type == "execute_input":
            self.execution_count = message.count

    def say(self, msg_type: str, content: dict[str, Any]) -> None:
        """Add a message of the device's own. Raises KernelProtocolError when it is longer than can be stored."""
        self._add(msg_type, content.get("execution_state", ""), content)

    def _add(self, msg_type: str, state: str, content: Any, metadata: Any = None, buffers: Any = None) -> None:
        self._close_stream()
        text = self._maker.text(msg_type, content, metadata, buffers)
        if len(text) > BATCH_BYTES_MAX:
            raise KernelProtocolError(f"a message of {len(text)} bytes", "output")
        self._keep(text)
        if state == "busy":
            self._begin()
        elif state == "idle":
            self.ended = True
        elif msg_type == "execute_reply":
            self.replied = True

    def _keep(self, text: bytes) -> None:
        self._texts.append(text)
        self.waiting_bytes += len(text)

    def close(
        self, reason: Reason, settings: Settings, *, overtime: Overtime = "running",
        words: tuple[str, str] | None = None,
    ) -> None:  # fmt: skip
        """Make it whole if it stopped somewhere, with an error that says why: in ``words``, if given."""
        if self.ended:
            return
        count = self.execution_count if self.is_execution else None
        said = closing(
            reason, settings, began=self.began, replied=self.replied, execution_count=count, overtime=overtime,
            words=words,
        )  # fmt: skip
        for msg_type, content in said:
            self.say(msg_type, content)

    def cut(self, texts: Sequence[bytes]) -> list[bytes]:
        """Take back what is not stored: ``texts``, and what waits here. Return the part that is said all the same.

        That is what a conversation begins with. Afterwards it can be closed with another end than it had.
        """
        kept = []
        for text in (*texts, *self.drain()):
            said = _said.decode(text)
            if said.header.msg_type == "execute_reply":
                self.replied = False
            elif said.header.msg_type == "status" and said.content.execution_state == "idle":
                self.ended = False
            elif said.header.msg_type in BEGINNING and len(text) <= BEGINNING_BYTES_MAX:
                kept.append(text)
        return kept

    def drain(self) -> list[bytes]:
        """Return the messages that were added since the last call, neighbouring streams merged."""
        self._close_stream()
        texts, self._texts, self.waiting_bytes = self._texts, [], 0
        return texts

    def _begin(self) -> None:
        self.began = True
        if self._again:
            # What the attempt before it showed is void.
            self._keep(self._maker.text("clear_output", {"wait": False}))

    def _check_order(self, message: Checked) -> None:
        msg_type, busy = message.msg_type, message.state == "busy"
        if self.ended:
            raise KernelProtocolError(f"{msg_type} after the last idle")
        if busy and self.began:
            raise KernelProtocolError("a second busy")
        if not busy and not self.began:
            raise KernelProtocolError(f"{msg_type} before busy")
        if msg_type == "execute_reply" and (self.replied or not self.is_execution):
            raise KernelProtocolError("an execute_reply that nobody waits for")
        if msg_type == "status" and not busy and self.is_execution and not self.replied:
            raise KernelProtocolError("idle before execute_reply")

    def _merge(self, name: str, text: str) -> None:
        if self._stream is None or self._stream[0] != name or self._stream_chars > MERGED_CHARS_MAX:
            self._close_stream()
            self._stream, self._stream_chars = (name, []), 0
        self._stream[1].append(text)
        self._stream_chars += len(text)
        self.waiting_bytes += len(text)

    def _close_stream(self) -> None:
        if self._stream is not None:
            (name, texts), self._stream = self._stream, None
            self.waiting_bytes -= self._stream_chars
            self._keep(self._maker.text("stream", {"name": name, "text": "".join(texts)}))
