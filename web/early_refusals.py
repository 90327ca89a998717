"""Refuses requests over their client's rate before Flask looks at them, so that a flood of them costs little."""

from __future__ import annotations

import math
from collections.abc import Iterable
from contextlib import suppress
from ipaddress import ip_address
from typing import TYPE_CHECKING

import msgspec

from web import clients, headers, operator, problems
from web.client_shares import TOO_MANY
from web.context import Context

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIEnvironment

ALWAYS_SERVED = "/healthz"
BODY_BYTES_MAX = 64 << 10  # a longer body is drained as all are (web/request_body.py)
_STATUS = "429 TOO MANY REQUESTS"
_BODY = msgspec.json.encode(problems.ProblemDetail("about:blank", "Too Many Requests", 429, TOO_MANY, "requests"))


def answer(environ: WSGIEnvironment, start_response: StartResponse, context: Context) -> Iterable[bytes] | None:
    """Answer a request that is over its client's rate; return None for others, which the application answers."""
    settings = context.settings
    untrusted_forwarded = environ.get("HTTP_X_FORWARDED_FOR", "").split(",")
    client = clients.find(environ.get("REMOTE_ADDR", ""), untrusted_forwarded, tuple(settings.trusted_proxies))
    pause_s = context.client_shares.requests.over_s(client)
    if pause_s <= 0 or environ.get("PATH_INFO") == ALWAYS_SERVED:
        return None
    if _may_be_the_operator(client) or operator.is_key(environ.get("HTTP_AUTHORIZATION", ""), settings.operator_key):
        return None
    if not _is_read(environ):
        return None
    method = environ["REQUEST_METHOD"]
    context.figures.refused_early(method)
    said = {
        "Content-Type": problems.MEDIA_TYPE, "Content-Length": str(len(_BODY)), "Cache-Control": "no-store",
        "Retry-After": str(math.ceil(pause_s)), problems.KIND: "requests", **headers.OF_ALL, **headers.OF_THE_API,
        **headers.allowed(settings, environ.get("HTTP_ORIGIN")),
    }  # fmt: skip
    start_response(_STATUS, list(said.items()))
    return [] if method == "HEAD" else [_BODY]


def _may_be_the_operator(client: str) -> bool:
    """Return whether a client is this machine; the application looks closer."""
    with suppress(ValueError):
        return ip_address(client).is_loopback
    return False


def _is_read(environ: WSGIEnvironment) -> bool:
    """Read the body away, for who sends one does not hear of an answer before; return whether it is short."""
    untrusted_length = environ.get("CONTENT_LENGTH") or "0"
    if not untrusted_length.isdecimal() or len(untrusted_length) > 6 or int(untrusted_length) > BODY_BYTES_MAX:
        return False
    with suppress(OSError):  # it is too slow, or the client has gone
        environ["wsgi.input"].read(int(untrusted_length))
    return True
