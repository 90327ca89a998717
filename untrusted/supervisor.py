"""The supervisor: hands sessions to workers, watches clocks and limits, kills, and reports. Runs no user code.

``step()`` does one round: what the device sent, what zygotes and workers said, who died, whose time is up, what can be sent.
"""

from __future__ import annotations

import logging
import sys
import time
from collections import deque
from collections.abc import Iterator

import zmq

from untrusted.channel import Over, Ready, Said
from untrusted.charter import Charter
from untrusted.delivery import deliver
from untrusted.files import snapshot
from untrusted.gate import Gate
from untrusted.pool import Pool
from untrusted.questions import Questions
from untrusted.session import Cell, Session
from untrusted.slot import Slot
from wire import (
    PROTOCOL,
    Answer,
    Answered,
    Ask,
    Close,
    Closed,
    Credit,
    Deliver,
    Down,
    Finished,
    Frame,
    Hello,
    Interrupt,
    LanguageReport,
    Layer,
    Message,
    Open,
    Output,
    Ping,
    Pong,
    Reason,
    Run,
    Upload,
    WireError,
)

TICK_S = 0.1  # how late a limit may be noticed
IDLE_POLL_S = 2.0
log = logging.getLogger(__name__)


class Supervisor:
    """Owns the gate, the pools and the sessions of one untrusted account."""

    def __init__(self, charter: Charter, gate: Gate, pools: dict[str, Pool], limiter: str, layers: list[Layer]) -> None:
        self._limits, self._workers = charter.limits, charter.workers
        self._heartbeat_timeout_s = charter.heartbeat_timeout_s
        self._gate, self._pools = gate, pools
        self._sessions: dict[str, Session] = {}
        self._slots: dict[int, tuple[Pool, Slot]] = {}  # by pidfd
        self._owners: dict[int, Session] = {}  # by pidfd
        self._waiting: deque[Session] = deque()
        self._deliveries: deque[Iterator[Frame]] = deque()
        self._questions = Questions()
        self._limiter, self._layers = limiter, layers
        self._introduced = False
        self._opened = self._granted = 0
        self._heard = time.monotonic()
        self.over = False

    def run(self) -> None:
        """Go on until standard input ends, or the device has been silent for too long."""
        while not self.over:
            self.step()

    # --- one round ----------------------------------------------------------------------------------------------
    def step(self) -> None:
        """Do one round; wait for something to happen first, at most until the next deadline."""
        events = self._poll()
        now = time.monotonic()
        if sys.stdin.fileno() in events:
            self.over = True  # nothing is ever sent there after the charter: it ended
        self._hear_device(now)
        for pool in self._pools.values():
            if pool.alive and pool.orders.fileno() in events:
                self._hear_zygote(pool)
        for pidfd, (_pool, slot) in list(self._slots.items()):
            if slot.channel.fileno() in events:
                self._hear_worker(slot, now)
            if pidfd in events:
                self._bury(slot, now)
        self._keep_limits(now)
        self._fill_sessions(now)
        self._send()
        if now - self._heard > self._heartbeat_timeout_s:
            log.warning("the device has been silent for %.0f s", now - self._heard)
            self.over = True

    def _poll(self) -> set[int]:
        poller = zmq.Poller()
        poller.register(self._gate.socket, zmq.POLLIN | (zmq.POLLOUT if self._gate.blocked else 0))
        poller.register(sys.stdin.fileno(), zmq.POLLIN)
        for pool in self._pools.values():
            if pool.alive:
                poller.register(pool.orders.fileno(), zmq.POLLIN)
        for pidfd, (_pool, slot) in self._slots.items():
            poller.register(pidfd, zmq.POLLIN)
            # While the device does not read, neither do we: a flood waits in the worker's own socket.
            flags = (0 if self._gate.blocked else zmq.POLLIN) | (zmq.POLLOUT if slot.channel.unsent_bytes else 0)
            if flags:
                poller.register(slot.channel.fileno(), flags)
        busy = self._questions.pending or any(session.cell for session in self._sessions.values())
        wait_s = 0.0 if self._deliveries and not self._gate.blocked else TICK_S if busy else IDLE_POLL_S
        return {key for key, _event in poller.poll(wait_s * 1000) if isinstance(key, int)}

    def _send(self) -> None:
        self._gate.flush()
        while self._deliveries and not self._gate.blocked:
            frame = next(self._deliveries[0], None)
            if frame is None:
                self._deliveries.popleft()
            else:
                self._gate.send(frame)
        if not self._introduced and self._gate.met and all(pool.settled for pool in self._pools.values()):
            self._introduced = True
            self._gate.send(self._hello())
        granted = self._opened + self._workers - len(self._sessions)
        if self._introduced and granted > self._granted:
            self._granted = granted
            self._gate.send(Credit(granted))

    def _hello(self) -> Hello:
        languages = [LanguageReport(name, pool.version) for name, pool in self._pools.items() if pool.warm]
        return Hello(PROTOCOL, self._limiter, self._layers, languages)

    # --- the device ---------------------------------------------------------------------------------------------
    def _hear_device(self, now: float) -> None:
        try:
            frames = self._gate.receive()
        except WireError as error:
            log.error("the device sent nonsense: %s", error)
            self.over = True
            return
        for frame in frames:
            self._heard = now
            self._obey(frame, now)

    def _obey(self, frame: Down, now: float) -> None:
        match frame:
            case Ping():
                self._gate.send(Pong(frame.number))
            case Open():
                self._open(frame)
            case Ask():
                self._ask(frame, now)
            case Close():
                session = self._sessions.get(frame.session)
                if session is not None:
                    self._end(session, "cancelled")
            case Run() | Deliver() | Upload() | Interrupt() | Answer():
                session = self._sessions.get(frame.session)
                if session is None or session.ending:
                    return  # Closed is on its way, or has been sent
                if isinstance(frame, Interrupt):
                    self._interrupt(session, frame.computation, now)
                elif isinstance(frame, Answer):
                    self._answer(session, frame, now)
                else:
                    session.backlog.append(frame)
                    self._work_off(session, now)

    def _open(self, frame: Open) -> None:
        self._opened += 1
        session = Session(frame.session, frame.language)
        if frame.language not in self._pools or frame.session in self._sessions:
            self._gate.send(Closed(frame.session, "protocol"))
            return
        self._sessions[frame.session] = session
        self._waiting.append(session)

    def _interrupt(self, session: Session, computation: str, now: float) -> None:
        cell = session.cell
        if cell and cell.computation == computation and session.slot:
            cell.kill_at = cell.kill_at or now + self._limits.cell_interrupt_grace_s
            session.slot.interrupt()

    def _answer(self, session: Session, frame: Answer, now: float) -> None:
        cell = session.cell
        if cell and cell.computation == frame.computation and cell.asking_since is not None and session.slot:
            cell.answered(now)
            session.slot.channel.send(frame)

    def _ask(self, frame: Ask, now: float) -> None:
        if not frame.session:
            pool = self._pools.get(frame.language)
            slot = self._questions.fresh_slot(frame.language) or (pool.take() if pool else None)
            if slot is None:
                self._gate.send(Answered(frame.request, "busy" if pool else "gone", b"{}"))
                return
            self._questions.keep_fresh(frame.language, slot)
            self._questions.put(slot, frame, now)
            return
        session = self._sessions.get(frame.session)
        if session is None or session.ending:
            self._gate.send(Answered(frame.request, "gone", b"{}"))
        elif not session.idle or session.slot is None:
            self._gate.send(Answered(frame.request, "busy", b"{}"))
        else:
            self._questions.put(session.slot, frame, now)

    # --- sessions and workers -----------------------------------------------------------------------------------
    def _fill_sessions(self, now: float) -> None:
        for _ in range(len(self._waiting)):
            session = self._waiting.popleft()
            slot = self._pools[session.language].take() if not session.ending else None
            if slot is not None:
                session.slot = slot
                self._owners[slot.pidfd] = session
                self._work_off(session, now)
            elif not session.ending:
                self._waiting.append(session)
        for pool in self._pools.values():
            pool.start_when_due(now)
            pool.refill(sum(session.language == pool.language.name for session in self._waiting))

    def _work_off(self, session: Session, now: float) -> None:
        slot = session.slot
        while slot is not None and session.backlog and session.cell is None:
            frame = session.backlog.popleft()
            if isinstance(frame, (Run, Deliver)):
                cpu_s, _memory_bytes, _processes = slot.group.usage()
                session.cell = Cell(frame.computation, frame.last, cpu_s, snapshot(slot.work_directory), started=now)
            slot.channel.send(frame)

    def _hear_zygote(self, pool: Pool) -> None:
        try:
            slot = pool.hear()
        except (EOFError, OSError) as error:
            log.error("%s; starting it again", error)
            pool.bury_zygote()
            return
        if slot is not None:
            self._slots[slot.pidfd] = (pool, slot)

    def _hear_worker(self, slot: Slot, now: float) -> None:
        slot.channel.flush()
        if self._gate.blocked:
            return
        try:
            frames = slot.channel.receive() or []
            session = self._owners.get(slot.pidfd)
            for frame in frames:
                if isinstance(frame, Ready):
                    self._slots[slot.pidfd][0].welcome(slot)
                elif session is None or session.ending:
                    pass  # nobody waits for it
                elif isinstance(frame, Said):
                    self._pass_on(session, frame.messages, now)
                elif isinstance(frame, Over):
                    self._complete(session, now)
            for frame in frames:
                if isinstance(frame, Answered):
                    self._gate.send(self._questions.answered(slot, frame))
        except (WireError, KeyError, ValueError) as error:
            log.warning("worker %d: %s", slot.pid, error)
            self._end_slot(slot, "protocol")

    def _pass_on(self, session: Session, messages: list[Message], now: float) -> None:
        cell, out = session.cell, []
        for message in messages:
            size = len(message.content) + len(message.metadata) + sum(map(len, message.buffers))
            if cell is None or cell.over:
                session.held_bytes += size
                if session.held_bytes <= self._limits.cell_output_bytes_max and len(session.held) < 1000:
                    session.held.append(message)
                continue
            cell.messages += 1
            cell.output_bytes += size
            if cell.output_bytes > self._limits.cell_output_bytes_max or cell.messages > self._limits.cell_messages_max:
                self._send_output(session, out)
                self._end(session, "output")
                return
            if message.msg_type == "input_request" and cell.asking_since is None:
                cell.asking_since = now
            if cell.tail or message.msg_type == "execute_reply" or (message.msg_type == "status" and b"idle" in message.content):
                cell.tail.append(message)  # held back until the files are out
                continue
            out.append(message)
            if message.msg_type == "status" and session.held:
                out += session.held
                session.held, session.held_bytes = [], 0
        self._send_output(session, out)

    def _send_output(self, session: Session, messages: list[Message]) -> None:
        if messages and session.cell:
            self._gate.send(Output(session.id, session.cell.computation, messages))

    def _complete(self, session: Session, now: float) -> None:
        """The cell has ended by itself: hand over files, the messages held back, and the end."""
        cell, slot = session.cell, session.slot
        if cell is None or slot is None:
            raise WireError("the end of a cell that does not run")
        cell.over = True
        overrun = slot.group.overrun()
        if overrun:
            self._end(session, overrun)
        elif cell.last and snapshot(slot.work_directory) != cell.files_before:
            self._end(session, None)  # files are taken from a session that is dead
        else:
            self._finish(session, None, now)
            if cell.last:
                self._end(session, None)

    def _finish(self, session: Session, reason: Reason | None, now: float) -> None:
        cell, slot = session.cell, session.slot
        if cell is None or slot is None:
            return
        cpu_s, memory_bytes, _processes = slot.group.usage()
        end = Finished(
            session.id, cell.computation, "failed" if reason else "done", reason, cell.usage(now, cpu_s, memory_bytes)
        )
        session.cell = None
        self._deliveries.append(deliver(session.id, cell, slot, self._limits, end))
        self._work_off(session, now)

    def _end(self, session: Session, reason: Reason | None) -> None:
        """Kill the session; what is left to say is said when it is dead."""
        if session.ending is None:
            session.ending = reason or "session_gone"
            if session.slot is None:
                self._sessions.pop(session.id, None)
                self._deliveries.append(iter([Closed(session.id, session.ending)]))
            else:
                session.slot.kill()

    def _end_slot(self, slot: Slot, reason: Reason) -> None:
        session = self._owners.get(slot.pidfd)
        if session is None:
            slot.kill()
        else:
            self._end(session, reason)

    def _bury(self, slot: Slot, now: float) -> None:
        """A session's init has died, and everything with it."""
        if self._owners.get(slot.pidfd) is not None and not self._owners[slot.pidfd].ending:
            self._hear_worker(slot, now)  # what it said before it died
        pool, _slot = self._slots.pop(slot.pidfd)
        pool.forget(slot)
        for answered in self._questions.forget(slot):
            self._gate.send(answered)
        session = self._owners.pop(slot.pidfd, None)
        if session is None:
            slot.close()
            return
        del self._sessions[session.id]
        reason: Reason = session.ending or slot.group.overrun() or "kernel_died"
        cell = session.cell
        if cell is not None:
            # A cell that came to its end, and whose session was ended for that alone, is done.
            self._finish(session, None if cell.over and reason == "session_gone" else reason, now)
        self._deliveries.append(self._closing(session, slot, reason))

    def _closing(self, session: Session, slot: Slot, reason: Reason) -> Iterator[Frame]:
        slot.close()
        yield Closed(session.id, reason)

    # --- limits -------------------------------------------------------------------------------------------------
    def _keep_limits(self, now: float) -> None:
        for session in list(self._sessions.values()):
            if session.cell and session.slot and not session.ending:
                reason = self._overrun(session.cell, session.slot, now)
                if reason:
                    self._end(session, reason)
        for slot in self._questions.overdue(now):
            self._end_slot(slot, "time_wall")

    def _overrun(self, cell: Cell, slot: Slot, now: float) -> Reason | None:
        if cell.wall_s(now) > self._limits.cell_wall_s or cell.asking_s(now) > self._limits.cell_input_s:
            return "time_wall"
        if cell.kill_at is not None and now > cell.kill_at:
            return "cancelled"
        cpu_s, _memory_bytes, _processes = slot.group.usage()
        if cpu_s - cell.cpu_before_s > self._limits.cell_cpu_s:
            return "time_cpu"
        return slot.group.overrun()

    def stop(self) -> None:
        """Kill everything that runs user code."""
        for pool, slot in self._slots.values():
            slot.kill()
            slot.close()
        for pool in self._pools.values():
            pool.stop()
