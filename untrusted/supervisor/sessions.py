"""Registers the sessions of one supervisor, and finds the one that a frame or a worker belongs to."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Collection, Iterable, Mapping

from untrusted.supervisor.delivery import Deliveries
from untrusted.supervisor.looks import Looks
from untrusted.supervisor.session import Session
from untrusted.supervisor.worker_process import WorkerProcess
from wire import Closed, Deliver, Execute, Frame, InputReply, Limits, Open, Reason, Upload


class Sessions:
    """The registry of sessions, by id and by the worker that serves each, and the line of those without a worker.

    ``limits``: of each language; ``send`` takes frames for the device, in order. ``deliveries``: what is sent bit by
    bit, as the device takes it: files, and what must come after them. ``looks``: which of them are to be looked at.
    ``opened``: how many there were so far.
    """

    def __init__(self, limits: Mapping[str, Limits], send: Callable[[Frame], None], looks: Looks) -> None:
        self._limits, self._send, self.looks = limits, send, looks
        self._by_id: dict[str, Session] = {}
        self._by_pidfd: dict[int, Session] = {}
        self._waiting: deque[Session] = deque()
        self._asking: dict[str, Session] = {}
        self.deliveries = Deliveries()
        self.opened = 0

    def __len__(self) -> int:
        return len(self._by_id)

    def get(self, session_id: str) -> Session | None:
        """Return the session, unless it is over or about to be."""
        session = self._by_id.get(session_id)
        return None if session is None or session.ending else session

    def of(self, worker: WorkerProcess) -> Session | None:
        """Return the session that this worker serves."""
        return self._by_pidfd.get(worker.pidfd)

    def note_asking(self, session: Session) -> None:
        """Note a session that may have begun to wait for an input reply."""
        if session.is_asking:
            self._asking[session.id] = session

    def asking(self) -> Iterable[Session]:
        """Return the sessions that wait for an input reply."""
        if self._asking:
            self._asking = {name: session for name, session in self._asking.items() if session.is_asking}
        return self._asking.values()

    # --- what the device asks for -------------------------------------------------------------------------------
    def open(self, frame: Open) -> None:
        """Begin a session; it gets a worker from ``fill``."""
        self.opened += 1
        if frame.language not in self._limits or frame.session in self._by_id:
            self._send(Closed(frame.session, "protocol"))
            return
        session = Session(frame.session, frame.language, self._limits[frame.language], self._send, self.deliveries)
        self._by_id[frame.session] = session
        self._waiting.append(session)

    def put(self, frame: Execute | Deliver | Upload, now: float) -> None:
        """Hand a frame to its session, in its turn."""
        session = self.get(frame.session)
        if session is not None:  # otherwise Closed is on its way, or has been sent
            if isinstance(frame, Execute):
                self.deliveries.begin(frame.session, now)
            session.backlog.append(frame)
            session.work_off(now)
            self._watch(session, now)

    def interrupt(self, session_id: str, computation: str, now: float) -> None:
        """Interrupt a computation, if it is not over."""
        session = self.get(session_id)
        if session is not None:
            session.interrupt(computation, now)

    def reply(self, frame: InputReply, now: float) -> None:
        """Pass an input reply on to its session."""
        session = self.get(frame.session)
        if session is not None:
            session.reply(frame, now)

    # --- those that wait for a worker ---------------------------------------------------------------------------
    def fill(self, take: Callable[[str], WorkerProcess | None], now: float) -> None:
        """Give workers to the sessions that wait, oldest first."""
        for _ in range(len(self._waiting)):
            session = self._waiting.popleft()
            if session.ending:
                continue
            worker = take(session.language)
            if worker is None:
                self._waiting.append(session)
                continue
            self._by_pidfd[worker.pidfd] = session
            session.start(worker, now)
            self._watch(session, now)

    def waiting(self, language: str) -> int:
        """Return how many sessions wait for a worker of this language."""
        return sum(session.language == language for session in self._waiting)

    def give_up(self, language: str) -> None:
        """End the sessions that wait for a worker of this language: there will be none."""
        for session in [session for session in self._waiting if session.language == language]:
            self._waiting.remove(session)
            self.end(session, "kernel_died")

    # --- ends ---------------------------------------------------------------------------------------------------
    def keep_limits(self, now: float) -> None:
        """End the sessions that have passed a limit."""
        for session in map(self._by_id.__getitem__, self.looks.take(now)):
            session.keep_limits(now)
            self._watch(session, now)

    # --- from one device to the next ----------------------------------------------------------------------------
    def part(self, now: float) -> None:
        """Let kept sessions come to rest, for the device has gone, and end the others."""
        for session in list(self._by_id.values()):
            if not session.part(now):
                self.end(session, "session_gone")
        self._waiting.clear()

    def keep_only(self, ids: Collection[str]) -> None:
        """End all sessions but these."""
        for session in [session for session in self._by_id.values() if session.id not in ids]:
            self.end(session, "session_gone")

    @property
    def rest(self) -> bool:
        """Whether each session is idle, and all is said."""
        return not self.deliveries and all(session.rests for session in self._by_id.values())

    def count_anew(self, opened: int) -> None:
        """Count as the next device does: it begins with so many."""
        self.opened = opened

    def _watch(self, session: Session, now: float) -> None:
        if session.worker is not None:
            self.looks.put(session.id, not session.is_idle, now)

    def end(self, session: Session, reason: Reason) -> None:
        """End a session; one without a worker is over at once, any other when its worker is buried."""
        if session.ending is None:
            session.end(reason)
            if session.worker is None:
                del self._by_id[session.id]

    def bury(self, worker: WorkerProcess, now: float) -> None:
        """Forget a worker that is dead with all its processes, and the session that it served."""
        session = self._by_pidfd.pop(worker.pidfd, None)
        if session is None:
            worker.close()
            return
        del self._by_id[session.id]
        self.looks.forget(session.id)
        session.bury(worker, now)
