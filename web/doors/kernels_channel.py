"""Keeps up one client's conversation with a kernel: the turns of its session, whose messages go out as they come.

All that is run goes through the store, and so does all that is said: the channel follows the turns of the session in
order. What its client has read is kept with the kernel, so that one which comes back under the same name goes on there.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from threading import Event

from store import Kernel, Position, Turn
from web.context import Context
from web.doors.kernels_follower import Follower
from web.doors.kernels_frames import Heard, Said, kept, stored
from web.doors.kernels_reading import Reading
from web.doors.kernels_turns import HintFlag
from web.websockets import WebSocket


class Channel(Follower):
    """One client's conversation with a kernel, over a socket that others may share.

    ``reader``: the name that the client gives itself; without one it cannot come back. ``hear``: does what a message
    asks for. ``is_leaving``: the client has gone, and nothing waits any more.
    """

    def __init__(
        self, context: Context, kernel: Kernel, reader: str | None, event: Event, send: Callable[[Said], None],
        hear: Callable[[Channel, Heard], None],
    ) -> None:  # fmt: skip
        super().__init__(context, kernel, reader, event, send)
        self._hear, self._may_come_back = hear, reader is not None
        self.introspecting = 0  # questions about code that are under way
        self.is_leaving = False
        self._kept: tuple[Position, list[Said]] = (Position(), [])
        self._suspicion = HintFlag(event)  # others may have done something with the kernel
        self._subjects: set[str] = set()  # of the suspicion; those of the turns are theirs

    def begin(self, socket: WebSocket) -> None:
        """Find what the client has read of the session, or, where it is new, what is not over.

        Raises StoreUnavailableError.
        """
        self.reading = Reading(socket)
        self._subscribe(self.kernel.id)
        older = self.context.open_sockets.enter(self.kernel.id, self.reader, self)
        # Read anew: who has just left has written meanwhile where it was.
        self.kernel = self.context.store.kernels.get(self.kernel.id) or self.kernel
        known, unread = self.kernel.position_of(self.reader), [stored(m) for m in self.kernel.unread_of(self.reader)]
        if older is not None and older.has_begun:
            unread = older.unread
            known = older.reading.read if older.kernel.generation == self.kernel.generation else known
        if older is not None:
            older.give_way()
        self._kept = known or Position(), unread
        self.said.extend(unread)
        self.begin_where_it_was(known)
        if self.kernel.session is not None:
            self._subscribe(self.kernel.session)
            self._learn()

    def step(self) -> bool:
        """Say what there is to say now; return whether there was anything.

        Raises StoreUnavailableError, ClosedError.
        """
        moved = self.say_news()
        if self._suspicion.is_there and not self.turns:
            self.look_around()
            moved = True
        if self.held and not self.turns:
            self._release()
            moved = True
        while self.said:
            self.reading.add(self.said[0])
            self._send(self.said.popleft())
        return moved

    @property
    def is_to_look(self) -> bool:
        """Whether its next step asks the database for what is new."""
        return self.turns.hint.is_there if self.turns else self._suspicion.is_there

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

    @property
    def unread(self) -> list[Said]:
        """The messages that no computation said and the client may not have."""
        return [*self.reading.unread, *self.said]

    def keep_reading(self) -> None:
        """Keep what the client has read, where that has changed. Raises StoreUnavailableError."""
        now = self.reading.read, self.unread
        if self._may_come_back and now != self._kept:
            self._kept = now
            self.context.store.kernels.keep_reading(self.kernel, self.reader, now[0], kept(now[1]))

    def put(self, said: Said) -> None:
        """Have a message said, on the client's newer socket where it has one."""
        newer = self.context.open_sockets.find(self.kernel.id, self.reader) if self.is_leaving else None
        if newer is None or newer is self:
            super().put(said)
        else:
            newer.put(said)

    def give_way(self) -> None:
        """End soon, because the client has come back on another socket."""
        self.is_over = True
        self.event.set()

    def end(self) -> None:
        """Say that the kernel is dead."""
        self.say("iopub", "status", {"execution_state": "dead"})
        self.is_over = True

    def leave(self) -> None:
        """Run what was held, and keep what the client has read. Raises StoreUnavailableError."""
        self.is_leaving = True
        try:
            while self.held:
                self._hear(self, self.held.popleft())
            if self.context.open_sockets.find(self.kernel.id, self.reader) is self:
                self.keep_reading()
        finally:
            self.abandon()

    def abandon(self) -> None:
        """Hear of nothing more."""
        for subject in self._subjects:
            self.context.notifier.unsubscribe(subject, self._suspicion, looks=False)
        self._subjects = set()
        self.turns.clear()
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
        if turn.turn == self.expected:
            self.turns.add(turn)
        else:
            self._learn()  # others' turns stand between
        was_there = self._suspicion.is_there
        self.context.notifier.wake(self.kernel.id)
        self._suspicion.is_there = was_there

    def _learn(self) -> None:
        self._suspicion.is_there |= self.learn()

    def _take(self, kernel: Kernel) -> None:
        if kernel.generation != self.kernel.generation:
            self.forget()
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
