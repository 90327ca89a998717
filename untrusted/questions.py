"""Questions about code (completion, inspection): which worker answers which, and until when."""

from __future__ import annotations

from collections import deque

from untrusted.slot import Slot
from wire import Answered, Ask

ANSWER_S = 5.0  # the longest that a question may keep a worker; then it is interrupted
GRACE_S = 2.0  # and after this, killed
ASKED_MAX = 200  # then a fresh-namespace worker is replaced, whatever the questions left in it


class Questions:
    """Remembers what each worker was asked; workers answer in order."""

    def __init__(self) -> None:
        self._asked: dict[int, deque[tuple[Ask, float]]] = {}  # by pidfd
        self._slots: dict[int, Slot] = {}
        self._interrupted: dict[int, int] = {}  # by pidfd: the request
        self._postponed: list[Ask] = []
        self._fresh: dict[str, tuple[Slot, int]] = {}  # by language: worker, questions so far

    @property
    def pending(self) -> bool:
        """Whether an answer is awaited."""
        return bool(self._asked)

    def fresh_slot(self, language: str) -> Slot | None:
        """Return the worker whose namespace has never run a cell, if there is one."""
        slot, asked = self._fresh.get(language, (None, 0))
        return slot if slot is not None and asked < ASKED_MAX else None

    def keep_fresh(self, language: str, slot: Slot) -> None:
        """Count a question to this worker; a worker it takes the place of is killed."""
        previous, asked = self._fresh.get(language, (slot, 0))
        if previous is not slot:
            previous.kill()
            asked = 0
        self._fresh[language] = (slot, asked + 1)

    def postpone(self, ask: Ask) -> None:
        """Keep a question until there is a worker for it."""
        self._postponed.append(ask)

    def postponed(self) -> list[Ask]:
        """Return the questions that wait for a worker, to be asked again."""
        asks, self._postponed = self._postponed, []
        return asks

    def waiting(self, language: str) -> int:
        """Return how many workers the questions about a language wait for: one answers them all."""
        return int(any(ask.language == language for ask in self._postponed))

    def put(self, slot: Slot, ask: Ask, now: float) -> None:
        """Ask a worker."""
        self._asked.setdefault(slot.pidfd, deque()).append((ask, now + ANSWER_S))
        self._slots[slot.pidfd] = slot
        slot.channel.send(ask)

    def answered(self, slot: Slot, answer: Answered) -> Answered:
        """Return the answer under the number of the question that it must belong to. Raises KeyError, ValueError."""
        asked = self._asked[slot.pidfd]
        ask, _deadline = asked.popleft()
        if not asked:
            del self._asked[slot.pidfd]
        if answer.request != ask.request:
            raise ValueError("an answer to a question that was not asked")
        return answer

    def late(self, now: float) -> list[Slot]:
        """Return the workers that a question has kept for too long, once for each question."""
        slots = []
        for pidfd, asked in self._asked.items():
            ask, deadline = asked[0]
            if now > deadline and self._interrupted.get(pidfd) != ask.request:
                self._interrupted[pidfd] = ask.request
                slots.append(self._slots[pidfd])
        return slots

    def overdue(self, now: float) -> list[Slot]:
        """Return the workers that the interrupt did not free."""
        return [self._slots[pidfd] for pidfd, asked in self._asked.items() if now > asked[0][1] + GRACE_S]

    def forget(self, slot: Slot) -> list[Answered]:
        """Drop a dead worker; return what to say to those who asked it."""
        for language, (fresh, _asked) in list(self._fresh.items()):
            if fresh is slot:
                del self._fresh[language]
        self._slots.pop(slot.pidfd, None)
        self._interrupted.pop(slot.pidfd, None)
        return [Answered(ask.request, "gone", b"{}") for ask, _deadline in self._asked.pop(slot.pidfd, ())]
