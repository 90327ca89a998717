"""Keeps up one client's conversation with a kernel: the turns of its session, whose messages go out as they come.

All that is run goes through the store, and so does all that is said: the channel follows the turns of the session in
order. Where it stands is kept with the kernel, so that a client which comes back under the same name goes on there.
"""

from __future__ import annotations

import uuid
from collections import deque
from collections.abc import Callable, Mapping
from datetime import datetime, timezone
from threading import Event
from typing import Any

import msgspec
from msgspec import Raw

from store import Kernel, Position, Turn
from web.context import Context
from web.doors.kernels_asked import Asked, caught, has_failed
from web.doors.kernels_frames import Header, Heard, Said, stored
from web.doors.kernels_specs import VERSION
from web.message_pages import read_page
from web.problems import ProblemError

TURNS_AT_ONCE = 100
LATEST_TURNS = 50  # among which a new client looks for those that are not over
_EMPTY = Raw(b"{}")


class Suspicion:
    """What is set when others may have done something with a kernel: its channel is to look around."""

    def __init__(self, event: Event) -> None:
        self.event, self.is_there = event, False

    def set(self) -> None:
        """Hear of it."""
        self.is_there = True
        self.event.set()


class Channel:
    """One client's conversation with a kernel, over a socket that others may share.

    ``reader``: the name that the client gives itself; without one it cannot come back. ``event``: is set when there is
    something to do. ``send``: hands a message to the socket. ``hear``: does what a message asks for. ``held``: messages
    that wait for the ``turns`` that are under way. ``is_over``: it says nothing more. ``is_leaving``: the client has
    gone, and nothing waits any more.
    """

    def __init__(
        self, context: Context, kernel: Kernel, reader: str | None, event: Event, send: Callable[[Said], None],
        hear: Callable[[Channel, Heard], None],
    ) -> None:  # fmt: skip
        self.context, self.kernel, self.reader = context, kernel, reader or uuid.uuid4().hex
        self._may_come_back = reader is not None
        self.held: deque[Heard] = deque()
        self.turns: deque[Turn] = deque()
        self.introspecting = 0  # questions about code that are under way
        self.is_leaving = self.is_over = False
        self._event, self._send, self._hear = event, send, hear
        self.said: deque[Said] = deque()
        self.position, self._kept = Position(), Position()
        self._asked: Asked | None = None
        self._suspicion = Suspicion(event)
        self._subjects: set[str] = set()  # of the suspicion; those of the event are the turns

    # --- life -----------------------------------------------------------------------------------------------------
    def begin(self) -> None:
        """Find where the client is in the session, or, where it is new, what is not over.

        Raises StoreUnavailableError.
        """
        self._subscribe(self.kernel.id)
        older = self.context.open_sockets.enter(self.kernel.id, self.reader, self)
        # Read anew: who has just left has written meanwhile where it was.
        self.kernel = self.context.store.kernels.get(self.kernel.id) or self.kernel
        known = self.kernel.position_of(self.reader)
        if older is not None:
            older.give_way()
            self.said.extend(older.said)
            known = older.position if older.kernel.generation == self.kernel.generation else known
        self.position = self._kept = known or Position()
        if self.kernel.session is None:
            return
        self._subscribe(self.kernel.session)
        if known is None:
            self.position = self._newest(self.kernel.session)
        self._learn()

    def _newest(self, session: str) -> Position:
        latest = self.context.store.kernels.last_turns(session, LATEST_TURNS)
        unfinished = [turn for turn in latest if not turn.is_over]
        if unfinished:
            return Position(unfinished[-1].turn, unfinished[-1].sequence)
        return Position(latest[0].turn + 1) if latest else Position()

    def step(self) -> bool:
        """Say what there is to say now; return whether there was anything.

        Raises StoreUnavailableError, ClosedError.
        """
        moved = self._follow()
        if self._suspicion.is_there and not self.turns:
            self.look_around()
            moved = True
        if self.held and not self.turns:
            self._release()
            moved = True
        while self.said:
            self._send(self.said.popleft())
        return moved

    def look_around(self) -> None:
        """See what others did with the kernel, and whether its session has ended. Raises StoreUnavailableError."""
        self._suspicion.is_there = False
        kernels = self.context.store.kernels
        kernel = kernels.get(self.kernel.id)
        if kernel is None:
            self.end()
            return
        self._take(kernel)
        if kernel.session is not None and kernels.has_ended(kernel.session):
            self.begin_anew()
        self._learn()

    def keep_position(self) -> None:
        """Keep where the client is, where it has moved. Raises StoreUnavailableError."""
        if self._may_come_back and self.position != self._kept:
            self._kept = self.position
            self.context.store.kernels.keep_position(self.kernel, self.reader, self.position)

    def give_way(self) -> None:
        """End soon, because the client has come back on another socket."""
        self.is_over = True
        self._event.set()

    def end(self) -> None:
        """Say that the kernel is dead."""
        self.say("iopub", "status", {"execution_state": "dead"})
        self.is_over = True

    def leave(self) -> None:
        """Run what was held, and keep where the client is. Raises StoreUnavailableError."""
        self.is_leaving = True
        try:
            while self.held:
                self._hear(self, self.held.popleft())
            if self.context.open_sockets.find(self.kernel.id, self.reader) is self:
                self.keep_position()
        finally:
            self.abandon()

    def abandon(self) -> None:
        """Hear of nothing more."""
        for subject in self._subjects:
            self.context.notifier.unsubscribe(subject, self._suspicion, looks=False)
        for turn in self.turns:
            self.context.notifier.unsubscribe(turn.id, self._event)
        self._subjects, self.turns = set(), deque()
        self.context.open_sockets.leave(self.kernel.id, self.reader, self)

    # --- the session ----------------------------------------------------------------------------------------------
    def begin_anew(self) -> None:
        """Take the kernel's session away, which has ended; the next thing that runs begins another one."""
        kernel = self.context.store.kernels.unbind(self.kernel.id, self.kernel.generation)
        if kernel is None:
            self.end()
            return
        self.say("iopub", "status", {"execution_state": "restarting"})
        self._take(kernel)
        self.context.notifier.wake(kernel.id)

    def bind(self, session: str) -> bool:
        """Give the kernel its session; return False when another client of it was faster."""
        kernels = self.context.store.kernels
        bound = kernels.bind(self.kernel.id, self.kernel.generation, session)
        found = bound or kernels.get(self.kernel.id)
        if found is None:
            self.end()
        else:
            self._take(found)
        return bound is not None

    def follow(self, turn: Turn) -> None:
        """Follow a turn that was stored just now."""
        if turn.turn == self._expected:
            self._add(turn)
        else:
            self._learn()  # others' turns stand between
        was_there = self._suspicion.is_there
        self.context.notifier.wake(self.kernel.id)
        self._suspicion.is_there = was_there

    @property
    def _expected(self) -> int:
        return self.turns[-1].turn + 1 if self.turns else self.position.turn

    def _learn(self) -> None:
        """Find the turns that came since."""
        if self.kernel.session is not None:
            found = self.context.store.kernels.turns(self.kernel.session, self._expected, TURNS_AT_ONCE)
            for turn in found:
                self._add(turn)
            self._suspicion.is_there |= len(found) == TURNS_AT_ONCE  # there are more

    def _add(self, turn: Turn) -> None:
        self.turns.append(turn)
        self.context.notifier.subscribe(turn.id, self._event)

    def _take(self, kernel: Kernel) -> None:
        if kernel.generation != self.kernel.generation:
            self.position = self._kept = Position()
            while self.turns:
                self._forget(self.turns.popleft())
        self.kernel = kernel
        if kernel.session is not None:
            self._subscribe(kernel.session)

    def _subscribe(self, subject: str) -> None:
        if subject not in self._subjects:
            self._subjects.add(subject)
            self.context.notifier.subscribe(subject, self._suspicion, looks=False)

    # --- from the client ------------------------------------------------------------------------------------------
    def hear(self, heard: Heard) -> None:
        """Do what a message of the client's asks for."""
        self._hear(self, heard)

    def _release(self) -> None:
        """Do what was held, up to what has to wait again."""
        held, self.held = self.held, deque()
        while held and not self.turns:
            self._hear(self, held.popleft())
        self.held.extend(held)

    # --- to the client --------------------------------------------------------------------------------------------
    @property
    def incarnation(self) -> str:
        """What the kernel's headers name as their session: clients take another one for a kernel begun anew."""
        return f"{self.kernel.id}.{self.kernel.generation}"

    def say(self, channel: str, msg_type: str, content: Mapping[str, Any] | Raw, parent: Raw = _EMPTY) -> None:
        """Say something that no computation did."""
        date = datetime.now(timezone.utc).isoformat().replace("+00:00", "Z")
        header = Header(msg_type, uuid.uuid4().hex, self.incarnation, "", date, VERSION)
        text = content if isinstance(content, Raw) else Raw(msgspec.json.encode(content))
        self.said.append(Said(channel, header, parent, _EMPTY, text))
        self._event.set()

    def reply(self, heard: Heard, msg_type: str, content: Mapping[str, Any] | Raw) -> None:
        """Answer a message that runs nothing."""
        self.say("iopub", "status", {"execution_state": "busy"}, heard.asked)
        self.say(heard.channel, msg_type, content, heard.asked)
        self.say("iopub", "status", {"execution_state": "idle"}, heard.asked)
        if self._asked is not None and self.turns:  # clients take any status for the kernel's
            self.say("iopub", "status", {"execution_state": "busy"}, self._asked.header)

    def _follow(self) -> bool:
        """Say what is new of the first turn that is not read whole; return whether there was anything."""
        if not self.turns:
            return False
        turn = self.turns[0]
        after = self.position.after if self.position.turn == turn.turn else -1
        self._asked = None if turn.asked is None else msgspec.json.decode(turn.asked, type=Asked)
        try:
            page = read_page(self.context, turn.id, after)
        except ProblemError:  # it is deleted, as what is over of a control
            if self._asked is not None:
                self.say("iopub", "status", {"execution_state": "idle"}, self._asked.header)
            self._pass(turn)
            return True
        for message in page.messages:
            if self.is_over:
                break
            self._tell(stored(message))
            after += 1
            self.position = Position(turn.turn, after)
        if page.finished and not self.is_over:
            self._pass(turn)
        return bool(page.messages) or page.finished

    def _pass(self, turn: Turn) -> None:
        self._forget(self.turns.popleft())
        self.position = Position(turn.turn + 1)

    def _forget(self, turn: Turn) -> None:
        self.context.notifier.unsubscribe(turn.id, self._event)

    def _tell(self, said: Said) -> None:
        """Say a message of the turn that is followed, if it is for this client."""
        asked, msg_type = self._asked, said.header.msg_type
        is_own = asked is not None and asked.by == self.reader
        if said.channel != "iopub" and not is_own:
            return
        if asked is not None:
            said.parent_header = asked.header
            if asked.silent and msg_type in ("execute_input", "execute_result"):
                return
            if msg_type in ("comm_msg", "comm_open"):
                said.content = caught(said.content, asked.header)
        said.header.session = self.incarnation
        self._send(said)
        if asked is not None and is_own and asked.stops and msg_type == "execute_reply" and has_failed(said.content):
            self._abort()

    def _abort(self) -> None:
        """Answer what waits behind code that failed, as its client asked for it: it is not run."""
        waiting, self.held = self.held, deque()
        for heard in waiting:
            if heard.header.msg_type == "execute_request":
                self.reply(heard, "execute_reply", {"status": "aborted"})
            else:
                self.held.append(heard)
