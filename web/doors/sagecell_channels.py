"""Keeps up a conversation with one kernel in SageMathCell's words, and the one with its completer.

Its kernels end with what they run, or when they were idle for as long as their page said; then they say `dead`, and its
script forgets them. With ours the session ends. The name stays, so that its files can be had, and what is run under it
later begins another session.
"""

from __future__ import annotations

import dataclasses
import math
import time
from collections.abc import Callable
from datetime import datetime, timezone
from threading import Event
from typing import Any

import msgspec
from msgspec import Struct

from store import Kernel
from web import sagecell
from web.context import Context
from web.doors.kernels_channel import Channel
from web.doors.kernels_frames import Heard, Named, NotAMessageError, Said, write
from web.doors.kernels_reading import Reading
from web.doors.kernels_requests import hear
from web.doors.kernels_specs import names
from web.doors.sagecell_words import Words, heard
from web.websockets import WebSocket

Deliver = Callable[[bytes], None]
COMPLETER = "complete"  # what stands in place of a kernel's id and its channels


class SageCellChannel(Channel):
    """One client's conversation with a kernel of SageMathCell's."""

    def __init__(self, context: Context, kernel: Kernel, reader: str | None, event: Event, deliver: Deliver) -> None:
        super().__init__(context, kernel, reader, event, self._speak, hear)
        self._words, self._deliver = Words(), deliver
        self._used_at: float | None = None

    def hear(self, heard_as_it_came: Heard) -> None:
        """Do what a message asks for; code begins another session where the kernel's is to end."""
        self._used_at = time.monotonic()
        if heard_as_it_came.header.msg_type == "execute_request" and not self.turns and self._has_ended():
            self.begin_anew()
        super().hear(heard(heard_as_it_came))

    def step(self) -> bool:
        """Say what there is to say, and end the session that nobody uses.

        Raises StoreUnavailableError, ClosedError.
        """
        moved = super().step()
        if moved:
            self._used_at = time.monotonic()
        session = self.kernel.session
        if session is not None and not self.is_over and self.due_in_s <= 0:
            self.context.store.sessions.request_end(session)
            self.end()
            moved = super().step()
        return moved

    def look_around(self) -> None:
        """End with the session, as SageMathCell's kernels do. Raises StoreUnavailableError."""
        if self._has_ended():
            self.end()
        else:
            super().look_around()

    def _has_ended(self) -> bool:
        return self.kernel.session is not None and self.context.store.kernels.has_ended(self.kernel.session)

    @property
    def due_in_s(self) -> float:
        """In how many seconds the session has been idle for long enough."""
        idle_s, used_at = self.kernel.idle_s, self._used_at
        is_busy = self.turns or self.held or self.introspecting or self._suspicion.is_there
        if idle_s is None or used_at is None or self.kernel.session is None or self._words.has_interact or is_busy:
            return math.inf
        return used_at + idle_s - time.monotonic()

    def _speak(self, said: Said) -> None:
        for text in self._words.texts(said):
            self._deliver(text)


class _Asked(Struct):
    """What its editor asks: names that begin with what stands before the cursor, or what a name is."""

    line: str = ""
    cursor_pos: int = 0
    mode: str = ""
    oname: str = ""
    detail_level: int = 0


class Completer(Channel):
    """The conversation about names, with no kernel: each question is answered in a fresh namespace."""

    def __init__(self, context: Context, event: Event, deliver: Deliver) -> None:
        nobody = Kernel(COMPLETER, "", "", None, 0, None, "", "", "", datetime.now(timezone.utc))
        super().__init__(context, nobody, None, event, self._speak, hear)
        self._deliver = deliver

    def begin(self, socket: WebSocket) -> None:
        """Begin; there is nothing that was read before."""
        self.reading = Reading(socket)

    def hear(self, question: Heard) -> None:
        """Ask for what a question is about. Raises NotAMessageError."""
        try:
            asked = msgspec.json.decode(question.content, type=_Asked)
        except msgspec.MsgspecError as error:
            raise NotAMessageError(str(error)) from error
        if question.header.msg_type == "complete_request":
            content: dict[str, Any] = {"code": asked.line, "cursor_pos": asked.cursor_pos}
        elif question.header.msg_type == "object_info_request":
            content = {"code": asked.oname, "detail_level": asked.detail_level}
            question.header = Named("inspect_request", question.header.msg_id)
        else:
            return
        language = asked.mode if asked.mode in names() else sagecell.language_of_links()
        self.kernel = dataclasses.replace(self.kernel, language=language)
        question.channel, question.content = "shell", msgspec.json.encode(content)
        super().hear(question)

    def look_around(self) -> None:
        """There is nothing to look at."""

    def leave(self) -> None:
        """There is nothing to keep."""
        self.is_leaving = True

    def _speak(self, said: Said) -> None:
        # Its script takes the first message for the answer.
        if said.channel == "shell":
            self._deliver(write(said, None)[0])
