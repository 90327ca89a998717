"""Says to one client of a kernel what is for it: what computations say, and what the kernel's own side answers."""

from __future__ import annotations

import uuid
from collections import deque
from collections.abc import Callable, Mapping
from datetime import datetime, timezone
from threading import Event
from typing import Any

import msgspec
from msgspec import Raw

from store import Kernel, Turn
from web.doors.kernels_asked import Asked, caught
from web.doors.kernels_frames import Header, Heard, Said
from web.doors.kernels_specs import VERSION

_EMPTY = Raw(b"{}")


class Speaker:
    """What is said to one client, in the order in which it is to be said.

    ``said``: what waits for its socket. ``event``: is set when there is something. ``send``: hands a message to the
    socket. ``asked``: what the turn that is followed answers to, None where no client of a kernel asked for it.
    """

    def __init__(self, kernel: Kernel, reader: str | None, event: Event, send: Callable[[Said], None]) -> None:
        self.kernel, self.reader = kernel, reader or uuid.uuid4().hex
        self.said: deque[Said] = deque()
        self.event, self._send = event, send
        self.asked: Asked | None = None

    @property
    def incarnation(self) -> str:
        """What the kernel's headers name as their session: clients take another one for a kernel begun anew."""
        return f"{self.kernel.id}.{self.kernel.generation}"

    def say(self, channel: str, msg_type: str, content: Mapping[str, Any] | Raw, parent: Raw = _EMPTY) -> None:
        """Say something that no computation did."""
        date = datetime.now(timezone.utc).isoformat().replace("+00:00", "Z")
        header = Header(msg_type, uuid.uuid4().hex, self.incarnation, "", date, VERSION)
        text = content if isinstance(content, Raw) else Raw(msgspec.json.encode(content))
        self.put(Said(channel, header, parent, _EMPTY, text))

    def put(self, said: Said) -> None:
        """Have a message said."""
        self.said.append(said)
        self.event.set()

    def reply(self, heard: Heard, msg_type: str, content: Mapping[str, Any] | Raw) -> None:
        """Answer a message that runs nothing."""
        self.say("iopub", "status", {"execution_state": "busy"}, heard.asked)
        self.say(heard.channel, msg_type, content, heard.asked)
        self.say("iopub", "status", {"execution_state": "idle"}, heard.asked)
        if self.asked is not None:  # clients take any status for the kernel's
            self.say("iopub", "status", {"execution_state": "busy"}, self.asked.header)

    def begin_turn(self, turn: Turn) -> None:
        """Say from now on what this turn says."""
        self.asked = None if turn.asked is None else msgspec.json.decode(turn.asked, type=Asked)

    @property
    def owns_turn(self) -> bool:
        """Whether this client asked for the turn."""
        return self.asked is not None and self.asked.by == self.reader

    def tell(self, said: Said) -> None:
        """Say a message of the turn, if it is for this client. Raises ClosedError."""
        asked, msg_type = self.asked, said.header.msg_type
        if said.channel != "iopub" and not self.owns_turn:
            return
        if asked is not None:
            said.parent_header = asked.header
            if asked.silent and msg_type in ("execute_input", "execute_result"):
                return
            if msg_type in ("comm_msg", "comm_open"):
                said.content = caught(said.content, asked.header)
        said.header.session = self.incarnation
        self._send(said)
