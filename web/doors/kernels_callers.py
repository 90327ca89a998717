"""Finds out who speaks Jupyter's protocol to us: by a token, as its clients send one with each request, or anybody.

The token may be a key of the operator's (docs/operating.md). Thebe makes a random one up where its page gives none, so
any other text is nobody's, unless the setting ``kernels_token`` asks for its own.
"""

from __future__ import annotations

import hashlib
import hmac
import re

from flask import g, request

from store import OPERATOR, Requester, lane_of
from web import operator, requesters
from web.context import here
from web.parameters import KEY, Text
from web.problems import refuse

SCHEMES = ("token", "bearer")
TOKEN = Text("token", "The token of a caller that sends no header; docs/http.md says what it may be.", r"[!-~]{0,200}")
NO_TOKEN = "This server runs kernels only for those who send its token."
NO_LIST = "Kernels are listed only for programs with a token of their own; what a page sends, all its readers know."


def admit() -> Requester:
    """Return who makes this request, if something may be run for them now; asked again, it looks again.

    Raises ProblemError 400, 401, 403; StoreUnavailableError.
    """
    untrusted_token = _token()
    key = requesters.find_key(untrusted_token) if re.fullmatch(KEY.pattern, untrusted_token) else None
    wanted = here().settings.kernels_token
    is_right = hmac.compare_digest(untrusted_token.encode("utf-8", "surrogateescape"), wanted.encode())
    if wanted and key is None and not is_right and not operator.has_key():
        refuse(403, NO_TOKEN, reason="token")
    return requesters.admit_with(key)


def lane(kernel_id: str) -> str | None:
    """Return the lane in which what an admitted caller's kernel has run waits; None for the operator."""
    requester: Requester = g.requester
    return None if operator.asks() or requester.key == OPERATOR else lane_of(requester, kernel_id)


def owner() -> str | None:
    """Return the name under which the caller may list its kernels; None for pages, and for who has no token."""
    untrusted_token = _token()
    if not untrusted_token or "Origin" in request.headers or untrusted_token == here().settings.kernels_token:
        return None
    return hashlib.blake2b(untrusted_token.encode("utf-8", "surrogateescape"), digest_size=16).hexdigest()


def owner_who_lists() -> str:
    """Return the same of a caller that may list. Raises ProblemError 403."""
    found = owner()
    if found is None:
        refuse(403, NO_LIST, reason="token")
    return found


def _token() -> str:
    scheme, _, untrusted_token = request.headers.get("Authorization", "").partition(" ")
    if scheme.lower() in SCHEMES and untrusted_token.strip():
        return untrusted_token.strip()
    return TOKEN.read() or ""
