"""Answers every error with problem details of RFC 9457; no other file makes such an answer.

It is ``application/problem+json`` with ``type``, ``title``, ``status`` and ``detail``; the detail is one sentence that
a user understands. What went wrong inside the server goes to the log.

Sentences that readers of a page meet often have a name, and values, in the header ``Singlecell-Problem``
(``file_long?name=data.csv&bytes=8388608``): a page says them in its reader's language.
"""

from __future__ import annotations

import logging
import math
from collections.abc import Mapping
from http import HTTPStatus
from typing import NoReturn
from urllib.parse import urlencode

import msgspec
from flask import Flask, Response, g, request
from werkzeug.exceptions import HTTPException

from store import (
    ChecksFullError,
    ClientFullError,
    NoSpaceError,
    OverShareError,
    RemovedError,
    StoreUnavailableError,
)
from web.proofs import Challenge

MEDIA_TYPE = "application/problem+json"
KIND = "Singlecell-Problem"
JUPYTER = "/api/"  # below it are the addresses of its clients
RETRY_AFTER_S = 2  # when a database restarts or the queue is full
ROOM_AFTER_S = 10  # when devices have to make room first

QUEUE_FULL = "Too many computations are waiting; try again in a moment."
NO_PROOF = "Many computations wait: solve the challenge and send the proof, or try again in a moment."

_log = logging.getLogger(__name__)
_SENTENCES = {
    400: "The server cannot read this request.",
    404: "There is nothing at this address.",
    405: "This address does not take the method {method}.",
    411: "A request with a body has to say its length.",
    413: "The request is larger than the server allows.",
    416: "The file has no such range of bytes.",
}


class ProblemDetail(msgspec.Struct, frozen=True):
    """An error as RFC 9457 has it.

    ``reason``: the share that a 429 is about; pages choose a sentence in the reader's language by it.
    ``challenge``: what is to be solved before the same request is made again, with the proof. ``message``: the detail,
    under the name that Jupyter's clients read.
    """

    type: str
    title: str
    status: int
    detail: str
    reason: str | msgspec.UnsetType = msgspec.UNSET
    challenge: Challenge | msgspec.UnsetType = msgspec.UNSET
    message: str | msgspec.UnsetType = msgspec.UNSET


class ProblemError(Exception):
    """The client's request is answered with this problem detail.

    ``reason``: the word under which the figures count it, where the status alone does not say it.
    """

    def __init__(
        self, status: int, detail: str, headers: Mapping[str, str] | None = None, reason: str = "",
        challenge: Challenge | msgspec.UnsetType = msgspec.UNSET,
    ) -> None:  # fmt: skip
        super().__init__(detail)
        self.challenge = challenge
        self.status, self.detail, self.reason = status, detail, reason
        self.headers = dict(headers or {})


def refuse(
    status: int, detail: str, headers: Mapping[str, str] | None = None, *, reason: str = "", **values: str | int
) -> NoReturn:
    """Answer the current request with this problem, which ``reason`` and ``values`` name. Raises ProblemError."""
    retry = {"Retry-After": str(RETRY_AFTER_S)} if status in (429, 503) else {}
    raise ProblemError(status, detail, {**retry, **(headers or {}), **_named(reason, values)}, reason)


def ask_for_proof(challenge: Challenge) -> NoReturn:
    """Refuse the current request until it comes with the proof for this challenge. Raises ProblemError."""
    headers = {"Retry-After": str(RETRY_AFTER_S), **_named("proof", {})}
    raise ProblemError(429, NO_PROOF, headers, "proof", challenge)


def _named(reason: str, values: Mapping[str, str | int]) -> dict[str, str]:
    """Return the header that names a problem, with its values."""
    named = f"{reason}?{urlencode(values, errors='replace')}" if values else reason
    return {KIND: named} if reason else {}


def answer(
    status: int, detail: str, headers: Mapping[str, str] | None = None, reason: str = "",
    challenge: Challenge | msgspec.UnsetType = msgspec.UNSET,
) -> Response:  # fmt: skip
    """Return the answer that carries a problem detail; ``reason`` is what the figures count it under."""
    g.refused_for = reason
    share = reason if status == 429 and reason else msgspec.UNSET
    message = detail if request.path.startswith(JUPYTER) else msgspec.UNSET
    problem = ProblemDetail("about:blank", HTTPStatus(status).phrase, status, detail, share, challenge, message)
    body = msgspec.json.encode(problem)
    said = {**_named(reason, {}), **(headers or {}), "Cache-Control": "no-store"}
    return Response(body, status, said, content_type=MEDIA_TYPE)


def install(app: Flask) -> None:
    """Make every error of the application a problem detail."""
    app.register_error_handler(ProblemError, _problem)
    app.register_error_handler(HTTPException, _http_error)
    app.register_error_handler(StoreUnavailableError, _store_unavailable)
    later = {"Retry-After": str(ROOM_AFTER_S)}
    app.register_error_handler(NoSpaceError, lambda full: answer(503, str(full), later, "no_space"))
    app.register_error_handler(ClientFullError, lambda full: answer(429, str(full), later, "stored"))
    app.register_error_handler(OverShareError, _over_share)
    app.register_error_handler(ChecksFullError, lambda full: answer(507, str(full), None, "checks_full"))
    app.register_error_handler(RemovedError, lambda removed: answer(410, str(removed), None, "removed"))
    app.register_error_handler(Exception, _own_error)


def _problem(problem: ProblemError) -> Response:
    return answer(problem.status, problem.detail, problem.headers, problem.reason, problem.challenge)


def _over_share(error: OverShareError) -> Response:
    return answer(429, str(error), {"Retry-After": str(math.ceil(error.retry_after_s))}, error.share)


def _http_error(error: HTTPException) -> Response:
    status = error.code or 500
    sentence = _SENTENCES.get(status, f"{HTTPStatus(status).phrase}.")
    kept = {"Allow", "Content-Range", "Retry-After"}
    headers = {name: value for name, value in error.get_headers(request.environ) if name in kept}
    return answer(status, sentence.format(method=request.method), headers)


def _store_unavailable(error: StoreUnavailableError) -> Response:
    _log.warning("%s %s: %s", request.method, request.path, error)
    later = {"Retry-After": str(RETRY_AFTER_S)}
    return answer(503, "The database does not answer just now; try again.", later, "database")


def _own_error(error: Exception) -> Response:
    _log.error("%s %s failed", request.method, request.path, exc_info=error)
    return answer(500, "Something went wrong on the server; it has been written to its log.")
