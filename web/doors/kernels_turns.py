"""Holds the turns of a kernel's session that a client has not read whole."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator
from threading import Event

from store import Turn
from web.context import Context
from web.message_pages import Page, read_page


class HintFlag:
    """What is set at a hint: there is something to look at. ``event``: wakes who looks."""

    def __init__(self, event: Event) -> None:
        self.event, self.is_there = event, False

    def set(self) -> None:
        """Hear of it."""
        self.is_there = True
        self.event.set()


class UnreadTurns:
    """The turns that a client has not read whole, in order. ``hint``: whether there may be more of the first one."""

    def __init__(self, context: Context, event: Event) -> None:
        self.hint = HintFlag(event)
        self._context = context
        self._turns: deque[Turn] = deque()

    def __iter__(self) -> Iterator[Turn]:
        return iter(self._turns)

    def __len__(self) -> int:
        return len(self._turns)

    @property
    def first(self) -> Turn:
        return self._turns[0]

    @property
    def last(self) -> Turn:
        return self._turns[-1]

    def add(self, turn: Turn) -> None:
        """Add the next turn, and hear its hints."""
        self._turns.append(turn)
        self._context.notifier.subscribe(turn.id, self.hint)
        self.hint.is_there = True

    def look(self, after: int) -> Page:
        """Return what the first turn has said after this sequence. Raises ProblemError, StoreUnavailableError."""
        self.hint.is_there = False  # before the look, so that a hint that comes during it is not lost
        page = read_page(self._context, self._turns[0].id, after)
        self.hint.is_there |= not page.whole
        return page

    def pass_first(self) -> Turn:
        """Take the first turn out; the next one may have said something already."""
        turn = self._turns.popleft()
        self._context.notifier.unsubscribe(turn.id, self.hint)
        self.hint.is_there = bool(self._turns)
        return turn

    def clear(self) -> None:
        """Take all turns out."""
        while self._turns:
            self.pass_first()
