"""Runs the device: one loop between the store and the untrusted accounts."""

from __future__ import annotations

import logging
import math
import os
import socket
import time
import uuid
from collections.abc import Callable, Mapping, Sequence

import zmq

from device import claim_trigger
from device.account import Account
from device.checking.pool import Checkers
from device.claim_trigger import ClaimTrigger
from device.connect import start_config
from device.connect.connector import StartProcess, start_process
from device.connect.process import END_S
from device.dispatch import Dispatcher
from device.endings import Endings
from device.errors import ConnectError, StuckError, SupervisorProtocolError, printable
from device.inheritance import Inheritance
from device.introspection import Introspector
from device.persistence import Persistence
from device.registry import Runs
from device.relay import Relay
from device.upkeep import Upkeep
from device.wakeup import Wakeup
from settings import Settings
from store import SchemaError, Store, StoreUnavailableError
from wire import FRAME_BYTES_MAX, IntrospectReply

TOPICS = (*claim_trigger.TOPICS, "wish", "question")
STORE_PAUSE_S_FIRST, STORE_PAUSE_S_MAX = 0.2, 1.0
STORE_START_S = 5.0
EXPIRE_S = 2.0  # so soon after the end of its lease is given back what a dead device held
# What may wait in memory while MongoDB is away; beyond it nothing is read, and the wall fills up to the kernels.
WAITING_BYTES_MAX = 64 << 20
# What may wait for the checkers, of all sessions. With the limits that are the default, one alone cannot fill it.
UNCHECKED_BYTES_MAX = 192 << 20
log = logging.getLogger(__name__)


class Device:
    """The device and all its parts. Times: seconds of the monotonic clock.

    ``hands_over``: when it has drained, its kept sessions wait for the next device.
    """

    def __init__(
        self, store: Store, settings: Settings, start_process: StartProcess = start_process, *, hands_over: bool = False
    ) -> None:
        self.id = f"{socket.gethostname()}-{os.getpid()}-{uuid.uuid4().hex[:8]}"
        self._store, self._settings = store, settings
        self._context = zmq.Context()
        self._wakeup = Wakeup(store, TOPICS)
        workers = start_config.share(settings.workers, settings)
        self._trigger = ClaimTrigger(settings.poll_interval_s)
        self.runs = Runs(settings, self._trigger)
        self.accounts: list[Account] = []
        self._inheritance = Inheritance(self.id, store, self.runs, self.accounts, settings.heartbeat_s)
        self.accounts += [
            Account(name, settings, self._context, workers, start_process, self._inheritance.find, self._wakeup.ring)
            for name in settings.untrusted_accounts or [""]
        ]
        self.checkers = Checkers(min(FRAME_BYTES_MAX, settings.wall_frame_bytes_max))
        self._endings = Endings(self.runs, settings)
        self._relay = Relay(self.runs, self._endings, self.checkers, settings)
        self._persistence = Persistence(self.id, store, settings, self.runs)
        figures = self._persistence.figures
        self._dispatcher = Dispatcher(self.id, store, settings, self.runs, self.accounts, self._trigger, figures)
        self._introspector = Introspector(self.id, store, settings, self.runs, self.accounts, self.checkers)
        self._upkeep = Upkeep(self.id, store, settings, self.accounts, figures)
        self._renew_at = self._expire_at = self._introspect_at = 0.0
        self._store_back_at = self._store_pause_s = 0.0
        self._store_is_away = False
        # A database that is started with the device is no news before that.
        self._quiet_until = time.monotonic() + STORE_START_S
        self._drain_until = math.inf
        self._hands_over, self._leaves = hands_over, False

    def run(
        self,
        stopped: Callable[[], bool],
        draining: Callable[[], bool] = lambda: False,
        retiring: Callable[[], bool] = lambda: False,
    ) -> None:
        """Go on until asked to stop; then hand back what runs and end the supervisors.

        While asked to drain: begin no session more; end when nothing runs any more, at the latest after ``drain_s``.
        While asked to retire: begin no session more; end when the kept ones have ended by themselves.
        """
        try:
            while not stopped():
                if draining():
                    if self._is_drained():
                        self._leaves = self._hands_over and not self._inheritance.is_succeeded()
                        break
                elif retiring() and self._is_retired():
                    break
                self.step()
        finally:
            self.close()

    @property
    def is_refused(self) -> bool:
        """Whether each account's supervisor has said that it cannot run there."""
        return all(account.refusal is not None for account in self.accounts)

    def step(self) -> None:
        """Do one round; wait for something to happen first, at most until something is due."""
        deaf = self._is_full()
        self._wait(deaf)
        hints = self._wakeup.take()
        self.checkers.tend(time.monotonic())
        for account in self.accounts:
            self._attend(account, deaf)
        now = time.monotonic()
        if now < self._store_back_at:
            return
        try:
            if self._store_pause_s:
                self._store.ping()  # where nothing is due, no other call would tell
            self._use_store(now, hints)
            if self._store_is_away:
                log.warning("the database answers again")
            self._store_is_away, self._store_pause_s, self._quiet_until = False, 0.0, 0.0
        except SchemaError:
            raise
        except StoreUnavailableError as error:
            if not self._store_is_away and now > self._quiet_until:
                self._store_is_away = True
                log.warning("%s; queued cells wait, running ones go on", error)
            self._store_pause_s = min(max(2 * self._store_pause_s, STORE_PAUSE_S_FIRST), STORE_PAUSE_S_MAX)
            self._store.standstill.look()
            self._store_back_at = time.monotonic() + self._store_pause_s
            self._trigger.look()

    def _is_drained(self) -> bool:
        now = time.monotonic()
        if self._drain_until == math.inf:
            self._drain_until = now + self._settings.drain_s
            self._open_no_more()
            log.info("takes nothing new; %d cells have %g s to end", len(self.runs.by_id), self._settings.drain_s)
            return False
        return not self.runs.by_id or now >= self._drain_until

    def _is_retired(self) -> bool:
        if self._dispatcher.opens_sessions:
            self._open_no_more()
            log.info("begins no session more; serves %d kept sessions until they have ended", len(self.runs.kept))
            return False
        return not (self.runs.by_id or len(self.runs.kept) or self.runs.astray)

    def _open_no_more(self) -> None:
        self._dispatcher.opens_sessions = False
        self._trigger.look()  # for next turns that wait already
        self._upkeep.is_draining = True
        self._upkeep.report_soon()

    def _wait(self, deaf: bool) -> None:
        poller = zmq.Poller()
        poller.register(self._wakeup.fileno(), zmq.POLLIN)
        for account in self.accounts:
            if account.connection is not None:
                flags = (0 if deaf else zmq.POLLIN) | (zmq.POLLOUT if account.connection.blocked else 0)
                if flags:
                    poller.register(account.connection.socket, flags)
        for channel in self.checkers.channels:
            poller.register(channel, zmq.POLLIN)
        dues = [self._drain_until, *(run.due for run in self.runs.by_id.values())]
        dues += [account.connection.due for account in self.accounts if account.connection is not None]
        next_due = min(self._trigger.due, self._upkeep.due, self._renew_at, self._expire_at, self._introspect_at, *dues)
        wait_s = max(next_due, self._store_back_at) - time.monotonic()
        if self._relay.is_ready or (self._introspector.waits and not self._store_pause_s):
            wait_s = 0.0
        wait_s = min(max(0.0, wait_s), self._settings.poll_interval_s, self.checkers.due_s)
        poller.poll(int(1000 * wait_s))

    # --- the wall -----------------------------------------------------------------------------------------------
    def _attend(self, account: Account, deaf: bool) -> None:
        now = time.monotonic()
        free = account.free
        try:
            if deaf and account.connection is not None:
                account.connection.wait(now)
            self._relay.go_on(account, now)
            for frame in () if deaf else account.receive(now):
                if isinstance(frame, IntrospectReply):
                    self._introspector.receive(account, frame, now)
                else:
                    self._relay.take(account, frame, now)
            account.keep_up(now)
            self._endings.end_overdue(account, now)
        except ConnectError as error:
            self._lose(account, str(error), leaves=not isinstance(error, StuckError))
        except SupervisorProtocolError as error:
            log.error("%s broke the protocol and is cut off: %s", account.label, printable(str(error)))
            self._lose(account, "its supervisor broke the protocol and was cut off", supervisor_at_fault=True)
        # Room where there was some tells nothing new: all that waited had been claimed.
        if free <= 0 < account.free:
            self._trigger.look()
        if account.changed:
            account.changed = False
            self._trigger.look()
            self._upkeep.report_soon()

    def _lose(self, account: Account, why: str, *, supervisor_at_fault: bool = False, leaves: bool = False) -> None:
        lost = account.lose(why, time.monotonic(), leaves=leaves)
        self.runs.lose(lost, supervisor_at_fault=supervisor_at_fault, leaves=leaves)
        self._introspector.lose(account)

    def _is_full(self) -> bool:
        if sum(run.waiting_bytes for run in self.runs.by_id.values()) > WAITING_BYTES_MAX:
            return True
        return self._relay.held_bytes > UNCHECKED_BYTES_MAX

    # --- the store ----------------------------------------------------------------------------------------------
    def _use_store(self, now: float, hints: Mapping[str, Sequence[str]]) -> None:
        self._inheritance.step(now)
        self._persistence.flush(now)
        self._introspector.flush()
        if any(id in self.runs.by_id or id in self.runs.kept for id in hints.get("wish", ())):
            self._persistence.look_at_wishes(now)
            self._persistence.end_sessions(now)
        if now >= self._renew_at:
            self._renew_at = now + self._settings.lease_s / 3
            self._persistence.renew(now)
            self._persistence.end_sessions(now)
        if now >= self._expire_at:
            self._expire_at = now + min(EXPIRE_S, self._settings.lease_s / 3)
            self._store.claims.expire()
        if self._upkeep.step(now):
            self._persistence.count()
            self._upkeep.make_room(now)
        self._trigger.hear(hints)
        self._dispatcher.step(now)
        if now >= self._introspect_at:
            self._introspect_at = now + self._settings.poll_interval_s
            self._introspector.take()
        elif "question" in hints:
            self._introspector.take(len(hints["question"]))

    # --- the end ------------------------------------------------------------------------------------------------
    def close(self) -> None:
        """End everything on the other side, but for what waits for the next device; then hand back what ran there."""
        self._wakeup.close()
        endings = [account.close("the device has been stopped", leaves=self._leaves) for account in self.accounts]
        until = time.monotonic() + END_S + 1
        for ending in filter(None, endings):
            ending.join(max(0.0, until - time.monotonic()))
        if self._leaves:
            self.runs.leave()
        for run in list(self.runs.by_id.values()):
            if not run.over:
                self.runs.give_back(run, suspect=False, counts=False)
        for account in self.accounts:
            self.runs.lose(list(account.sessions.values()), supervisor_at_fault=False, leaves=self._leaves)
            if not self._leaves:
                self.runs.end_astray(account)
        try:
            self._persistence.flush(time.monotonic())
            while any(run.files for run in self.runs.by_id.values()) and time.monotonic() < until:
                self._persistence.flush(time.monotonic())
            self._upkeep.close()
        except StoreUnavailableError as error:
            if self.runs.by_id:
                log.warning("%s; what ran here is taken up again when its leases have run out", error)
        self.checkers.close()
        self._context.destroy(linger=0)
