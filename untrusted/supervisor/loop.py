"""Runs the supervisor: hears the device, zygotes and workers, keeps limits, and refills the pools.

``step()`` does one round. No user code runs here.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Mapping

import zmq

from untrusted.channel import Speak
from untrusted.sandbox.limiter.group import Limiter
from untrusted.supervisor.descriptors import Descriptors
from untrusted.supervisor.device_socket import DeviceSocket, NoDevice
from untrusted.supervisor.drain import Drain
from untrusted.supervisor.heirs import Heir
from untrusted.supervisor.introspection import IntrospectionQueue, say_nothing
from untrusted.supervisor.looks import IDLE_WATCH_S, WATCH_S, Looks
from untrusted.supervisor.places import Places
from untrusted.supervisor.pool import Pool
from untrusted.supervisor.sessions import Sessions
from untrusted.supervisor.status import Status
from untrusted.supervisor.succession import Succession
from untrusted.supervisor.worker_process import WorkerProcess
from untrusted.supervisor.workers import Workers
from wire import (
    Close,
    Closed,
    Deliver,
    Down,
    Execute,
    Frame,
    InputReply,
    Interrupt,
    Introspect,
    IntrospectReply,
    Layer,
    Open,
    Ping,
    Pong,
    StartConfig,
    Upload,
    WireError,
)

TICK_S = 0.1  # how late a limit may be noticed
IDLE_POLL_S = 2.0
log = logging.getLogger(__name__)


class Supervisor:
    """The one loop of an untrusted account: it owns the socket to the device, the pools and the sessions.

    ``through``: of languages without a pool of their own the one whose workers run their cells.
    """

    def __init__(
        self,
        config: StartConfig,
        device_socket: DeviceSocket,
        pools: dict[str, Pool],
        through: Mapping[str, str],
        limiter: Limiter,
        layers: list[Layer],
    ) -> None:
        self._silence_s = config.heartbeat_timeout_s
        self._device_socket: DeviceSocket | NoDevice = device_socket
        self._pools, self._through = pools, through
        self._pool_of = pools | {name: pools[other] for name, other in through.items()}
        self._limiter = limiter
        limits = {name: config.languages[name].limits for name in self._pool_of}
        # The watchdog sees what passes a limit only when it looks.
        looks = Looks(WATCH_S if limiter.name == "watchdog" else IDLE_WATCH_S)
        self._sessions = Sessions(limits, self._send, looks)
        self._drain = Drain(self._sessions)
        self._status = Status(self._pool_of, limiter.name, layers, self._drain)
        self._places = Places(config, self._sessions)
        self._introspections = IntrospectionQueue()
        self._descriptors = Descriptors()
        self._workers = Workers(self._sessions, self._introspections, self._send, self._descriptors)
        self._heard = time.monotonic()
        self._undelivered: Frame | None = None  # the next of the deliveries, which the device did not take yet
        self._succession = Succession(config, self._sessions, self._descriptors)
        # What is there from the beginning; zygotes that are started again, and workers, come to it.
        self._descriptors.add(device_socket.descriptor)
        for pool in pools.values():
            self._descriptors.add(pool.orders.fileno())

    @property
    def over(self) -> bool:
        """Whether it is to end."""
        return self._succession.over or self._drain.is_over(time.monotonic())

    def _send(self, frame: Frame) -> None:
        self._device_socket.send(frame)

    def run(self) -> None:
        """Go on until there is no device any more, and none can come for the sessions that it kept."""
        while not self.over:
            self.step()

    def step(self) -> None:
        """Do one round; wait for something to happen first, at most until the next deadline."""
        events = self._poll()
        now = time.monotonic()
        if self._succession.hear(events):
            self._lose_device("the device has gone", now)
        self._hear_device(now)
        for pool in self._pools.values():
            if pool.alive and pool.orders.fileno() in events:
                self._hear_zygote(pool)
        self._workers.hear(events, lambda: self._device_socket.blocked, now)
        self._workers.bury(events, now)
        self._sessions.keep_limits(now)
        for worker in self._introspections.watch(now):
            self._workers.end(worker, "time_wall")
        self._sessions.fill(self._take_worker, now)
        self._introspections.hand_out(self._take_worker, now)
        for pool in self._pools.values():
            self._tend(pool, now)
        self._speak()
        if self._succession.waits:
            heir = self._succession.next_heir(now)
            if heir is not None:
                self._go_on(heir, now)
        elif now - self._heard > self._silence_s:
            self._lose_device(f"the device has been silent for {now - self._heard:.0f} s", now)

    def _poll(self) -> set[int]:
        """Wait until something happens, or a deadline comes; return the descriptors at which it happened."""
        is_blocked = self._device_socket.blocked
        waits_for_device = is_blocked or self._undelivered is not None
        now = time.monotonic()
        if self._device_socket.has_news(waits_for_device) or (self._workers.has_unheard and not is_blocked):
            wait_s = 0.0
        else:
            lacks_workers = any(not pool.alive or pool.lacks for pool in self._pools.values())
            wait_s = TICK_S if self._introspections.pending or lacks_workers else IDLE_POLL_S
            wait_s = min(wait_s, self._sessions.looks.wait_s(now), self._workers.wait_s(now))
        if not waits_for_device:
            wait_s = min(wait_s, self._sessions.deliveries.wait_s(now))
        return self._descriptors.wait(wait_s, listens=not is_blocked)

    def _speak(self) -> None:
        """Tell the device what it takes now."""
        device = self._device_socket
        device.flush()
        # A delivery never waits in the socket's queue: while that is not empty, no worker is heard.
        if self._undelivered is not None and device.offer(self._undelivered):
            self._undelivered = None
        if self._undelivered is None and not device.blocked:
            for frame in self._sessions.deliveries.frames():
                if not device.offer(frame):
                    self._undelivered = frame
                    break
        status = self._status.next_frame() if device.met else None
        if status is not None:
            device.send(status)
        for language in self._status.failed:
            # The device knows, and will not send them here again.
            self._sessions.give_up(language)
            for reply in self._introspections.give_up(language):
                device.send(reply)
        if self._status.made and (credit := self._places.next_credit()):
            device.send(credit)

    # --- from one device to the next ----------------------------------------------------------------------------
    def _lose_device(self, why: str, now: float) -> None:
        """Hang up: what is said from now on is said to nobody, and what the device still says is not heard."""
        if isinstance(self._device_socket, DeviceSocket):
            self._descriptors.forget(self._device_socket.descriptor)
            self._device_socket.close()
        self._device_socket, self._undelivered = NoDevice(), None
        self._introspections.drop()
        self._succession.part(why, now)

    def _go_on(self, heir: Heir, now: float) -> None:
        """Go on with the next device, over a socket and with keys of its own."""
        config = heir.config
        try:
            device_socket = DeviceSocket(config)
        except zmq.ZMQError as error:
            self._succession.refuse(f"port {config.port} of {config.address} is not free: {error}")
            return
        if not self._succession.go_on({"listening": config.port}):
            device_socket.close()
            return
        self._device_socket, self._heard = device_socket, now
        self._descriptors.add(device_socket.descriptor)
        self._sessions.count_anew(len(heir.sessions))
        self._status.tell_anew()
        self._places.count_anew(config)
        for name in heir.sessions:
            if self._sessions.get(name) is None:
                self._send(Closed(name, "session_gone"))

    # --- the device ---------------------------------------------------------------------------------------------
    def _hear_device(self, now: float) -> None:
        try:
            for frame in self._device_socket.receive():
                self._heard = now
                self._obey(frame, now)
        except WireError as error:
            log.error("the device does not keep to the protocol, so this supervisor ends: %s", error)
            self._succession.over = True

    def _obey(self, frame: Down, now: float) -> None:
        match frame:
            case Ping():
                self._status.hear_ping()
                self._device_socket.send(Pong(frame.number, self._status.ready))
            case Open():
                self._sessions.open(frame)
            case Execute() | Deliver() | Upload():
                self._sessions.put(frame, now)
            case Interrupt():
                self._sessions.interrupt(frame.session, frame.computation, now)
            case InputReply():
                self._sessions.reply(frame, now)
            case Close():
                session = self._sessions.get(frame.session)
                if session is not None:
                    self._sessions.end(session, "cancelled")
            case Introspect():
                self._introspect(frame, now)

    def _introspect(self, frame: Introspect, now: float) -> None:
        session = self._sessions.get(frame.session)
        if (session.language if session else frame.language) in self._through:
            self._device_socket.send(say_nothing(frame))  # the worker knows the names of another language
        elif not frame.session and frame.language in self._pools:
            self._introspections.enqueue(frame)  # until the worker that visitors share is free
        elif session is not None and session.worker is not None and session.is_idle:
            self._introspections.send(session.worker, frame, now)
        else:
            self._device_socket.send(IntrospectReply(frame.request, "busy" if session else "gone", b"{}"))

    # --- zygotes ------------------------------------------------------------------------------------------------
    def _take_worker(self, language: str) -> WorkerProcess | None:
        pool = self._pool_of.get(language)
        worker = pool.take() if pool else None
        if worker is not None and language in self._through:
            worker.channel.send(Speak(language))
        return worker

    def _hear_zygote(self, pool: Pool) -> None:
        try:
            worker = pool.hear()
        except (EOFError, OSError) as error:
            log.error("%s; it is started again", error)
            self._bury_zygote(pool)
            return
        if worker is not None:
            self._workers.add(pool, worker)

    def _bury_zygote(self, pool: Pool) -> None:
        self._descriptors.forget(pool.orders.fileno())
        pool.bury_zygote()

    def _tend(self, pool: Pool, now: float) -> None:
        """Start a pool's zygote where there is none, and have workers forked."""
        name = pool.language.name
        if pool.is_overdue(now):
            log.error("the zygote of %s does not come to the end of loading; it is started again", name)
            self._bury_zygote(pool)
        elif pool.is_broken:
            log.error("the workers of %s die before they are ready; its zygote is started again", name)
            self._bury_zygote(pool)
        if pool.start_when_due(now):
            self._descriptors.add(pool.orders.fileno())
        names = (name, *(dialect for dialect, other in self._through.items() if other == name))
        pool.refill(sum(map(self._sessions.waiting, names)) + self._introspections.wanted_workers(name))

    def stop(self) -> None:
        """Kill everything that runs user code."""
        for pool in self._pools.values():
            pool.stop()
        self._workers.stop()
        self._limiter.close()
        self._device_socket.close()
