"""The sessions of one supervisor: from Open to Closed, what each computation says, what ends it."""

from __future__ import annotations

import os
import time
from collections import deque
from collections.abc import Callable, Mapping
from contextlib import closing
from itertools import accumulate, islice

from untrusted.channel import carried_bytes
from untrusted.supervisor.delivery import Deliveries, Work, deliver, outputs
from untrusted.supervisor.output_files import Walk, look_at, snapshot
from untrusted.supervisor.session import Cell, Session
from untrusted.supervisor.worker_process import WorkerProcess
from wire import (
    Closed,
    Deliver,
    Execute,
    Finished,
    Frame,
    InputReply,
    Limits,
    Message,
    Open,
    Reason,
    Upload,
    WireError,
)

HELD_MESSAGES_MAX = 1000
WATCH_S = 0.1  # between two looks at what a session uses: reading its counters costs the loop tens of microseconds


class Sessions:
    """Keeps each session with the worker that serves it.

    ``limits``: of each language; ``send`` takes frames for the device, in order.
    """

    def __init__(self, limits: Mapping[str, Limits], send: Callable[[Frame], None]) -> None:
        self._limits, self._send = limits, send
        self._by_id: dict[str, Session] = {}
        self._by_pidfd: dict[int, Session] = {}
        self._waiting: deque[Session] = deque()
        # What is sent bit by bit, as the device takes it: files, and what must come after them.
        self.deliveries = Deliveries()
        self.opened = 0

    def __len__(self) -> int:
        return len(self._by_id)

    def get(self, session_id: str) -> Session | None:
        """Return the session, unless it is over or about to be."""
        session = self._by_id.get(session_id)
        return None if session is None or session.ending else session

    def of(self, slot: WorkerProcess) -> Session | None:
        """Return the session that this worker serves."""
        return self._by_pidfd.get(slot.pidfd)

    @property
    def computing(self) -> bool:
        """Whether there is a computation whose limits must be watched."""
        return any(session.cell for session in self._by_id.values())

    def resting(self, most: int, bytes_max: int) -> int:
        """Return how many sessions wait for an answer and so take no place: at most so many, with so much memory."""
        asking = [s for s in self._by_id.values() if s.cell and s.cell.asking_since is not None and not s.ending]
        sums_bytes = accumulate(sorted(session.memory_bytes for session in asking))
        return sum(sum_bytes <= bytes_max for sum_bytes in islice(sums_bytes, most))

    # --- what the device asks for -------------------------------------------------------------------------------
    def open(self, frame: Open) -> None:
        """Begin a session; it gets a worker from ``fill``."""
        self.opened += 1
        if frame.language not in self._limits or frame.session in self._by_id:
            self._send(Closed(frame.session, "protocol"))
            return
        session = self._by_id[frame.session] = Session(frame.session, frame.language)
        self._waiting.append(session)

    def fill(self, take: Callable[[str], WorkerProcess | None], now: float) -> None:
        """Give workers to the sessions that wait, oldest first."""
        for _ in range(len(self._waiting)):
            session = self._waiting.popleft()
            if session.ending:
                continue
            slot = take(session.language)
            if slot is None:
                self._waiting.append(session)
                continue
            session.slot = slot
            self._by_pidfd[slot.pidfd] = session
            self._work_off(session, now)

    def waiting(self, language: str) -> int:
        """Return how many sessions wait for a worker of this language."""
        return sum(session.language == language for session in self._waiting)

    def give_up(self, language: str) -> None:
        """End the sessions that wait for a worker of this language: there will be none."""
        for session in [session for session in self._waiting if session.language == language]:
            self._waiting.remove(session)
            self.end(session, "kernel_died")

    def put(self, frame: Execute | Deliver | Upload, now: float) -> None:
        """Hand a frame to its session, in its turn."""
        session = self.get(frame.session)
        if session is not None:  # otherwise Closed is on its way, or has been sent
            session.backlog.append(frame)
            self._work_off(session, now)

    def interrupt(self, session_id: str, computation: str, now: float) -> None:
        """Raise KeyboardInterrupt in the computation if it still runs."""
        session = self.get(session_id)
        if session is None:
            return
        if session.cell is not None and session.cell.over_at is not None:
            return
        if session.cell is None or session.cell.computation != computation or not session.cell.began:
            if any(frame.computation == computation for frame in [session.cell, *session.backlog] if frame):
                session.interrupted.add(computation)
        elif session.slot:
            session.cell.kill_at = session.cell.kill_at or now + self._limits[session.language].cell_interrupt_grace_s
            session.cell.answered(now)
            session.slot.interrupt()

    def answer(self, frame: InputReply, now: float) -> None:
        """Pass on the answer to the question that the computation waits on."""
        session = self.get(frame.session)
        if session is None or session.slot is None or session.cell is None:
            return
        if session.cell.computation == frame.computation and session.cell.asking_since is not None:
            session.cell.answered(now)
            session.slot.channel.send(frame)

    def _work_off(self, session: Session, now: float) -> None:
        slot = session.slot
        while slot is not None and slot.work_directory is not None and session.backlog:
            if session.cell is not None or session.delivering:
                return
            if session.files is None:
                session.files = snapshot(slot.work_directory)
            frame = session.backlog.popleft()
            if isinstance(frame, Upload):
                if frame.last:
                    session.uploading.append(frame.name)
                slot.channel.send(frame)
                continue
            cpu_s, session.memory_bytes, _processes = slot.group.usage()
            session.watched_at = now
            session.cell = Cell(frame.computation, frame.last, cpu_s, {}, started=now, waiting=frame)
            self._hand_over(session)

    def _hand_over(self, session: Session) -> None:
        """Give the worker its computation, once the uploads lie there: they are not the code's doing."""
        slot, cell = session.slot, session.cell
        if slot is None or slot.work_directory is None or cell is None or cell.waiting is None or session.uploading:
            return
        if session.strayed:
            session.strayed = False
            self.deliveries.add(session.id, self._look_again(session, cell, slot.work_directory))
            return
        cell.files_before = session.files or {}
        slot.channel.send(cell.waiting)
        cell.waiting = None

    # --- what workers say ---------------------------------------------------------------------------------------
    def pass_on(self, session: Session, messages: list[Message], now: float) -> None:
        """Send on what the kernel said, within the limits; hold back the end until the files are out.

        Raises WireError when it said nothing.
        """
        if not messages:
            raise WireError("nothing said, which no limit counts")
        cell, out = session.cell, list[Message]()
        for message in messages:
            size = carried_bytes(message)
            if cell is None or cell.ended or not (cell.began or _is_status(message, b'"busy"')):
                # A thread of the student's goes on between two computations.
                self._hold(session, message, size)
                if session.ending:
                    break
                continue
            cell.began, cell.ended = True, _is_status(message, b'"idle"')
            if cell.computation in session.interrupted:
                session.interrupted.remove(cell.computation)
                self.interrupt(session.id, cell.computation, now)
            cell.messages += 1
            cell.output_bytes += size
            limits = self._limits[session.language]
            if cell.output_bytes > limits.cell_output_bytes_max or cell.messages > limits.cell_messages_max:
                self._say(session, out)
                self.end(session, "output")
                return
            if message.msg_type == "input_request" and cell.asking_since is None and session.slot:
                cell.asking_since = now
                _cpu_s, session.memory_bytes, _processes = session.slot.group.usage()
            if cell.tail or _ends(message):
                cell.tail.append(message)
                continue
            out.append(message)
            if message.msg_type == "status" and session.held:
                out += session.held
                session.held, session.held_bytes, session.held_messages = [], 0, 0
        self._say(session, out)

    def written(self, session: Session) -> None:
        """Note that an upload is written. Raises WireError when none is under way."""
        if not session.uploading or session.slot is None or session.slot.work_directory is None:
            raise WireError("an upload that was not sent")
        name, files = session.uploading.popleft(), session.files or {}
        seen = look_at(session.slot.work_directory, name)
        if seen is not None and seen != files.get(os.fsencode(name)):
            files[os.fsencode(name)] = seen
        else:
            session.strayed = True
        self._hand_over(session)

    def _look_again(self, session: Session, cell: Cell, work_directory: int) -> Work:
        """Look where an upload lies that is not where it should be: earlier code has changed the directory, say."""
        walk = Walk(work_directory)
        with closing(walk):
            yield from walk.slices()
        session.files = walk.found
        if session.cell is cell and session.ending is None:
            self._hand_over(session)

    def _hold(self, session: Session, message: Message, size_bytes: int) -> None:
        session.held_bytes += size_bytes
        session.held_messages += 1
        limits = self._limits[session.language]
        if session.held_bytes > limits.cell_output_bytes_max or session.held_messages > limits.cell_messages_max:
            self.end(session, "output")  # what is dropped costs us time, too
        elif session.held_messages <= HELD_MESSAGES_MAX:
            session.held.append(message)

    def _say(self, session: Session, messages: list[Message]) -> None:
        if session.cell:
            for frame in outputs(session.id, session.cell.computation, messages):
                self._send(frame)

    def complete(self, session: Session, now: float) -> None:
        """End a computation whose code has come to its end. Raises WireError when none runs."""
        cell, slot = session.cell, session.slot
        if cell is None or slot is None or cell.waiting is not None or cell.over_at is not None:
            raise WireError("the end of a cell that does not run")
        if slot.channel.unsent_bytes:
            raise WireError("the end of a cell that was not read")
        cell.over_at = now
        overrun = slot.group.overrun()
        if overrun:
            self.end(session, overrun)
        elif cell.last:
            self.deliveries.add(session.id, self._look_for_files(session, cell, slot))
        else:
            self._finish(session, None, now)

    def _look_for_files(self, session: Session, cell: Cell, slot: WorkerProcess) -> Work:
        """End a session after its last computation, in order when it left no files: they are taken from a dead one."""
        if slot.work_directory is not None:
            walk = Walk(slot.work_directory)
            with closing(walk):
                yield from walk.slices(cell.files_before)
            cell.unchanged = walk.whole and not walk.changed(cell.files_before)
        if session.cell is cell and session.ending is None:
            if cell.unchanged:
                self._finish(session, None, time.monotonic())
            self.end(session, None)

    # --- ends ---------------------------------------------------------------------------------------------------
    def end(self, session: Session, reason: Reason | None) -> None:
        """Kill the session; what is left to say is said when it is dead. No reason: its last computation is done."""
        if session.ending is None:
            session.ending = reason or "session_gone"
            if session.slot is None:
                self._by_id.pop(session.id, None)
                self._send(Closed(session.id, session.ending))
            else:
                session.slot.kill()

    def bury(self, slot: WorkerProcess, now: float) -> None:
        """Close the books of a worker that is dead with all its processes."""
        session = self._by_pidfd.pop(slot.pidfd, None)
        if session is None:
            slot.close()
            return
        del self._by_id[session.id]
        reason: Reason = session.ending or slot.group.overrun() or "kernel_died"
        if session.cell is not None:
            done = session.cell.over_at is not None and reason in ("session_gone", "kernel_died")
            self._finish(session, None if done else reason, now)
        self.deliveries.add(session.id, _closing(session.id, slot, reason))

    def _finish(self, session: Session, reason: Reason | None, now: float) -> None:
        cell, slot = session.cell, session.slot
        if cell is None or slot is None:
            return
        cpu_s, memory_bytes, _processes = slot.group.usage()
        usage = cell.usage(now, cpu_s, memory_bytes)
        end = Finished(session.id, cell.computation, "failed" if reason else "done", reason, usage)
        session.cell, session.delivering = None, True
        self.deliveries.add(session.id, deliver(session, cell, slot, self._limits[session.language], end))
        self.deliveries.add(session.id, self._next_turn(session))

    def _next_turn(self, session: Session) -> Work:
        session.delivering = False
        if session.ending is None:
            self._work_off(session, time.monotonic())
        yield from ()

    def keep_limits(self, now: float) -> None:
        """End the computations whose time is up, and the sessions that have too much of something, idle ones too."""
        for session in list(self._by_id.values()):
            if session.slot is None or session.ending or now - session.watched_at < WATCH_S:
                continue
            reason = self._watch(session, session.slot, now)
            if reason:
                self.end(session, reason)

    def _watch(self, session: Session, slot: WorkerProcess, now: float) -> Reason | None:
        session.watched_at, cell = now, session.cell
        if cell is not None and cell.over_at is None:
            limits = self._limits[session.language]
            cpu_s, session.memory_bytes, _processes = slot.group.usage()
            reason = _overtime(cell, limits, now)
            if reason or cpu_s - cell.cpu_before_s > limits.cell_cpu_s:
                return reason or "time_cpu"
        return slot.group.overrun()


def _overtime(cell: Cell, limits: Limits, now: float) -> Reason | None:
    if cell.wall_s(now) > limits.cell_wall_s or cell.asking_s(now) > limits.cell_input_s:
        return "time_wall"
    if now - cell.started > limits.cell_total_s:
        return "time_wall"
    return "cancelled" if cell.kill_at is not None and now > cell.kill_at else None


def _ends(message: Message) -> bool:
    """Return whether this message belongs to the end of a computation, after its files."""
    return message.msg_type == "execute_reply" or _is_status(message, b'"idle"')


def _is_status(message: Message, state: bytes) -> bool:
    return message.msg_type == "status" and state in message.content


def _closing(session_id: str, slot: WorkerProcess, reason: Reason) -> Work:
    # Only now, after the files: their directory is one of the slot's descriptors.
    slot.close()
    yield Closed(session_id, reason)
