"""Answers as Jobe does: bodies are JSON, errors a sentence as a JSON text, and too much to do is an outcome."""

from __future__ import annotations

import math

import msgspec
from flask import Blueprint, Response, g, request
from msgspec import Struct
from werkzeug.exceptions import HTTPException

from store import ClientFullError, NoSpaceError, OverShareError, StoreUnavailableError
from web.problems import RETRY_AFTER_S, ProblemError

COMPILE_ERROR, RUNTIME_ERROR, TIME_LIMIT, SUCCESS, MEMORY_LIMIT, INTERNAL_ERROR, OVERLOAD = 11, 12, 13, 15, 17, 20, 21
NO_DATABASE = "The database does not answer just now; try again."
MEDIA_TYPE = "application/json"
PROBLEMS = {
    400: "What came is not right.",
    403: "A key is required or is not known, or nothing is run for this client.",
    404: "There is no such file: put it, and ask again.",
    408: "The body did not arrive, or too slowly.",
    411: "The length of the body is missing.",
    413: "What came is too long.",
    429: "The computing time of an hour is used up, or too many requests come from this address.",
    500: "Something went wrong on the server.",
    503: "The server cannot answer just now.",
}
SENTENCES: dict[int, type] = dict.fromkeys(PROBLEMS, str)


class RunAnswer(Struct, frozen=True):
    """What became of a job; ``cmpinfo``: what the compiler said.

    ``outcome``: 11 compile error, 12 runtime error, 13 time, 15 success, 17 memory, 20 internal error, 21 overload.
    """

    run_id: str
    outcome: int
    cmpinfo: str = ""
    stdout: str = ""
    stderr: str = ""


def answer(value: object, status: int = 200) -> Response:
    """Return an answer with this value, a struct or a text, as its JSON."""
    return Response(msgspec.json.encode(value), status, {"Cache-Control": "no-store"}, content_type=MEDIA_TYPE)


def install(routes: Blueprint, path_of_runs: str) -> None:
    """Have every error of these routes be answered so; overload is an outcome only where the path ends like this."""

    def refuse(status: int, sentence: str, reason: str, retry_after_s: float = RETRY_AFTER_S) -> Response:
        g.refused_for = reason
        # What is over in a moment is the server's load, whoever caused it: the client takes another server at once.
        is_load = status == 503 or (status == 429 and reason != "cpu")
        if is_load and request.path.rstrip("/").endswith(path_of_runs):
            return answer(RunAnswer("", OVERLOAD))
        response = answer(sentence, 403 if status == 401 else status)
        if status in (429, 503):
            response.headers["Retry-After"] = str(math.ceil(retry_after_s))
        return response

    def http_error(error: HTTPException) -> Response:
        return refuse(error.code or 500, error.name, "")

    def over_share(error: OverShareError) -> Response:
        return refuse(429, str(error), error.share, error.retry_after_s)

    routes.register_error_handler(ProblemError, lambda error: refuse(error.status, error.detail, error.reason))
    routes.register_error_handler(HTTPException, http_error)
    routes.register_error_handler(OverShareError, over_share)
    routes.register_error_handler(NoSpaceError, lambda error: refuse(503, str(error), "no_space"))
    routes.register_error_handler(ClientFullError, lambda error: refuse(429, str(error), "stored"))
    routes.register_error_handler(StoreUnavailableError, lambda _error: refuse(503, NO_DATABASE, "database"))
