"""The intake: the only place where what a kernel says becomes something that is stored.

One ``Conversation`` an attempt: types, contents, order, totals. Texts are written anew from the checked values; no byte
that came across the wall is stored as it came.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from device import contents
from device.refusal import Improper
from settings import Settings
from store import Claim, Reason
from store.endings import closing
from store.letterhead import Letterhead
from store.messages import BATCH_BYTES_MAX
from wire import BUFFERS_MAX, Message

# Beside its own output, a computation hands on what the kernel said before it: as much again (wire.py, Output).
TOTALS = 2
MERGED_CHARS_MAX = 1 << 20  # so much text of neighbouring streams becomes one message


class Conversation:
    """What one computation has said, from ``busy`` to ``idle``; ``drain`` gives what is new as texts to store."""

    def __init__(self, claim: Claim, settings: Settings) -> None:
        self._bytes_max = TOTALS * settings.cell_output_bytes_max
        self._messages_max = TOTALS * settings.cell_messages_max
        self._letterhead = Letterhead(claim.id, claim.session, claim.attempt, claim.message)
        self._again = claim.attempt > 1
        self.is_execution = self._letterhead.parent_type == "execute_request"
        self.began = self.replied = self.ended = False
        self.questions = 0
        self.execution_count = 0  # of the cell, once the kernel has said it
        self._bytes = self._messages = 0
        self._texts: list[bytes] = []
        self._stream: tuple[str, list[str]] | None = None
        self._stream_chars = 0

    @property
    def whole(self) -> bool:
        """Whether everything was said that a conversation consists of."""
        return self.ended and (self.replied or not self.is_execution)

    @property
    def waiting_bytes(self) -> int:
        """How much ``drain`` would give."""
        return sum(map(len, self._texts)) + (self._stream_chars if self._stream else 0)

    def take(self, untrusted: Message) -> None:
        """Check a message of the kernel and add it. Raises Improper."""
        self._count(untrusted)
        content = contents.check(untrusted.msg_type, untrusted.content)
        metadata = contents.decode_object(untrusted.metadata)
        self._check_order(untrusted.msg_type, content)
        if untrusted.msg_type == "stream" and not content["text"]:
            return  # it says nothing: kernels of other languages send such
        if untrusted.msg_type == "stream" and not untrusted.buffers and not metadata:
            self._merge(content)
        else:
            self.say(untrusted.msg_type, content, metadata, untrusted.buffers)

    def say(self, msg_type: str, content: Any, metadata: Any = None, buffers: Sequence[bytes] = ()) -> None:
        """Add a message whose content is known to be right. Raises Improper when it is longer than can be stored."""
        self._close_stream()
        text = self._letterhead.text(msg_type, content, metadata, buffers)
        if len(text) > BATCH_BYTES_MAX:
            raise Improper(f"a message of {len(text)} bytes", "output")
        self._texts.append(text)
        if msg_type == "status" and not self.began:
            self._begin()
        elif msg_type == "execute_input":
            self.execution_count = content["execution_count"]
        elif msg_type == "execute_reply":
            self.replied = True
        elif msg_type == "input_request":
            self.questions += 1
        elif msg_type == "status":
            self.ended = True

    def close(self, reason: Reason, settings: Settings) -> None:
        """Make a conversation whole that stopped somewhere, with a sentence that says why."""
        if self.ended:
            return
        count = self.execution_count if self.is_execution else None
        words = closing(reason, settings, began=self.began, replied=self.replied, execution_count=count)
        for msg_type, content in words:
            self.say(msg_type, content)

    def drain(self) -> list[bytes]:
        """Return the messages that were added since the last call, neighbouring streams merged."""
        self._close_stream()
        texts, self._texts = self._texts, []
        return texts

    def _begin(self) -> None:
        self.began = True
        if self._again:
            # What the attempt before it showed is void.
            self._texts.append(self._letterhead.text("clear_output", {"wait": False}))

    def _count(self, message: Message) -> None:
        self._messages += 1
        self._bytes += len(message.content) + len(message.metadata) + sum(map(len, message.buffers))
        if self._bytes > self._bytes_max:
            raise Improper(f"more than {self._bytes_max} bytes of output", "output")
        if self._messages > self._messages_max:
            raise Improper(f"more than {self._messages_max} messages", "output")
        if len(message.buffers) > BUFFERS_MAX:
            raise Improper(f"a message with {len(message.buffers)} buffers; at most {BUFFERS_MAX} are allowed")

    def _check_order(self, msg_type: str, content: Any) -> None:
        busy = msg_type == "status" and content["execution_state"] == "busy"
        if self.ended:
            raise Improper(f"{msg_type} after the last idle")
        if busy and self.began:
            raise Improper("a second busy")
        if not busy and not self.began:
            raise Improper(f"{msg_type} before busy")
        if msg_type == "execute_reply" and (self.replied or not self.is_execution):
            raise Improper("an execute_reply that nobody waits for")
        if msg_type == "status" and not busy and self.is_execution and not self.replied:
            raise Improper("idle before execute_reply")

    def _merge(self, content: dict[str, str]) -> None:
        name, text = content["name"], content["text"]
        if self._stream is None or self._stream[0] != name or self._stream_chars > MERGED_CHARS_MAX:
            self._close_stream()
            self._stream, self._stream_chars = (name, []), 0
        self._stream[1].append(text)
        self._stream_chars += len(text)

    def _close_stream(self) -> None:
        if self._stream is not None:
            (name, texts), self._stream = self._stream, None
            self._texts.append(self._letterhead.text("stream", {"name": name, "text": "".join(texts)}))
