"""The device: one loop between the store and the untrusted accounts. ``step()`` does one round."""

from __future__ import annotations

import logging
import os
import socket
import threading
import time
import uuid
from collections.abc import Callable

import zmq

from device.account import Account
from device.checking.pool import Checkers
from device.connect import start_config
from device.connect.connector import StartProcess, start_process
from device.connect.process import END_S
from device.dispatch import Dispatcher
from device.errors import ConnectError, SupervisorProtocolError, printable
from device.introspection import Introspector
from device.persistence import Persistence
from device.relay import Relay
from device.runs import Runs
from device.wakeup import Wakeup
from settings import Settings
from store import Room, Store, StoreUnavailableError
from wire import FRAME_BYTES_MAX, IntrospectReply

TOPICS = ("submitted", "turn", "wish", "question")
SWEEP_S = 60.0
ROOM_S = 2.0  # so much can be stored between two looks at what there is
STORE_PAUSE_S_FIRST, STORE_PAUSE_S_MAX = 0.2, 5.0
# What may wait in memory while MongoDB is away; beyond it nothing is read, and the wall fills up to the kernels.
WAITING_BYTES_MAX = 64 << 20
# What may wait for the checkers, of all sessions. With the limits that are the default, one alone cannot fill it.
UNCHECKED_BYTES_MAX = 192 << 20
log = logging.getLogger(__name__)


class Device:
    """Claims what its accounts can take, relays what they say, renews, ends. Times: the monotonic clock's seconds."""

    def __init__(self, store: Store, settings: Settings, start_process: StartProcess = start_process) -> None:
        self.id = f"{socket.gethostname()}-{os.getpid()}-{uuid.uuid4().hex[:8]}"
        self._store, self._settings = store, settings
        self._context = zmq.Context()
        self._alarm = Wakeup(store, TOPICS)
        names = settings.untrusted_accounts or [""]
        workers = start_config.share(settings.workers, settings)
        self.accounts = [
            Account(name, settings, self._context, workers, start_process, self._alarm.ring) for name in names
        ]
        self.runs = Runs(settings)
        self.checkers = Checkers(min(FRAME_BYTES_MAX, settings.wall_frame_bytes_max))
        self._relay = Relay(self.runs, self.checkers, settings)
        self._keeper = Persistence(self.id, store, settings, self.runs)
        self._starter = Dispatcher(self.id, store, settings, self.runs, self.accounts)
        self._asker = Introspector(self.id, store, settings, self.runs, self.accounts, self.checkers)
        self._look = True  # there may be something to claim
        self._due = dict.fromkeys(("claim", "ask", "renew", "report", "room", "sweep"), 0.0)
        self._sweeper: threading.Thread | None = None
        self._room = Room()
        self._store_back_at = self._store_pause_s = 0.0

    def run(self, stopped: Callable[[], bool]) -> None:
        """Go on until asked to stop; then hand back what runs and end the supervisors."""
        try:
            while not stopped():
                self.step()
        finally:
            self.close()

    def step(self) -> None:
        """Do one round; wait for something to happen first, at most until something is due."""
        deaf = self._waiting_bytes() > WAITING_BYTES_MAX or self._unchecked_bytes() > UNCHECKED_BYTES_MAX
        self._wait(deaf)
        hints = self._alarm.take()
        self.checkers.tend(time.monotonic())
        for account in self.accounts:
            self._attend(account, deaf)
        now = time.monotonic()
        if now < self._store_back_at:
            return
        try:
            self._with_store(now, hints)
            if self._store_pause_s:
                log.warning("the database answers again")
                self._store_pause_s = 0.0
        except StoreUnavailableError as error:
            if not self._store_pause_s:
                log.warning("%s; queued cells wait, running ones go on", error)
            self._store_pause_s = min(max(2 * self._store_pause_s, STORE_PAUSE_S_FIRST), STORE_PAUSE_S_MAX)
            self._store_back_at = time.monotonic() + self._store_pause_s
            self._look = True

    def _wait(self, deaf: bool) -> None:
        poller = zmq.Poller()
        poller.register(self._alarm.fileno(), zmq.POLLIN)
        for account in self.accounts:
            if account.link is not None:
                flags = (0 if deaf else zmq.POLLIN) | (zmq.POLLOUT if account.link.blocked else 0)
                if flags:
                    poller.register(account.link.socket, flags)
        for door in self.checkers.doors:
            poller.register(door, zmq.POLLIN)
        dues = [run.due for run in self.runs.by_id.values()]
        next_due = time.monotonic() if self._look else min([*self._due.values(), *dues])
        wait_s = max(next_due, self._store_back_at) - time.monotonic()
        unread = any(session.inbox.ready for account in self.accounts for session in account.sessions.values())
        if unread or (self._asker.waits and not self._store_pause_s):
            wait_s = 0.0
        wait_s = min(max(0.0, wait_s), self._settings.poll_interval_s, self.checkers.due_s)
        poller.poll(int(1000 * wait_s))

    # --- the wall -----------------------------------------------------------------------------------------------
    def _attend(self, account: Account, deaf: bool) -> None:
        now = time.monotonic()
        free = account.free
        try:
            if deaf and account.link is not None:
                account.link.wait(now)
            self._relay.go_on(account, now)
            for frame in () if deaf else account.receive(now):
                if isinstance(frame, IntrospectReply):
                    self._asker.answered(account, frame, now)
                else:
                    self._relay.take(account, frame, now)
            account.keep_up(now)
            self._watch(account, now)
        except ConnectError as trouble:
            self._lose(account, str(trouble), nonsense=False)
        except SupervisorProtocolError as nonsense:
            log.error("%s sent nonsense and is cut off: %s", account.label, printable(str(nonsense)))
            self._lose(account, "its supervisor sent nonsense and was cut off", nonsense=True)
        # Room where there was some tells nothing new: all that waited had been claimed.
        if free <= 0 < account.free:
            self._look = True
        if account.changed:
            self._look, account.changed = True, False
            self._due["report"] = 0.0  # pages and who waits for the start hear of it at once

    def _watch(self, account: Account, now: float) -> None:
        """Close what is overdue. Raises ConnectError when the supervisor does not close what it was told to."""
        for session in list(account.sessions.values()):
            settings = self._settings.of_language(session.language)
            run = session.run
            if session.inbox.waits:
                continue  # perhaps its end has come
            since = max(account.last_file, session.inbox.looked)
            if session.closing_since is not None:
                if now - max(session.closing_since, since) > settings.heartbeat_timeout_s:
                    raise ConnectError("its supervisor does not end a session that it was told to end")
            elif run is not None and run.overdue(now, settings, since):
                log.warning("cell=%s runs far beyond its limits", run.claim.id)
                run.overtime = run.overtime_of(run.wall_s(now), now, settings)
                self.runs.stop(run, "failed", "time_wall", now)
            elif session.overdue(now, settings.session_idle_s, settings.session_life_s):
                self.runs.close(session, now)

    def _lose(self, account: Account, why: str, *, nonsense: bool) -> None:
        self.runs.lose(account.lose(why, time.monotonic()), nonsense)
        self._asker.lost(account)

    def _waiting_bytes(self) -> int:
        return sum(run.waiting_bytes for run in self.runs.by_id.values())

    def _unchecked_bytes(self) -> int:
        return sum(session.inbox.held_bytes for account in self.accounts for session in account.sessions.values())

    # --- the store ----------------------------------------------------------------------------------------------
    def _with_store(self, now: float, hints: dict[str, list[str]]) -> None:
        self._keeper.flush(now)
        self._asker.flush()
        if any(id in self.runs.by_id or id in self.runs.kept for id in hints.get("wish", ())):
            self._keeper.look_at_wishes(now)
            self._keeper.end_asked(now)
        if self._is_due("renew", now, self._settings.lease_s / 3):
            self._keeper.renew(now)
            self._store.computations.expire()
            self._keeper.end_asked(now)
        if self._is_due("report", now, self._settings.heartbeat_s):
            self.report()
        if self._is_due("room", now, ROOM_S) and not (self._sweeper and self._sweeper.is_alive()):
            self._keeper.count()
            whole = self._is_due("sweep", now, SWEEP_S)
            self._sweeper = threading.Thread(target=self._sweep, args=(whole,), name="sweep", daemon=True)
            self._sweeper.start()
        if self._store.is_exhausted():
            # What waits in the queue can wait until there is room again.
            self._look, self._due["claim"] = False, now + self._settings.poll_interval_s
            self._starter.begin_waiting(now)
        else:
            self._claim(now, hints)
        if self._is_due("ask", now, self._settings.poll_interval_s):
            self._asker.take()
        elif "question" in hints:
            self._asker.take(len(hints["question"]))

    def _claim(self, now: float, hints: dict[str, list[str]]) -> None:
        rested, self.runs.rested = self.runs.rested, set()
        turns = hints.get("turn", [])
        for id in turns:
            if id in self.runs.kept:
                self.runs.kept[id].hinted = True
        # Where there is no room, a session that has become idle may give way to what waits.
        crowded = bool(rested) and any(account.free <= 0 for account in self.accounts)
        if self._is_due("claim", now, self._settings.poll_interval_s) or self._look or crowded or self.runs.cleared:
            self._look = self.runs.cleared = False
            self._look = self._starter.claim(now)
        else:
            self._look = self._starter.claim_hinted(now, len(hints.get("submitted", ())), turns, rested)

    def _is_due(self, what: str, now: float, period_s: float) -> bool:
        if now < self._due[what]:
            return False
        self._due[what] = now + period_s
        return True

    def _sweep(self, whole: bool) -> None:
        # In a thread of its own: after a busy day there is much to delete.
        try:
            if whole and (deleted := self._store.sweep()):
                log.info("deleted %d computations that ended long ago", deleted)
            self._room = self._store.make_room()
            if self._room.deleted:
                log.info("deleted %d computations, the oldest that had ended, to make room", self._room.deleted)
        except StoreUnavailableError as error:
            log.debug("no sweep: %s", error)

    def report(self) -> None:
        """Say that this device is alive, and how its accounts are. Raises StoreUnavailableError."""
        room = {"stored_bytes": self._room.stored_bytes, "is_full": self._room.is_full,
                "full_clients": self._room.full_clients}  # fmt: skip
        status = {"accounts": [account.report() for account in self.accounts], "room": room}
        self._store.devices.report(self.id, socket.gethostname(), status)

    # --- the end ------------------------------------------------------------------------------------------------
    def close(self) -> None:
        """End everything on the other side, then hand back what ran there."""
        self._alarm.close()
        endings = [account.close("the device has been stopped") for account in self.accounts]
        until = time.monotonic() + END_S + 1
        for ending in endings:
            if ending is not None:
                ending.join(max(0.0, until - time.monotonic()))
        for run in list(self.runs.by_id.values()):
            if not run.over:
                self.runs.give_back(run, suspect=False)
        for account in self.accounts:
            self.runs.lose(list(account.sessions.values()), nonsense=False)
        try:
            self._keeper.flush(time.monotonic())
            while any(run.files for run in self.runs.by_id.values()) and time.monotonic() < until:
                self._keeper.flush(time.monotonic())
            self.report()
        except StoreUnavailableError as error:
            log.warning("%s; what ran here is taken up again when its leases have run out", error)
        self.checkers.close()
        self._context.destroy(linger=0)
