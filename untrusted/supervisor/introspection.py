"""Chooses the worker that answers an introspection (completion or inspection of code), and ends those that take long.

Those in a fresh namespace go to a worker that visitors share, one at a time. One that is slow keeps that worker to
itself, and those behind it get the next.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

import msgspec

from untrusted.supervisor.worker_process import WorkerProcess
from wire import Introspect, IntrospectReply

WALL_S_MAX = 5.0  # the longest that an introspection may keep a worker; then it is interrupted
CPU_S_MAX = 2.0  # so, too, after this much of a processor
GRACE_S = 2.0  # and after this, killed
# One with more has a worker to itself. Most take 20 ms; the first about a large module may take 0.3 s.
QUICK_WALL_S, QUICK_CPU_S = 1.0, 0.3
SLOW_MAX = 2  # workers of a language that slow introspections may keep; with one more the slowest is killed
SHARED_USES_MAX = 200  # then a shared worker is replaced, whatever the introspections left in it
WATCH_S = 0.05


@dataclass
class Running:
    """An introspection that a worker has been sent.

    Its time begins when those before it are answered: ``began``, ``cpu_before_s``. ``is_void``: nobody waits for it.
    """

    frame: Introspect
    began: float
    cpu_before_s: float
    interrupted_at: float | None = None
    is_void: bool = False


class IntrospectionQueue:
    """The introspections that wait for a worker, and those that each worker has been sent; it answers them in order."""

    def __init__(self) -> None:
        self._running: dict[int, deque[Running]] = {}  # by pidfd
        self._workers: dict[int, WorkerProcess] = {}
        self._waiting: deque[Introspect] = deque()  # in a fresh namespace
        self._shared: dict[str, tuple[WorkerProcess, int]] = {}  # by language: worker, introspections so far
        self._slow: dict[str, deque[WorkerProcess]] = {}  # by language: what is left of earlier shared workers
        self._watched_at = 0.0

    @property
    def pending(self) -> bool:
        """Whether a reply is awaited."""
        return bool(self._running or self._waiting)

    def drop(self) -> None:
        """Answer none of them, for who asked has gone."""
        self._waiting.clear()
        for sent in self._running.values():
            for running in sent:
                running.is_void = True

    # --- in a fresh namespace -----------------------------------------------------------------------------------
    def enqueue(self, frame: Introspect) -> None:
        """Let an introspection in a fresh namespace wait for the shared worker."""
        self._waiting.append(frame)

    def give_up(self, language: str) -> list[IntrospectReply]:
        """Drop what waits for a language that cannot run; return what to say to those who wait."""
        lost = [frame for frame in self._waiting if frame.language == language]
        for frame in lost:
            self._waiting.remove(frame)
        return [IntrospectReply(frame.request, "gone", b"{}") for frame in lost]

    def hand_out(self, take: Callable[[str], WorkerProcess | None], now: float) -> None:
        """Send what waits to the shared workers that are free, oldest first."""
        busy = set[str]()
        for frame in list(self._waiting):
            if frame.language not in busy:
                worker = self._free_worker(frame.language, take)
                if worker is None:
                    busy.add(frame.language)
                else:
                    self._waiting.remove(frame)
                    self.send(worker, frame, now)

    def _free_worker(self, language: str, take: Callable[[str], WorkerProcess | None]) -> WorkerProcess | None:
        worker, uses = self._shared.get(language, (None, 0))
        if worker is not None and worker.pidfd in self._running:
            return None
        if worker is None or uses >= SHARED_USES_MAX:
            fresh = take(language)
            if fresh is None:
                return None
            if worker is not None:
                worker.kill()
            worker, uses = fresh, 0
        self._shared[language] = worker, uses + 1
        return worker

    def wanted_workers(self, language: str) -> int:
        """Return how many workers introspections in a language wait for: one answers them all."""
        return int(language not in self._shared and any(frame.language == language for frame in self._waiting))

    # --- in a worker --------------------------------------------------------------------------------------------
    def send(self, worker: WorkerProcess, frame: Introspect, now: float) -> None:
        """Send an introspection to a worker."""
        running = self._running.setdefault(worker.pidfd, deque())
        running.append(Running(frame, now, 0.0 if running else worker.group.usage()[0]))
        self._workers[worker.pidfd] = worker
        worker.channel.send(frame)

    def take_reply(self, worker: WorkerProcess, reply: IntrospectReply, now: float) -> list[IntrospectReply]:
        """Return a worker's reply, if anybody waits for it; it must be the one due. Raises KeyError, ValueError."""
        running = self._running[worker.pidfd]
        if reply.request != running[0].frame.request:
            raise ValueError("a reply to an introspection that was not sent")
        is_void = running.popleft().is_void
        if running:
            running[0].began, running[0].cpu_before_s = now, worker.group.usage()[0]
        else:
            del self._running[worker.pidfd], self._workers[worker.pidfd]
        if any(worker in slow for slow in self._slow.values()):
            worker.kill()
        return [] if is_void else [reply]

    def watch(self, now: float) -> list[WorkerProcess]:
        """Interrupt what takes too long; return the workers that an interrupt did not free.

        A shared worker that is slow is shared no more.
        """
        if now - self._watched_at < WATCH_S:
            return []
        self._watched_at, overdue = now, list[WorkerProcess]()
        for pidfd, (head, *_others) in list(self._running.items()):
            worker = self._workers[pidfd]
            wall_s, cpu_s = now - head.began, 0.0
            if not head.frame.session:  # in a session other code may use the processor
                cpu_s = worker.group.usage()[0] - head.cpu_before_s
            if head.interrupted_at is None and (wall_s > WALL_S_MAX or cpu_s > CPU_S_MAX):
                head.interrupted_at = now
                worker.interrupt()
            elif head.interrupted_at is not None and now - head.interrupted_at > GRACE_S:
                overdue.append(worker)
            if wall_s > QUICK_WALL_S or cpu_s > QUICK_CPU_S:
                self._set_aside(worker, head.frame.language)
        return overdue

    def _set_aside(self, worker: WorkerProcess, language: str) -> None:
        if self._shared.get(language, (None, 0))[0] is worker:
            del self._shared[language]
            slow = self._slow.setdefault(language, deque())
            slow.append(worker)
            if len(slow) > SLOW_MAX:
                slow[0].kill()

    def forget(self, worker: WorkerProcess, again: bool) -> list[IntrospectReply]:
        """Drop a dead worker; return what to say to those who wait for its replies.

        The introspection that killed a shared worker was the only one in it, and is not sent ``again``: that is for one
        whose worker died with its zygote.
        """
        was_shared = False
        for language, (shared, _uses) in list(self._shared.items()):
            if shared is worker:
                del self._shared[language]
                was_shared = True
        for slow in self._slow.values():
            if worker in slow:
                slow.remove(worker)
                was_shared = True
        self._workers.pop(worker.pidfd, None)
        lost = [running.frame for running in self._running.pop(worker.pidfd, ()) if not running.is_void]
        if was_shared and again:
            self._waiting.extendleft(lost)
            return []
        status: Literal["error", "gone"] = "error" if was_shared else "gone"
        return [IntrospectReply(frame.request, status, b"{}") for frame in lost]


def say_nothing(frame: Introspect) -> IntrospectReply:
    """Return the reply of a worker that knows no completion, and nothing about what stands at the cursor."""
    at = frame.cursor_pos
    if frame.kind == "probe":
        return IntrospectReply(frame.request, "error", b"{}")
    content: dict[str, object] = {"status": "ok", "found": False, "data": {}, "metadata": {}}
    if frame.kind == "comm_info":
        content = {"status": "ok", "comms": {}}
    if frame.kind == "complete":
        content = {"status": "ok", "matches": [], "cursor_start": at, "cursor_end": at, "metadata": {}}
    return IntrospectReply(frame.request, "ok", msgspec.json.encode(content))
