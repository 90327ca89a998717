"""Questions about code (completion, inspection): which worker answers which, and until when.

Those to a fresh namespace go to a worker that visitors share, one at a time. One that is slow keeps that worker to
itself, and those behind it get the next.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

from untrusted.supervisor.worker_process import WorkerProcess
from wire import Introspect, IntrospectReply

ANSWER_S = 5.0  # the longest that a question may keep a worker; then it is interrupted
ANSWER_CPU_S = 2.0  # so, too, after this much of a processor
GRACE_S = 2.0  # and after this, killed
# A question with more has a worker to itself. Most take 20 ms; the first about a large module may take 0.3 s.
QUICK_S, QUICK_CPU_S = 1.0, 0.3
SLOW_MAX = 2  # workers of a language that slow questions may keep; with one more the slowest is killed
ASKED_MAX = 200  # then a shared worker is replaced, whatever the questions left in it
WATCH_S = 0.05


@dataclass
class Asked:
    """A question in a worker. Its time begins when those before it are answered: ``began``, ``cpu_before_s``."""

    ask: Introspect
    began: float
    cpu_before_s: float
    interrupted_at: float | None = None


class IntrospectionQueue:
    """Remembers what each worker was asked; workers answer in order."""

    def __init__(self) -> None:
        self._asked: dict[int, deque[Asked]] = {}  # by pidfd
        self._slots: dict[int, WorkerProcess] = {}
        self._waiting: deque[Introspect] = deque()  # to a fresh namespace
        self._shared: dict[str, tuple[WorkerProcess, int]] = {}  # by language: worker, questions so far
        self._slow: dict[str, deque[WorkerProcess]] = {}  # by language: what is left of earlier shared workers
        self._watched_at = 0.0

    @property
    def pending(self) -> bool:
        """Whether an answer is awaited."""
        return bool(self._asked or self._waiting)

    # --- to a fresh namespace -----------------------------------------------------------------------------------
    def wait(self, ask: Introspect) -> None:
        """Take a question to a fresh namespace."""
        self._waiting.append(ask)

    def give_up(self, language: str) -> list[IntrospectReply]:
        """Return what to say to those who asked about a language that cannot run."""
        lost = [ask for ask in self._waiting if ask.language == language]
        for ask in lost:
            self._waiting.remove(ask)
        return [IntrospectReply(ask.request, "gone", b"{}") for ask in lost]

    def hand_out(self, take: Callable[[str], WorkerProcess | None], now: float) -> None:
        """Ask the shared workers that are free, in the order in which the questions came."""
        kept = set[str]()
        for ask in list(self._waiting):
            if ask.language not in kept:
                slot = self._free_slot(ask.language, take)
                if slot is None:
                    kept.add(ask.language)
                else:
                    self._waiting.remove(ask)
                    self.put(slot, ask, now)

    def _free_slot(self, language: str, take: Callable[[str], WorkerProcess | None]) -> WorkerProcess | None:
        slot, asked = self._shared.get(language, (None, 0))
        if slot is not None and slot.pidfd in self._asked:
            return None
        if slot is None or asked >= ASKED_MAX:
            fresh = take(language)
            if fresh is None:
                return None
            if slot is not None:
                slot.kill()
            slot, asked = fresh, 0
        self._shared[language] = slot, asked + 1
        return slot

    def waiting(self, language: str) -> int:
        """Return how many workers the questions about a language wait for: one answers them all."""
        return int(language not in self._shared and any(ask.language == language for ask in self._waiting))

    # --- in a worker --------------------------------------------------------------------------------------------
    def put(self, slot: WorkerProcess, ask: Introspect, now: float) -> None:
        """Ask a worker."""
        asked = self._asked.setdefault(slot.pidfd, deque())
        asked.append(Asked(ask, now, 0.0 if asked else slot.group.usage()[0]))
        self._slots[slot.pidfd] = slot
        slot.channel.send(ask)

    def answered(self, slot: WorkerProcess, answer: IntrospectReply, now: float) -> IntrospectReply:
        """Return the answer under the number of the question that it must belong to. Raises KeyError, ValueError."""
        asked = self._asked[slot.pidfd]
        if answer.request != asked[0].ask.request:
            raise ValueError("an answer to a question that was not asked")
        asked.popleft()
        if asked:
            asked[0].began, asked[0].cpu_before_s = now, slot.group.usage()[0]
        else:
            del self._asked[slot.pidfd], self._slots[slot.pidfd]
        if any(slot in slow for slow in self._slow.values()):
            slot.kill()
        return answer

    def watch(self, now: float) -> list[WorkerProcess]:
        """Interrupt what takes too long; return the workers that an interrupt did not free.

        A shared worker that is slow is shared no more.
        """
        if now - self._watched_at < WATCH_S:
            return []
        self._watched_at, overdue = now, list[WorkerProcess]()
        for pidfd, (head, *_others) in list(self._asked.items()):
            slot = self._slots[pidfd]
            wall_s, cpu_s = now - head.began, 0.0
            if not head.ask.session:  # of a session other code may use the processor
                cpu_s = slot.group.usage()[0] - head.cpu_before_s
            if head.interrupted_at is None and (wall_s > ANSWER_S or cpu_s > ANSWER_CPU_S):
                head.interrupted_at = now
                slot.interrupt()
            elif head.interrupted_at is not None and now - head.interrupted_at > GRACE_S:
                overdue.append(slot)
            if wall_s > QUICK_S or cpu_s > QUICK_CPU_S:
                self._set_aside(slot, head.ask.language)
        return overdue

    def _set_aside(self, slot: WorkerProcess, language: str) -> None:
        if self._shared.get(language, (None, 0))[0] is slot:
            del self._shared[language]
            slow = self._slow.setdefault(language, deque())
            slow.append(slot)
            if len(slow) > SLOW_MAX:
                slow[0].kill()

    def forget(self, slot: WorkerProcess, again: bool) -> list[IntrospectReply]:
        """Drop a dead worker; return what to say to those who asked it.

        The question that killed a shared worker was the only one in it, and is not asked ``again``: that is for one
        whose worker died with its zygote.
        """
        own = False
        for language, (shared, _count) in list(self._shared.items()):
            if shared is slot:
                del self._shared[language]
                own = True
        for slow in self._slow.values():
            if slot in slow:
                slow.remove(slot)
                own = True
        self._slots.pop(slot.pidfd, None)
        asked = [asked.ask for asked in self._asked.pop(slot.pidfd, ())]
        if own and again:
            self._waiting.extendleft(asked)
            return []
        status: Literal["error", "gone"] = "error" if own else "gone"
        return [IntrospectReply(ask.request, status, b"{}") for ask in asked]
