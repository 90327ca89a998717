"""Recognizes the operator, who may see how the server is: by a key, or because the request comes from this machine."""

from __future__ import annotations

import hmac
from ipaddress import ip_address

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
    key = here().settings.operator_key.encode()
    scheme, _, untrusted_key = request.headers.get("Authorization", "").partition(" ")
    same = hmac.compare_digest(untrusted_key.strip().encode("utf-8", "surrogateescape"), key)
    return bool(key) and scheme.lower() == "bearer" and same


def _is_from_here() -> bool:
    if any(name in request.headers for name in FORWARDED):
        return False
    try:
        address = ip_address(request.remote_addr or "")
    except ValueError:
        return False
    return (getattr(address, "ipv4_mapped", None) or address).is_loopback
