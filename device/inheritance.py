"""Goes on with the kept sessions that an earlier device left with its supervisors, or this one when a connection broke.

The store says which there are and makes them this device's; the supervisor is only asked for these, by name.
"""

from __future__ import annotations

import logging
from collections.abc import Sequence

from device.account import Account
from device.registry import Runs
from store import KeptSession, Store, StoreUnavailableError

log = logging.getLogger(__name__)


class Inheritance:
    """The part of the device that finds kept sessions when it connects, and makes them its own afterwards."""

    def __init__(self, device_id: str, store: Store, runs: Runs, accounts: Sequence[Account]) -> None:
        self._id, self._store, self._runs, self._accounts = device_id, store, runs, accounts

    def find(self, account: str) -> list[KeptSession]:
        """Return the kept sessions in an account; none when the database is away. Called from other threads."""
        try:
            return self._store.inheritances.find(account)
        except StoreUnavailableError as error:
            # No news: the loop warns of a database that is away, and not of one that is started with the device.
            log.info("%s; what earlier devices kept cannot be found", error)
            return []

    def is_succeeded(self) -> bool:
        """Return whether another device has a supervisor of its own in one of our accounts: it inherits nothing there.

        A device looks for kept sessions when it connects.
        """
        own = {account.label for account in self._accounts}
        try:
            others = [one for one in self._store.devices.alive() if one["device"] != self._id]
        except StoreUnavailableError:
            return False
        return any(account["account"] in own for one in others for account in one.get("accounts", ()))

    def step(self, now: float) -> None:
        """Make what connections have brought this device's. Raises StoreUnavailableError; then call it again."""
        for account in self._accounts:
            if account.inherited is not None:
                if account.inherited:
                    self._take(account, account.inherited, now)
                account.inherited = None
                self._runs.end_astray(account)
        self._runs.end_long_astray(now)

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
