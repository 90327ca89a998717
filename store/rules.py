"""Defines the rules of who may have something run, as plain values: keys and bans."""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timezone
from typing import Any, Literal

from store.requester import Requester

KeyKind = Literal["page", "api"]
BanKind = Literal["client", "origin", "key"]
KEY_KINDS: tuple[KeyKind, ...] = ("page", "api")
BAN_KINDS: tuple[BanKind, ...] = ("client", "origin", "key")
OPERATOR = "operator"  # stands where a key's name stands, for requests with the operator's own key
KEY_NAME = re.compile(r"[a-z0-9][a-z0-9_.-]{0,39}")
ORIGIN = re.compile(r"null|[a-z][a-z0-9+.-]{0,20}://[^\s/?#@\"'<>]{1,200}")
CLIENT_NAME = re.compile(r"[0-9a-f]{32}")
IPV6_PREFIX = 64  # a client is no smaller network than this

Network = ipaddress.IPv4Network | ipaddress.IPv6Network


@dataclass(frozen=True)
class Key:
    """A key: whose it is, and for what. Empty ``languages`` or ``origins``: for all of them.

    ``name`` is how the operator and all counts call it. ``cpu_s_per_hour``: its budget, None for that of the settings.
    """

    name: str
    kind: KeyKind
    languages: tuple[str, ...] = ()
    origins: tuple[str, ...] = ()
    cpu_s_per_hour: float | None = None
    note: str = ""
    made: datetime | None = None
    revoked: datetime | None = None

    @classmethod
    def of(cls, document: Mapping[str, Any]) -> Key:
        """Return the key that this document describes."""
        return cls(
            document["_id"], document["kind"], tuple(document["languages"]), tuple(document["origins"]),
            document["cpu_s_per_hour"], document["note"], document["made"], document["revoked"],
        )  # fmt: skip


@dataclass(frozen=True)
class Ban:
    """A client, an origin or a key for which nothing is run. ``until``: None holds until it is lifted.

    ``subject``: of a client its name of today, or an address or network; else the origin, or the name of the key.
    """

    kind: BanKind
    subject: str
    reason: str = ""
    made: datetime | None = None
    until: datetime | None = None

    @classmethod
    def of(cls, document: Mapping[str, Any]) -> Ban:
        """Return the ban that this document describes."""
        return cls(document["kind"], document["subject"], document["reason"], document["made"], document["until"])


class Bans:
    """All bans, so that looking for one takes the same time however many there are."""

    def __init__(self, bans: Iterable[Ban] = ()) -> None:
        self._named: dict[tuple[str, str], Ban] = {}
        self._networks: dict[tuple[int, int], dict[Network, Ban]] = {}
        for ban in bans:
            network = network_of(ban.subject) if ban.kind == "client" else None
            if network is None:
                self._named[ban.kind, ban.subject] = ban
            else:
                self._networks.setdefault((network.version, network.prefixlen), {})[network] = ban

    def find(self, requester: Requester, address: str) -> Ban | None:
        """Return a ban that holds for who asks from this address (of IPv6: network), None when there is none."""
        if not self._named and not self._networks:
            return None
        now = datetime.now(timezone.utc)
        for kind in BAN_KINDS:
            ban = self._named.get((kind, getattr(requester, kind) or ""))
            if ban is not None and _holds(ban, now):
                return ban
        for ban in self._around(address):
            if _holds(ban, now):
                return ban
        return None

    def _around(self, address: str) -> Iterable[Ban]:
        own = network_of(address)
        if own is None:
            return
        for (version, prefix), bans in self._networks.items():
            if version == own.version and prefix <= own.prefixlen:
                ban = bans.get(own.supernet(new_prefix=prefix))
                if ban is not None:
                    yield ban


@dataclass(frozen=True)
class Rules:
    """All rules as they were a moment ago. ``keys``: those in force, by the hash of their text."""

    keys: Mapping[str, Key] = field(default_factory=dict)
    bans: Bans = field(default_factory=Bans)


def network_of(text: str) -> Network | None:
    """Return the network that this address or network is, of IPv6 at least a /64; None when it is neither."""
    try:
        found = ipaddress.ip_network(text, strict=False)
    except ValueError:
        return None
    if isinstance(found, ipaddress.IPv6Network) and found.prefixlen > IPV6_PREFIX:
        return found.supernet(new_prefix=IPV6_PREFIX)
    return found


def _holds(ban: Ban, now: datetime) -> bool:
    return ban.until is None or now < ban.until
