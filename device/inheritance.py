"""Goes on with the kept sessions that an earlier device left with its supervisors, or this one when a connection broke.

The store says which there are and makes them this device's; the supervisor is only asked for these, by name.
"""

from __future__ import annotations

import logging
import math
from collections.abc import Sequence

from device.account import Account
from device.connect.address import identity
from device.registry import Runs
from store import ALIVE_HEARTBEATS, KeptSession, Store, StoreUnavailableError

log = logging.getLogger(__name__)


class Inheritance:
    """The part of the device that finds kept sessions when it connects, and makes them its own afterwards.

    ``heartbeat_s``: how often devices report.
    """

    def __init__(
        self, device_id: str, store: Store, runs: Runs, accounts: Sequence[Account], heartbeat_s: float
    ) -> None:
        self._id, self._store, self._runs, self._accounts = device_id, store, runs, accounts
        # Who died before we came counts as alive no longer at the first look.
        self._look_s = (ALIVE_HEARTBEATS + 1) * heartbeat_s
        self._look_at = math.inf
        self._told: set[tuple[str, str]] = set()

    def find(self, account: str) -> list[KeptSession]:
        """Return the kept sessions in an account; none when the database is away. Called from other threads."""
        try:
            return self._store.inheritances.find(identity(account))
        except StoreUnavailableError as error:
            # No news: the loop warns of a database that is away, and not of one that is started with the device.
            log.info("%s; what earlier devices kept cannot be found", error)
            return []

    def is_succeeded(self) -> bool:
        """Return whether another device has a supervisor of its own in one of our accounts: it inherits nothing there.

        A device looks for kept sessions when it connects.
        """
        try:
            beside = self._beside()
        except StoreUnavailableError:
            return False
        for label, device in beside:
            log.warning("%s: kept sessions end with this device, for %s runs cells in this account, too", label, device)
        return bool(beside)

    def _beside(self) -> list[tuple[str, str]]:
        """Return our accounts in which other devices run cells, each with the name of that device."""
        others = [one for one in self._store.devices.alive() if one["device"] != self._id]
        return [
            (account.label, one["device"])
            for account in self._accounts
            for one in others
            if account.identity in one.get("identities", ()) and not one.get("is_draining")
        ]

    def step(self, now: float) -> None:
        """Make what connections have brought this device's. Raises StoreUnavailableError; then call it again."""
        for account in self._accounts:
            if account.inherited is not None:
                if account.inherited:
                    self._take(account, account.inherited, now)
                account.inherited = None
                self._runs.end_astray(account)
                self._look_at = min(self._look_at, now + self._look_s)
        self._runs.end_long_astray(now)
        if now >= self._look_at:
            self._look_at = now + self._look_s
            self._tell_of_others()

    def _tell_of_others(self) -> None:
        beside = set(self._beside())
        for label, device in sorted(beside - self._told):
            log.warning(
                "%s: %s runs cells in this account, too; each has workers of its own there, and kept sessions of the "
                "one that ends are not handed to the other", label, device,
            )  # fmt: skip
        self._told |= beside

    def _take(self, account: Account, inherited: Sequence[KeptSession], now: float) -> None:
        ours = self._store.inheritances.take(self._id, inherited)
        for kept in inherited:
            session = account.sessions.get(kept.location.alias)
            if kept.id not in ours:
                if session is not None:
                    session.ours = False
                    session.close(now)
            elif session is None:
                self._store.sessions.end(kept.id, of_device=self._id)  # its supervisor has it no more
            else:
                self._runs.inherit(session)
        log.info("%s: goes on with %d kept sessions", account.label, len(ours))
