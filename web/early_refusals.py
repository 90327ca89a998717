"""Refuses before Flask looks at it what a flood brings, so that it costs little.

That is a request over its client's rate, and a submission of who has no key while the queue is full.
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from contextlib import suppress
from dataclasses import dataclass
from http import HTTPStatus
from ipaddress import ip_address
from typing import TYPE_CHECKING
from urllib.parse import parse_qs

import msgspec

from store import Once, Requester, StoreUnavailableError, name_of
from web import clients, headers, operator, problems
from web.client_shares import TOO_MANY
from web.context import Context

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIEnvironment

ALWAYS_SERVED, SUBMISSIONS = "/healthz", "/computations"
BODY_BYTES_MAX = 64 << 10  # a longer body is drained as all are (web/request_body.py)
ONCE_CHARACTERS_MAX = 255


@dataclass(frozen=True)
class _Problem:
    """What is answered: the status, its sentence, and the word under which the figures count it."""

    status: int
    sentence: str
    reason: str

    @property
    def line(self) -> str:
        """The status as HTTP has it."""
        return f"{self.status} {HTTPStatus(self.status).phrase.upper()}"

    def body(self) -> bytes:
        """Return the problem detail, as ``web/problems.py`` makes it."""
        reason = self.reason if self.status == HTTPStatus.TOO_MANY_REQUESTS else msgspec.UNSET
        title = HTTPStatus(self.status).phrase
        return msgspec.json.encode(problems.ProblemDetail("about:blank", title, self.status, self.sentence, reason))


_REQUESTS = _Problem(429, TOO_MANY, "requests")
_QUEUE_FULL = _Problem(503, problems.QUEUE_FULL, "queue_full")


def answer(environ: WSGIEnvironment, start_response: StartResponse, context: Context) -> Iterable[bytes] | None:
    """Answer a request that is refused here; return None for others, which the application answers."""
    settings = context.settings
    untrusted_forwarded = environ.get("HTTP_X_FORWARDED_FOR", "").split(",")
    client = clients.find(environ.get("REMOTE_ADDR", ""), untrusted_forwarded, tuple(settings.trusted_proxies))
    pause_s = context.client_shares.requests.over_s(client)
    if pause_s > 0 and environ.get("PATH_INFO") != ALWAYS_SERVED:
        problem = _REQUESTS
    elif _finds_the_queue_full(environ, context, client):
        problem, pause_s = _QUEUE_FULL, 0.0
    else:
        return None
    if _may_be_the_operator(client) or operator.is_key(environ.get("HTTP_AUTHORIZATION", ""), settings.operator_key):
        return None
    if not _is_read(environ):
        return None
    if problem is _QUEUE_FULL:
        context.client_shares.requests.pause_s(client)  # it counts, as those that the application answers
        pause_s = context.return_times.next_s()
    method, body = environ["REQUEST_METHOD"], problem.body()
    context.figures.refused_early(method, problem.status, problem.reason)
    said = {
        "Content-Type": problems.MEDIA_TYPE, "Content-Length": str(len(body)), "Cache-Control": "no-store",
        "Retry-After": str(math.ceil(pause_s)), problems.KIND: problem.reason, **headers.OF_ALL, **headers.OF_THE_API,
        **headers.allowed(settings, environ.get("HTTP_ORIGIN")),
    }  # fmt: skip
    start_response(problem.line, list(said.items()))
    return [] if method == "HEAD" else [body]


def _finds_the_queue_full(environ: WSGIEnvironment, context: Context, client: str) -> bool:
    """Return whether this is a new submission that the full queue cannot take.

    Who comes with a key, whom a ban may meet, and where something else is asked first, the application decides.
    """
    if environ["REQUEST_METHOD"] != "POST" or environ.get("PATH_INFO") != SUBMISSIONS:
        return False
    settings, store = context.settings, context.store
    if not store.computations.is_known_full() or settings.keys_required or settings.proof_of_work:
        return False
    query = parse_qs(environ.get("QUERY_STRING", ""), keep_blank_values=True)
    if "HTTP_AUTHORIZATION" in environ or "HTTP_X_API_KEY" in environ or "key" in query:
        return False
    untrusted_once = environ.get("HTTP_IDEMPOTENCY_KEY", query.get("idempotency_key", [None])[0])
    if untrusted_once is not None and not 0 < len(untrusted_once) <= ONCE_CHARACTERS_MAX:
        return False
    try:
        own = store.clients.identities(client)
        requester = Requester(own[0], environ.get("HTTP_ORIGIN", "").lower())
        if store.access.rules().bans.find(requester, client) is not None:
            return False
        if untrusted_once is None or query.get("first") == ["1"]:
            return True
        names = tuple(name_of(one, untrusted_once) for one in own)
        return store.repeats.find(Once(names)) is None  # what is sent again has its place already
    except StoreUnavailableError:
        return False


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
