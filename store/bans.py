"""Lets the operator ban clients, origins and keys, and lift the bans."""

from __future__ import annotations

from datetime import datetime, timedelta, timezone

from pymongo import ASCENDING

from store.access import Access
from store.database import Database
from store.errors import AdministrationError, guarded
from store.rules import BAN_KINDS, CLIENT_NAME, KEY_NAME, ORIGIN, Ban, network_of

BANS_MAX = 10_000  # each web process remembers them
HOURS_MAX = 24 * 3660


class BanList:
    """The bans of this server."""

    def __init__(self, database: Database, access: Access) -> None:
        self._database, self._access = database, access

    @guarded
    def add(self, kind: str, subject: str, reason: str = "", hours: float | None = None) -> Ban:
        """Run nothing more for this client, origin or key; return the ban. ``hours``: None holds until it is lifted.

        A ban of what is banned already replaces the earlier one. Raises AdministrationError, StoreUnavailableError.
        """
        subject = checked(kind, subject)
        if hours is not None and not 0 < hours <= HOURS_MAX:
            raise AdministrationError(f"A ban for {hours:g} hours is none: it must be above 0, at most {HOURS_MAX}.")
        bans = self._database.durable("bans")
        if bans.count_documents({}, limit=BANS_MAX) >= BANS_MAX:
            raise AdministrationError(f"There are {BANS_MAX} bans already, and no more are kept; lift some first.")
        now = datetime.now(timezone.utc)
        until = None if hours is None else now + timedelta(hours=hours)
        ban = {"kind": kind, "subject": subject, "reason": reason, "made": now, "until": until}
        bans.replace_one({"_id": f"{kind}:{subject}"}, ban, upsert=True)
        self._access.note_change()
        return Ban.of(ban)

    @guarded
    def lift(self, kind: str, subject: str) -> None:
        """Run for this client, origin or key again. Raises AdministrationError, StoreUnavailableError."""
        subject = checked(kind, subject)
        if not self._database.durable("bans").delete_one({"_id": f"{kind}:{subject}"}).deleted_count:
            raise AdministrationError(f"The {kind} {subject} is not banned.")
        self._access.note_change()

    @guarded
    def list(self) -> list[Ban]:
        """Return all bans that hold, the oldest first. Raises StoreUnavailableError."""
        now = datetime.now(timezone.utc)
        found = self._database.collection("bans").find().sort("made", ASCENDING)
        return [ban for ban in map(Ban.of, found) if ban.until is None or ban.until > now]


def checked(kind: str, untrusted_subject: str) -> str:
    """Return what a ban names, as it is stored: a network in its usual form. Raises AdministrationError."""
    if kind == "client":
        network = network_of(untrusted_subject)
        if network is not None:
            return str(network)
        if CLIENT_NAME.fullmatch(untrusted_subject):
            return untrusted_subject
        raise AdministrationError(
            f"{untrusted_subject!r} is no client: name an address, a network, or the 32 digits in /status."
        )
    pattern = {"origin": ORIGIN, "key": KEY_NAME}.get(kind)
    if pattern is None:
        raise AdministrationError(f"There are bans of {', '.join(BAN_KINDS)}, none of {kind!r}.")
    if not pattern.fullmatch(untrusted_subject):
        raise AdministrationError(f"{untrusted_subject!r} is no {kind}.")
    return untrusted_subject
