"""Finds out which client a request is from: by its address, or by what a trusted proxy says of it."""

from __future__ import annotations

import ipaddress
from collections.abc import Sequence
from functools import lru_cache

from flask import request

from web.context import here

IPV6_PREFIX = 64  # bits of the network that one household or machine has
FORWARDED_MAX = 20  # proxies behind each other that are believed

Address = ipaddress.IPv4Address | ipaddress.IPv6Address
Network = ipaddress.IPv4Network | ipaddress.IPv6Network


def current() -> str:
    """Return today's name of the client of this request. Raises StoreUnavailableError."""
    return here().store.clients.identity(address())


def recent() -> tuple[str, ...]:
    """Return today's name of this request's client, and yesterday's if it had one. Raises StoreUnavailableError."""
    return here().store.clients.identities(address())


def address() -> str:
    """Return the address of the client of this request; for IPv6 its network."""
    untrusted_forwarded = request.headers.get("X-Forwarded-For", "").split(",")
    return find(request.remote_addr or "", untrusted_forwarded, tuple(here().settings.trusted_proxies))


def find(peer: str, untrusted_forwarded: Sequence[str], trusted: Sequence[str]) -> str:
    """Return the client: the last address in the chain that is not a trusted proxy's.

    ``peer``: who is connected; "" is a Unix socket, which only a proxy of ours can reach. The chain is read from its
    end: there our proxies add, and a stranger can write only what stands before.
    """
    found = _parsed(peer)
    for untrusted_text in reversed(untrusted_forwarded[-FORWARDED_MAX:]):
        if found is not None and not _is_trusted(found, tuple(trusted)):
            break
        before = _parsed(untrusted_text.strip())
        if before is None:
            break
        found = before
    if isinstance(found, ipaddress.IPv6Address):
        return str(ipaddress.ip_network((found, IPV6_PREFIX), strict=False))
    return str(found or "unknown")


def _parsed(untrusted_text: str) -> Address | None:
    try:
        found = ipaddress.ip_address(untrusted_text.partition("%")[0])
    except ValueError:
        return None
    return (found.ipv4_mapped or found) if isinstance(found, ipaddress.IPv6Address) else found


def _is_trusted(found: Address, trusted: tuple[str, ...]) -> bool:
    return any(found in network for network in _networks(trusted) if network.version == found.version)


@lru_cache(maxsize=8)
def _networks(trusted: tuple[str, ...]) -> tuple[Network, ...]:
    return tuple(ipaddress.ip_network(network) for network in trusted)
