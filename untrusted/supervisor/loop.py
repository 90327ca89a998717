"""The supervisor's loop: what the device sends, what zygotes and workers say, who died, whose time is up. No user code.

``step()`` does one round.
"""

from __future__ import annotations

import logging
import sys
import time

import zmq

from untrusted.channel import FromWorker, Over, Ready, Said, Written
from untrusted.supervisor.device_socket import DeviceSocket
from untrusted.supervisor.introspection import IntrospectionQueue
from untrusted.supervisor.pool import Pool
from untrusted.supervisor.sessions import Sessions
from untrusted.supervisor.status import Status
from untrusted.supervisor.worker_process import WorkerProcess
from wire import (
    Close,
    Credit,
    Deliver,
    Down,
    Execute,
    InputReply,
    Interrupt,
    Introspect,
    IntrospectReply,
    Layer,
    Open,
    Ping,
    Pong,
    Reason,
    StartConfig,
    Upload,
    WireError,
)

TICK_S = 0.1  # how late a limit may be noticed
IDLE_POLL_S = 2.0
# What workers say is taken in slices: so long of one; where many speak so long of all, but at least so long of each.
HEAR_S, HEAR_ALL_S, HEAR_S_MIN = 0.002, 0.02, 0.0002
LAST_WORDS_SLICES_MAX = 1000  # a socket buffer's worth; a descriptor that leaked elsewhere must not hold us
log = logging.getLogger(__name__)


class Supervisor:
    """Owns the gate, the pools and the sessions of one untrusted account."""

    def __init__(
        self, config: StartConfig, gate: DeviceSocket, pools: dict[str, Pool], limiter: str, layers: list[Layer]
    ) -> None:
        self._workers, self._silence_s = config.workers, config.heartbeat_timeout_s
        self._asking_max, self._asking_bytes_max = config.asking_max, config.asking_bytes_max
        self._gate, self._pools = gate, pools
        self._introduction = Status(pools, limiter, layers)
        self._sessions = Sessions({name: config.languages[name].limits for name in pools}, gate.send)
        self._questions = IntrospectionQueue()
        self._slots: dict[int, tuple[Pool, WorkerProcess]] = {}  # by pidfd
        self._last_words: dict[int, int] = {}  # by pidfd: slices in which a dead worker was heard
        self._granted = 0
        self._heard = time.monotonic()
        self.over = False

    def run(self) -> None:
        """Go on until standard input ends, or the device has been silent for too long."""
        while not self.over:
            self.step()

    def step(self) -> None:
        """Do one round; wait for something to happen first, at most until the next deadline."""
        events = self._poll()
        now = time.monotonic()
        if sys.stdin.fileno() in events:
            self.over = True  # nothing is ever sent there after the start configuration: it ended
        self._hear_device(now)
        for pool in self._pools.values():
            if pool.alive and pool.orders.fileno() in events:
                self._hear_zygote(pool)
        slots = [slot for _pool, slot in self._slots.values()]
        speaking = [slot for slot in slots if slot.channel.waiting or slot.channel.fileno() in events]
        for slot in speaking:
            slot.channel.flush()
            if not self._gate.blocked:
                self._hear_worker(slot, now, max(HEAR_S_MIN, min(HEAR_S, HEAR_ALL_S / len(speaking))))
        for pidfd in events & self._slots.keys():
            self._bury(self._slots[pidfd][1], now)
        self._sessions.keep_limits(now)
        for slot in self._questions.watch(now):
            self._end_slot(slot, "time_wall")
        self._sessions.fill(self._take, now)
        self._questions.hand_out(self._take, now)
        for pool in self._pools.values():
            if pool.overdue(now):
                log.error("the zygote of %s does not come to the end of loading; starting it again", pool.language.name)
                pool.bury_zygote()
            pool.start_when_due(now)
            pool.refill(self._sessions.waiting(pool.language.name) + self._questions.waiting(pool.language.name))
        self._speak()
        if now - self._heard > self._silence_s:
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
            deaf = self._gate.blocked or slot.channel.closed or slot.channel.waiting
            flags = (0 if deaf else zmq.POLLIN) | (zmq.POLLOUT if slot.channel.unsent_bytes else 0)
            if flags:
                poller.register(slot.channel.fileno(), flags)
        unheard = any(slot.channel.waiting for _pool, slot in self._slots.values())
        if (unheard or self._sessions.deliveries) and not self._gate.blocked:
            wait_s = 0.0
        else:
            waited_for = any(not pool.alive or pool.lacks for pool in self._pools.values())
            busy = self._questions.pending or self._sessions.computing or waited_for
            wait_s = TICK_S if busy else IDLE_POLL_S
        return {key for key, _event in poller.poll(int(wait_s * 1000)) if isinstance(key, int)}

    def _speak(self) -> None:
        self._gate.flush()
        for frame in self._sessions.deliveries.frames() if not self._gate.blocked else ():
            self._gate.send(frame)
            if self._gate.blocked:
                break
        introduction = self._introduction.next_frame() if self._gate.met else None
        if introduction is not None:
            self._gate.send(introduction)
        for language in self._introduction.failed:
            # The device knows, and will not send them here again.
            self._sessions.give_up(language)
            for answered in self._questions.give_up(language):
                self._gate.send(answered)
        resting = self._sessions.resting(self._asking_max, self._asking_bytes_max)
        granted = self._sessions.opened + self._workers - (len(self._sessions) - resting)
        if self._introduction.made and granted > self._granted:
            self._granted = granted
            self._gate.send(Credit(granted))

    # --- the device ---------------------------------------------------------------------------------------------
    def _hear_device(self, now: float) -> None:
        try:
            for frame in self._gate.receive():
                self._heard = now
                self._obey(frame, now)
        except WireError as error:
            log.error("the device sent nonsense: %s", error)
            self.over = True

    def _obey(self, frame: Down, now: float) -> None:
        match frame:
            case Ping():
                self._introduction.hear_ping()
                self._gate.send(Pong(frame.number))
            case Open():
                self._sessions.open(frame)
            case Execute() | Deliver() | Upload():
                self._sessions.put(frame, now)
            case Interrupt():
                self._sessions.interrupt(frame.session, frame.computation, now)
            case InputReply():
                self._sessions.answer(frame, now)
            case Close():
                session = self._sessions.get(frame.session)
                if session is not None:
                    self._sessions.end(session, "cancelled")
            case Introspect():
                self._ask(frame, now)

    def _ask(self, frame: Introspect, now: float) -> None:
        if not frame.session and frame.language in self._pools:
            self._questions.wait(frame)  # until the worker that visitors share is free
            return
        session = self._sessions.get(frame.session)
        if session is not None and session.slot is not None and session.idle:
            self._questions.put(session.slot, frame, now)
        else:
            self._gate.send(IntrospectReply(frame.request, "busy" if session else "gone", b"{}"))

    # --- zygotes and workers ------------------------------------------------------------------------------------
    def _take(self, language: str) -> WorkerProcess | None:
        pool = self._pools.get(language)
        return pool.take() if pool else None

    def _hear_zygote(self, pool: Pool) -> None:
        try:
            slot = pool.hear()
        except (EOFError, OSError) as error:
            log.error("%s; starting it again", error)
            pool.bury_zygote()
            return
        if slot is not None:
            self._slots[slot.pidfd] = (pool, slot)

    def _hear_worker(self, slot: WorkerProcess, now: float, slice_s: float = HEAR_S) -> bool:
        """Deal with what a worker says, for so long; return whether there may be more."""
        until = time.monotonic() + slice_s
        try:
            more = slot.channel.read()
            while (frame := slot.channel.take()) is not None:
                self._take_frame(slot, frame, now)
                if time.monotonic() > until:
                    break
        except (WireError, LookupError, ValueError) as error:
            log.warning("worker %d: %s", slot.pid, error)
            self._end_slot(slot, "protocol")
            return False
        if slot.channel.closed and not slot.channel.waiting:
            slot.kill()  # it will do nothing more: that it ended, and why, is seen when it is dead
        return more

    def _take_frame(self, slot: WorkerProcess, frame: FromWorker, now: float) -> None:
        """Deal with one frame. Raises WireError, LookupError or ValueError when the worker may not say it."""
        session = self._sessions.of(slot)
        if isinstance(frame, Ready):
            self._slots[slot.pidfd][0].welcome(slot)
        elif isinstance(frame, IntrospectReply):
            self._gate.send(self._questions.answered(slot, frame, now))
        elif session is None or session.ending:
            return  # nobody waits for it
        elif isinstance(frame, Said):
            self._sessions.pass_on(session, frame.messages, now)
        elif isinstance(frame, Written):
            self._sessions.written(session)
        elif isinstance(frame, Over):
            self._sessions.complete(session, now)

    def _end_slot(self, slot: WorkerProcess, reason: Reason) -> None:
        session = self._sessions.of(slot)
        if session is None:
            slot.kill()
        else:
            self._sessions.end(session, reason)

    def _bury(self, slot: WorkerProcess, now: float) -> None:
        """Deal with a session whose init has died, and everything with it."""
        session = self._sessions.of(slot)
        slices = self._last_words[slot.pidfd] = self._last_words.get(slot.pidfd, 0) + 1
        heard = session is None or session.ending or slices > LAST_WORDS_SLICES_MAX
        if not heard and self._hear_worker(slot, now):
            return  # the next round comes back to it
        del self._last_words[slot.pidfd]
        pool, _slot = self._slots.pop(slot.pidfd)
        pool.forget(slot)
        for answered in self._questions.forget(slot, again=not pool.warm):
            self._gate.send(answered)
        self._sessions.bury(slot, now)

    def stop(self) -> None:
        """Kill everything that runs user code."""
        for pool in self._pools.values():
            pool.stop()
        for _pool, slot in self._slots.values():
            slot.kill()
            slot.close()
