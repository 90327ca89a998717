"""Changes what is stored from one shape to the next, while the server runs.

Each migration is a module with a number, a sentence, and a function that changes at most so many documents and returns
how many it found. It finds what is left to do by an index, so it may be interrupted anywhere and run again, and any
number of processes may run it at once. Old and new programs work at the same time during an upgrade, so there are two
kinds. One that *expands* leaves whatever older programs read: a device runs it by itself when it starts. One that
*contracts* takes away what older programs need: the operator orders it when none of them runs any more, and from then
on none starts.
"""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence

from store import schema
from store.database import Database
from store.devices import Devices
from store.errors import AdministrationError, guarded
from store.migrations import permalinks_used, retired_indexes
from store.migrations.migration import Migration

AT_ONCE = 500  # documents in one round, so that each call stays short
MIGRATIONS = (permalinks_used.MIGRATION, retired_indexes.MIGRATION)


class Migrations:
    """The migrations of one database."""

    def __init__(self, database: Database, migrations: Sequence[Migration] = MIGRATIONS) -> None:
        self._database, self._migrations = database, migrations
        self._is_current = False

    @guarded
    def advance(self, for_s: float) -> bool:
        """Go on with the migrations that expand, for so long; return whether there is no more to do.

        Raises StoreUnavailableError.
        """
        until = time.monotonic() + for_s
        while not self._is_current:
            waiting = [one for one in self._waiting() if not one.contracts]
            if not waiting:
                self._is_current = True
            elif not self._go_on(waiting[0], until):
                break
        return self._is_current

    @guarded
    def all(self) -> list[tuple[Migration, bool]]:
        """Return all migrations in their order, and whether each is done. Raises StoreUnavailableError."""
        waiting = self._waiting()
        return [(one, one not in waiting) for one in self._migrations]

    def run(self, *, contract: bool) -> Iterator[str]:
        """Run what waits, to its end, and yield a sentence for each; ``contract``: also what contracts.

        Raises AdministrationError, StoreUnavailableError.
        """
        for one, is_done in self.all():
            if not is_done and (contract or not one.contracts):
                self._prepare(one)
                yield f"{one.number}. {one.about} Done: {self._finish(one)} documents."

    @guarded
    def _prepare(self, one: Migration) -> None:
        if not one.contracts:
            return
        for device in Devices(self._database).alive():
            if device.get("schema", 0) < one.number:
                raise AdministrationError(
                    f"The device {device['device']} is of an older version, which still needs what migration "
                    f"{one.number} takes away: replace it first."
                )
        # From now on no older program starts; what those that have ended wrote last is brought up to date first.
        schema.change(self._database.ready(), {"$max": {"oldest": one.number}})
        for earlier in self._migrations[: self._migrations.index(one)]:
            while earlier.batch(self._database, AT_ONCE):
                pass

    @guarded
    def _finish(self, one: Migration) -> int:
        changed = 0
        while count := one.batch(self._database, AT_ONCE):
            changed += count
        self._note(one)
        return changed

    def _go_on(self, one: Migration, until: float) -> bool:
        """Change at least one batch, and more until then; return whether nothing is left."""
        while one.batch(self._database, AT_ONCE):
            if time.monotonic() >= until:
                return False
        self._note(one)
        return True

    def _waiting(self) -> list[Migration]:
        done = schema.read(self._database.ready())["done"]
        return [one for one in self._migrations if one.number not in done]

    def _note(self, one: Migration) -> None:
        schema.change(self._database.ready(), {"$addToSet": {"done": one.number}})
