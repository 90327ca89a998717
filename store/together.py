"""Makes one command of what several threads ask for at once, with no wait where one asks alone.

While a command is under way, what is asked meanwhile is collected, and goes as the next one.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from typing import Generic, TypeVar

from store.errors import StoreUnavailableError

Asked = TypeVar("Asked")
Answer = TypeVar("Answer")


class _Call(Generic[Asked, Answer]):
    """One thread's question; ``leads``: its thread is to ask for all that wait."""

    def __init__(self, asked: Asked) -> None:
        self.asked = asked
        self.answer: Answer | BaseException | None = None
        self.leads = False
        self.turn = threading.Event()


class Together(Generic[Asked, Answer]):
    """A question that several threads may ask at once: ``ask_all`` answers many, in their order.

    An answer that is an exception is raised where it was asked for. What ``ask_all`` raises, all of them raise.
    """

    def __init__(self, ask_all: Callable[[Sequence[Asked]], Sequence[Answer | BaseException]], most: int) -> None:
        self._ask_all, self._most = ask_all, most
        self._lock = threading.Lock()
        self._waiting: list[_Call[Asked, Answer]] = []
        self._is_busy = False

    def ask(self, asked: Asked) -> Answer:
        """Return the answer, got with those of others that wait. Raises what ``ask_all`` raises or answers."""
        call = _Call[Asked, Answer](asked)
        with self._lock:
            self._waiting.append(call)
            call.leads = not self._is_busy
            self._is_busy = True
        try:
            if not call.leads:
                call.turn.wait()
            if call.leads:
                self._lead(call)
        finally:
            self._leave(call)
        if isinstance(call.answer, BaseException):
            raise call.answer
        return call.answer  # type: ignore[return-value]

    def _lead(self, own: _Call[Asked, Answer]) -> None:
        with self._lock:
            others = [call for call in self._waiting if call is not own][: self._most - 1]
            calls = [own, *others]
            self._waiting = [call for call in self._waiting if call not in calls]
        # If our thread is ended in the middle, nobody knows what became of it.
        ended = StoreUnavailableError("the request that asked for several was ended")
        answers: Sequence[Answer | BaseException] = [ended] * len(calls)
        try:
            answers = self._ask_all([call.asked for call in calls])
        except Exception as error:  # noqa: BLE001 - each of those who asked is told
            answers = [error] * len(calls)
        finally:
            for call, answer in zip(calls, answers, strict=True):
                call.answer = answer
                if call is not own:
                    call.turn.set()

    def _leave(self, call: _Call[Asked, Answer]) -> None:
        """Let the next one lead, if this one did; however its thread ended."""
        with self._lock:
            if call in self._waiting:
                self._waiting.remove(call)
            if not call.leads:
                return
            if self._waiting:
                self._waiting[0].leads = True
                self._waiting[0].turn.set()
            else:
                self._is_busy = False
