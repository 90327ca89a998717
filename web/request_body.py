"""Reads the bodies of requests: each is bounded in length before it is read, and in time while it arrives."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import NoReturn

from flask import Response, request
from werkzeug.exceptions import ClientDisconnected, HTTPException

from web.connections import BODY_S, DRAIN_S, LEAST_RATE_BYTES_S
from web.context import connection, here
from web.problems import refuse
from web.stages import Kind

PIECE_BYTES = 16 << 10
# What nobody looks at is read in longer pieces, and not as fast as a flood brings it: the longest body takes 1.4 s, two
# at a time. Of many most are cut while they wait here.
DRAIN_PIECE_BYTES, DRAIN_BYTES_S = 64 << 10, 24 << 20
_draining = threading.BoundedSemaphore(2)
ASKING_MAX = 8  # far fewer than the driver has connections: others must not wait for one
_asking = threading.BoundedSemaphore(ASKING_MAX)
REST_S_MIN = 0.002
LATE = "The body of the request did not arrive, or too slowly."


class HalfTime:
    """The half of this process's time that the work on long bodies may take, all together."""

    def __init__(self) -> None:
        self._free_at = 0.0  # by the monotonic clock: when what was worked so far has been twice as long ago

    def rest(self, worked_s: float) -> None:
        """Rest after so much work, as long as all who work rest for theirs."""
        now = time.monotonic()
        self._free_at = max(self._free_at, now - worked_s) + 2 * worked_s
        time.sleep(self._free_at - now)


_half_time = HalfTime()


class BodyStream:
    """The body of the current request, while it arrives.

    All who read long ones give the other requests as much time as they take for themselves.
    """

    def __init__(self) -> None:
        self._taken_s = 0.0
        self._read_at: float | None = None

    @contextmanager
    def before_the_first_byte(self) -> Iterator[None]:
        """Have the block ask the database what this body asks of it, as one of few at a time.

        Of many slow bodies most are cut while they wait here, and never ask. Raises ProblemError 408 if this one was.
        """
        with _asking:
            if connection().was_cut:
                refuse(408, LATE)
            yield

    def read(self, bytes_max: int) -> bytes:
        """Return some bytes of the body, none at its end. Raises ProblemError 408 if it was cut."""
        self._give_way()
        with _cut_bodies_refused():
            data = request.stream.read(bytes_max)
        self._read_at = time.monotonic()
        return data

    def _give_way(self) -> None:
        """Rest for the work on what was read since the last rest, when that is worth it."""
        if self._read_at is not None:
            self._taken_s += time.monotonic() - self._read_at
        if self._taken_s > REST_S_MIN:
            _half_time.rest(self._taken_s)
            self._taken_s = 0.0


@contextmanager
def arriving() -> Iterator[BodyStream]:
    """Yield the body; it is cut when it arrives too slowly, or is the slowest of too many. Raises ProblemError 411."""
    _check_length_is_said()
    within_s = BODY_S + (request.content_length or 0) / LEAST_RATE_BYTES_S
    with here().connections.being(connection(), Kind.BODY, within_s):
        yield BodyStream()


def read_bytes(bytes_max: int) -> bytes:
    """Return the whole body. Raises ProblemError 408, 411, 413."""
    _check_length(bytes_max)
    found = bytearray()
    with arriving() as body:
        # A body in chunks does not say its length: it is cut at the bound.
        while len(found) <= bytes_max and (piece := body.read(PIECE_BYTES)):
            found += piece
    if len(found) > bytes_max:
        _refuse_long(bytes_max)
    return bytes(found)


def read_form(bytes_max: int) -> None:
    """Read the body as a form, for ``request.values``. Raises ProblemError 408, 411, 413."""
    _check_length(bytes_max)
    with _cut_bodies_refused(), arriving():
        request.form  # noqa: B018 - Werkzeug reads it now


def drain(response: Response) -> Response:
    """Read what the view left of the body: nginx takes an answer for lost when its own sending is cut."""
    if request.content_length:
        try:
            with here().connections.being(connection(), Kind.BODY, DRAIN_S):
                if len(request.stream.read(DRAIN_PIECE_BYTES)) == DRAIN_PIECE_BYTES:
                    _drain_long()
        except (HTTPException, OSError):
            pass  # larger than allowed, too slow, or the client has gone
    return response


def _drain_long() -> None:
    with _draining:
        while request.stream.read(DRAIN_PIECE_BYTES):
            time.sleep(DRAIN_PIECE_BYTES / DRAIN_BYTES_S)


@contextmanager
def _cut_bodies_refused() -> Iterator[None]:
    try:
        yield
    except ClientDisconnected:  # Werkzeug raises it for every failure
        if connection().was_cut:
            refuse(408, LATE)
        raise


def _check_length(bytes_max: int) -> None:
    _check_length_is_said()
    if (request.content_length or 0) > bytes_max:
        _refuse_long(bytes_max)


def _check_length_is_said() -> None:
    """Refuse a body of unknown length, which WSGI would show as an empty one."""
    chunked = "chunked" in request.headers.get("Transfer-Encoding", "").lower()
    if chunked and request.content_length is None and not request.environ.get("wsgi.input_terminated"):
        refuse(411, "A request with a body has to say its length.")


def _refuse_long(bytes_max: int) -> NoReturn:
    refuse(413, f"The body is longer than {bytes_max} bytes, the most for one without files.")
