"""Follows the turns of a kernel's session for one client, one after the other, and says what they say."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from threading import Event

from store import Kernel, Position, Turn
from web.context import Context
from web.doors.kernels_asked import has_failed
from web.doors.kernels_frames import Heard, Said, stored
from web.doors.kernels_reading import Reading
from web.doors.kernels_speaker import Speaker
from web.doors.kernels_turns import UnreadTurns
from web.problems import ProblemError

TURNS_AT_ONCE = 100
LATEST_TURNS = 50  # among which a new client looks for those that are not over


class Follower(Speaker):
    """One client's place in a kernel's session: what it has read, and the ``turns`` that it has not read whole.

    ``reading``: is there once its socket is. ``has_begun``: it is known where. ``held``: messages that wait for the
    turns that are under way. ``is_over``: it says nothing more.
    """

    reading: Reading

    def __init__(
        self, context: Context, kernel: Kernel, reader: str | None, event: Event, send: Callable[[Said], None]
    ) -> None:
        super().__init__(kernel, reader, event, send)
        self.context = context
        self.held: deque[Heard] = deque()
        self.turns = UnreadTurns(context, event)
        self.has_begun = self.is_over = False

    def begin_where_it_was(self, known: Position | None) -> None:
        """Begin at this position; for a new client, None, where the session is now. Raises StoreUnavailableError."""
        if known is None and self.kernel.session is not None:
            known = self._newest(self.kernel.session)
        self.reading.begin(known or Position())
        self.has_begun = True

    def _newest(self, session: str) -> Position:
        latest = self.context.store.kernels.last_turns(session, LATEST_TURNS)
        unfinished = [turn for turn in latest if not turn.is_over]
        if unfinished:
            return Position(unfinished[-1].turn, unfinished[-1].sequence)
        return Position(latest[0].turn + 1) if latest else Position()

    @property
    def expected(self) -> int:
        """The next turn that is not known yet."""
        return self.turns.last.turn + 1 if self.turns else self.reading.position.turn

    def learn(self) -> bool:
        """Find the turns that came since; return whether there may be more. Raises StoreUnavailableError."""
        if self.kernel.session is None:
            return False
        found = self.context.store.kernels.turns(self.kernel.session, self.expected, TURNS_AT_ONCE)
        for turn in found:
            self.turns.add(turn)
        return len(found) == TURNS_AT_ONCE

    def forget(self) -> None:
        """Begin anew with another session of the kernel's."""
        self.reading.begin(Position())
        self.turns.clear()
        self.asked = None

    def say_news(self) -> bool:
        """Say what is new of the first turn that is not read whole; return whether there was anything.

        Raises StoreUnavailableError, ClosedError.
        """
        if not self.turns or not self.turns.hint.is_there:
            return False
        turn, position = self.turns.first, self.reading.position
        after = position.after if position.turn == turn.turn else -1
        self.begin_turn(turn)
        try:
            page = self.turns.look(after)
        except ProblemError:  # it is deleted, as what is over of a control
            if self.asked is not None:
                self.say("iopub", "status", {"execution_state": "idle"}, self.asked.header)
            self._pass(turn)
            return True
        for message in page.messages:
            if self.is_over:
                break
            after += 1
            self.reading.move(Position(turn.turn, after))
            self._say(stored(message))
        if page.finished and not self.is_over:
            self._pass(turn)
        return bool(page.messages) or page.finished

    def _pass(self, turn: Turn) -> None:
        self.turns.pass_first()
        self.asked = None
        self.reading.move(Position(turn.turn + 1))

    def _say(self, said: Said) -> None:
        asked, is_reply = self.asked, said.header.msg_type == "execute_reply"
        self.tell(said)
        if is_reply and asked is not None and asked.stops and self.owns_turn and has_failed(said.content):
            self._abort()

    def _abort(self) -> None:
        """Answer what waits behind code that failed, as its client asked for it: it is not run."""
        waiting, self.held = self.held, deque()
        for heard in waiting:
            if heard.header.msg_type == "execute_request":
                self.reply(heard, "execute_reply", {"status": "aborted"})
            else:
                self.held.append(heard)
