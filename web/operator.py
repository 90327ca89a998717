"""Recognizes the operator, who may see how the server is: by a key, or because the request comes from this machine."""

from __future__ import annotations

import hmac
import socket
from ipaddress import ip_address
from urllib.parse import urlsplit

from flask import request

from web.context import here

# A proxy that hands on somebody else's request says so in one of these; a page of somebody else's sends its origin.
FORWARDED = ("X-Forwarded-For", "X-Forwarded-Host", "X-Real-IP", "Forwarded", "Via", "Origin")


def asks() -> bool:
    """Return whether the current request is the operator's."""
    return has_key() or _is_from_here()


def has_proven() -> bool:
    """Return whether the request is the operator's by the key, where there is one: then loopback alone is no proof."""
    return has_key() if here().settings.operator_key else asks()


def has_key() -> bool:
    """Return whether the operator's key came with the current request."""
    return is_key(request.headers.get("Authorization", ""), here().settings.operator_key)


def is_key(untrusted_authorization: str, operator_key: str) -> bool:
    """Return whether a header `Authorization` has the operator's key."""
    key = operator_key.encode()
    scheme, _, untrusted_key = untrusted_authorization.partition(" ")
    same = hmac.compare_digest(untrusted_key.strip().encode("utf-8", "surrogateescape"), key)
    return bool(key) and scheme.lower() == "bearer" and same


def has_password() -> bool:
    """Return whether the operator's key came as a password, as browsers ask for one; the user's name is nobody's."""
    key, given = here().settings.operator_key.encode(), request.authorization
    untrusted_password = (given.password or "") if given and given.type == "basic" else ""
    return bool(key) and hmac.compare_digest(untrusted_password.encode("utf-8", "surrogateescape"), key)


def _is_from_here() -> bool:
    if any(name in request.headers for name in FORWARDED) or not _names_this_machine(request.host):
        return False
    try:
        address = ip_address(request.remote_addr or "")
    except ValueError:
        return False
    return (getattr(address, "ipv4_mapped", None) or address).is_loopback


def _names_this_machine(untrusted_host: str) -> bool:
    """Return whether a request was sent to this machine's name, not to one that somebody else lets point here."""
    name = urlsplit(f"//{untrusted_host}").hostname or ""
    try:
        return ip_address(name).is_loopback
    except ValueError:
        return name in ("localhost", socket.gethostname().lower())
