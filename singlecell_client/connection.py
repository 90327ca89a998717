"""Sends requests to one server, and sends again what may be sent again while the server is away."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any, BinaryIO
from urllib.parse import urlsplit

import requests
from urllib3.exceptions import NewConnectionError

POLL_S = 25.0  # below the server's longest wait, and below what proxies cut
CONNECT_S = 10.0
RETRY_S_FIRST, RETRY_S_MAX, RETRY_S_TOTAL = 0.2, 5.0, 120.0
REPEATED = "Idempotent-Replayed"
GATEWAY = (502, 504)  # a proxy's word that the server behind it did not answer


class Refused(Exception):
    """The server refused a request; the message is its sentence, ``status`` the HTTP status, ``problem`` the body."""

    def __init__(self, status: int, problem: dict[str, Any], retry_after_s: float = 0.0) -> None:
        super().__init__(problem.get("detail") or problem.get("title") or f"the server answered {status}")
        self.status, self.problem, self.retry_after_s = status, problem, retry_after_s


class Unreachable(Exception):
    """The server does not answer. ``was_reached``: whether it may have what was sent, although no answer came."""

    def __init__(self, sentence: str, *, was_reached: bool = False) -> None:
        super().__init__(sentence)
        self.was_reached = was_reached


class Connection:
    """The way to one server. ``key``: an API key. Raises ValueError: an address that is none."""

    def __init__(self, url: str, key: str | None = None) -> None:
        _check_address(url)
        self.url, self.key = url.rstrip("/") + "/", {"Authorization": f"Bearer {key}"} if key else {}
        self._http = requests.Session()

    def json(self, method: str, path: str, **request: Any) -> dict[str, Any]:
        """Return the answer to a request. Raises Refused, Unreachable."""
        try:
            answer = self._http.request(
                method, self.url + path, timeout=(CONNECT_S, POLL_S + CONNECT_S), **{"headers": self.key, **request}
            )
        except requests.RequestException as error:
            sentence = f"{self.url} does not answer: {_reason(error)}"
            raise Unreachable(sentence, was_reached=_was_reached(error)) from error
        _refuse(answer)
        try:
            found = answer.json() if answer.content else {}
        except ValueError:
            found = None
        if not isinstance(found, dict):
            raise Refused(answer.status_code, {"detail": f"What answers at {self.url} is no single-cell server."})
        return {**found, "repeated": True} if REPEATED in answer.headers else found

    def patiently(self, method: str, path: str, **request: Any) -> dict[str, Any]:
        """Ask again while the server is away; what was submitted is not lost by that. Only for reading."""
        return _while_away(lambda: self.json(method, path, **request))

    def again(self, send: Callable[[], dict[str, Any]]) -> dict[str, Any]:
        """Send something under an idempotency key, and again when its answer got lost.

        A server that nobody reached, or that says no at once, has nothing of it: then the caller is told.
        """
        try:
            return send()
        except Unreachable as error:
            if not error.was_reached:
                raise
        except Refused as error:
            if error.status not in GATEWAY:
                raise
        # Whether it was there before the first try is not known.
        return {**_while_away(send), "repeated": False}

    def copy(self, address: str, into: BinaryIO) -> None:
        """Copy the bytes behind an address, piece by piece. Raises Refused, Unreachable."""
        try:
            with self._http.get(address, stream=True, timeout=(CONNECT_S, POLL_S + CONNECT_S)) as answer:
                _refuse(answer)
                for piece in answer.iter_content(1 << 16):
                    into.write(piece)
        except requests.RequestException as error:
            raise Unreachable(f"{self.url} does not answer: {_reason(error)}") from error


def _while_away(call: Callable[[], dict[str, Any]]) -> dict[str, Any]:
    pause_s, give_up_at = RETRY_S_FIRST, time.monotonic() + RETRY_S_TOTAL
    while True:
        try:
            return call()
        except (Unreachable, Refused) as error:
            away = isinstance(error, Unreachable) or error.status in (503, *GATEWAY)
            if not away or time.monotonic() > give_up_at:
                raise
            asked_s = min(error.retry_after_s, RETRY_S_TOTAL) if isinstance(error, Refused) else 0.0
        time.sleep(max(pause_s, asked_s))
        pause_s = min(2 * pause_s, RETRY_S_MAX)


def _check_address(url: str) -> None:
    try:
        parts = urlsplit(url)
        known = parts.scheme in ("http", "https") and bool(parts.hostname) and parts.port != 0
    except ValueError:
        known = False
    if not known:
        raise ValueError(f"{url!r} is no address of a server; one looks like http://127.0.0.1:5000")


def _refuse(answer: requests.Response) -> None:
    if answer.ok:
        return
    try:
        problem = answer.json()
    except ValueError:
        problem = {}
    after = answer.headers.get("Retry-After", "")
    again_s = int(after) if after.isdecimal() else 0
    raise Refused(answer.status_code, problem if isinstance(problem, dict) else {}, again_s)


def _was_reached(error: requests.RequestException) -> bool:
    if isinstance(error, (requests.ConnectTimeout, requests.exceptions.SSLError, requests.exceptions.ProxyError)):
        return False
    cause = getattr(error.args[0], "reason", None) if error.args else None
    lost = (requests.ConnectionError, requests.Timeout, requests.exceptions.ChunkedEncodingError)
    return isinstance(error, lost) and not isinstance(cause, NewConnectionError)


def _reason(error: requests.RequestException) -> str:
    return "timed out" if isinstance(error, requests.Timeout) else "no connection"
