"""Does what the store needs beside the runs: reports, room, migrations, the end of what is old."""

from __future__ import annotations

import logging
import platform
import socket
import threading
from collections.abc import Sequence
from datetime import datetime, timezone

from device.account import Account
from device.figures import Figures
from log_lines import Faults
from settings import Settings
from store import Room, Store, StoreUnavailableError

ROOM_S = 2.0  # so much can be stored between two looks at what room there is
SWEEP_S = 60.0
MIGRATE_S = 1.0  # of each round, so that room is made meanwhile
log = logging.getLogger(__name__)


class Upkeep:
    """The part of the device that reports, and that makes room in a thread.

    ``step`` and ``report`` may raise StoreUnavailableError. ``is_draining``: the device opens no session more.
    """

    is_draining = False

    def __init__(
        self, device_id: str, store: Store, settings: Settings, accounts: Sequence[Account], figures: Figures
    ) -> None:
        self._id, self._store, self._settings, self._accounts = device_id, store, settings, accounts
        self._figures, self._faults = figures, Faults()
        logging.getLogger().addHandler(self._faults)
        self._minute = _this_minute()
        self._room = Room()
        self._overdrawn: dict[str, datetime] = {}
        self._report_at = self._room_at = self._sweep_at = 0.0
        self._sweeper: threading.Thread | None = None

    @property
    def due(self) -> float:
        """When there is something to do next, by the monotonic clock."""
        return min(self._report_at, self._room_at)

    def report_soon(self) -> None:
        """Have the next step report: pages, and who waits for the start, hear of a change at once."""
        self._report_at = 0.0

    def step(self, now: float) -> bool:
        """Report when it is time. Return whether it is time to make room."""
        if now >= self._report_at:
            self._report_at = now + self._settings.heartbeat_s
            self.report()
            self._note_minute()
        if now < self._room_at:
            return False
        self._room_at = now + ROOM_S
        return self._sweeper is None or not self._sweeper.is_alive()

    def make_room(self, now: float) -> None:
        """Make room in a thread of its own: after a busy day there is much to delete."""
        whole = now >= self._sweep_at
        if whole:
            self._sweep_at = now + SWEEP_S
        self._sweeper = threading.Thread(target=self._sweep, args=(whole,), name="sweep", daemon=True)
        self._sweeper.start()

    def _sweep(self, whole: bool) -> None:
        try:
            self._store.migrations.advance(MIGRATE_S)
            if whole and (deleted := self._store.sweep()):
                log.info("deleted %d computations that ended long ago", deleted)
            self._overdrawn = self._store.budgets.overdrawn()
            self._room = self._store.make_room()
            if self._room.deleted:
                log.info("deleted %d computations, the oldest that had ended, to make room", self._room.deleted)
        except StoreUnavailableError as error:
            log.debug("no sweep: %s", error)

    def close(self) -> None:
        """Report for the last time, and note what was done in the last minute. Raises StoreUnavailableError."""
        logging.getLogger().removeHandler(self._faults)
        self.report()
        self._store.overview.note_minute(self._id, self._minute, self._figures.take_minute())

    def _note_minute(self) -> None:
        if (minute := _this_minute()) != self._minute:
            sums = self._figures.take_minute()
            ended, self._minute = self._minute, minute
            self._store.overview.note_minute(self._id, ended, sums)

    def report(self) -> None:
        """Say that this device is alive, and how its accounts are. Raises StoreUnavailableError."""
        room = {"stored_bytes": self._room.stored_bytes, "is_full": self._room.is_full,
                "full_clients": self._room.full_clients}  # fmt: skip
        overdrawn = [list(budget) for budget in self._overdrawn.items()]  # an origin cannot be the name of a field
        accounts = [account.report() for account in self._accounts]
        identities = [account.identity for account in self._accounts]
        status = {"accounts": accounts, "identities": identities, "room": room, "overdrawn": overdrawn,
                  "is_draining": self.is_draining, "figures": self._figures.report(),
                  "faults": [list(fault) for fault in self._faults.last],
                  "python": platform.python_version()}  # fmt: skip
        self._store.devices.report(self._id, socket.gethostname(), status)


def _this_minute() -> datetime:
    return datetime.now(timezone.utc).replace(second=0, microsecond=0)
