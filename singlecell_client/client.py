"""The client: submits cells, follows their messages from the last one seen, answers questions, fetches files."""

from __future__ import annotations

import base64
import os
import secrets
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from typing import Any, BinaryIO
from urllib.parse import urljoin, urlsplit

import requests
from urllib3.exceptions import NewConnectionError

from singlecell_client.proof import prove

POLL_S = 25.0  # below the server's longest wait, and below what proxies cut
CONNECT_S = 10.0
RETRY_S_FIRST, RETRY_S_MAX, RETRY_S_TOTAL = 0.2, 5.0, 120.0
FILES_TYPE = "application/vnd.singlecell.files+json"
REPEATED = "Idempotent-Replayed"
GATEWAY = (502, 504)  # a proxy's word that the server behind it did not answer
ENDED = ("done", "failed", "cancelled", "lost")

Message = dict[str, Any]
Ask = Callable[[str, bool], str]


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


@dataclass(frozen=True)
class File:
    """A file that a computation made: its size in bytes, its MIME type, its absolute address."""

    name: str
    size: int
    type: str
    url: str


@dataclass
class Result:
    """What came of a computation. ``state``, ``reason``: as the server has them; ``messages``: Jupyter's, in order."""

    id: str
    session: str
    state: str
    reason: str | None = None
    messages: list[Message] = field(default_factory=list)
    files: list[File] = field(default_factory=list)

    @property
    def ok(self) -> bool:
        """Whether the code came to its end without an exception."""
        return self.state == "done" and not self.of_type("error")

    def of_type(self, *types: str) -> list[dict[str, Any]]:
        """Return the contents of the messages of these types, in order."""
        return [message["content"] for message in self.messages if message["header"]["msg_type"] in types]

    @property
    def text(self) -> str:
        """What was printed to standard output, and the plain text of the results, as a terminal would show it."""
        parts = []
        for message in self.messages:
            content = message["content"]
            match message["header"]["msg_type"]:
                case "stream" if content["name"] == "stdout":
                    parts.append(content["text"])
                case "execute_result":
                    parts.append(content["data"].get("text/plain", "") + "\n")
        return "".join(parts)

    @property
    def bundles(self) -> list[dict[str, Any]]:
        """The MIME bundles that were displayed or are results, in order."""
        return [content["data"] for content in self.of_type("execute_result", "display_data")]

    @property
    def images(self) -> list[bytes]:
        """The PNG images that were displayed."""
        return [base64.b64decode(bundle["image/png"]) for bundle in self.bundles if "image/png" in bundle]

    @property
    def error(self) -> dict[str, Any] | None:
        """The last error's ename, evalue and traceback."""
        errors = self.of_type("error")
        return errors[-1] if errors else None


class Client:
    """Talks to one server. Raises ValueError: an address that is none.

    ``language`` is the default of its cells. ``key``: an API key that the server's operator gave out.
    """

    def __init__(self, url: str, language: str = "python", key: str | None = None) -> None:
        _check_address(url)
        self._key = {"Authorization": f"Bearer {key}"} if key else {}
        self.url, self.language = url.rstrip("/") + "/", language
        self._http = requests.Session()

    # --- the life of a computation ------------------------------------------------------------------------------
    def run(
        self,
        code: str,
        *,
        language: str | None = None,
        session: str | None = None,
        keep: bool = False,
        files: Sequence[str | os.PathLike[str]] = (),
        ask: Ask | None = None,
        on_message: Callable[[Message], None] | None = None,
    ) -> Result:
        """Run a cell to its end. Raises Refused, Unreachable.

        ``keep``: leave its session alive for further cells. ``files``: paths to upload beside it. ``ask``: called with
        (prompt, password) for each input(); without it the code has no standard input.
        """
        stdin = ask is not None
        computation = self.submit(code, language=language, session=session, keep=keep, stdin=stdin, files=files)
        messages: list[Message] = []
        for message in self.follow(computation["id"]):
            messages.append(message)
            if on_message:
                on_message(message)
            if ask and message["header"]["msg_type"] == "input_request":
                content = message["content"]
                self.answer(computation["id"], ask(content["prompt"], content["password"]))
        return self.result(computation["id"], messages)

    def submit(
        self,
        code: str,
        *,
        language: str | None = None,
        session: str | None = None,
        keep: bool = False,
        stdin: bool = False,
        files: Sequence[str | os.PathLike[str]] = (),
        once: str | None = None,
        wait_s: float = 0.0,
    ) -> dict[str, Any]:
        """Submit a cell; return its id, session, state and links. Raises Refused, Unreachable.

        ``wait_s``: with the ``messages`` that come meanwhile, and ``finished``. ``repeated`` of the answer says whether
        it was submitted before.

        What got no answer is sent again and runs once. ``once``: the idempotency key, for who sends it again later;
        the server knows it for 24 hours.
        Where the server asks for a proof of work, it is done here: a tenth of a second of a processor, as a rule.
        """
        fields: dict[str, Any] = {"code": code, "language": language or self.language, "keep": keep, "stdin": stdin}
        if session:
            fields["session"] = session
        headers = {**self._key, "Idempotency-Key": once or secrets.token_urlsafe()}
        query = {"wait": wait_s} if wait_s else {}
        try:
            return self._again(lambda: self._submit(fields, files, headers, query))
        except Refused as refused:
            challenge = refused.problem.get("challenge")
            if not isinstance(challenge, dict):
                raise
        # Many computations wait, and the server asks for a proof of work first.
        proved = {**query, "proof": prove(challenge)}
        return self._again(lambda: self._submit(fields, files, headers, proved))

    def _submit(
        self,
        fields: dict[str, Any],
        files: Sequence[str | os.PathLike[str]],
        headers: dict[str, str],
        query: dict[str, Any],
    ) -> dict[str, Any]:
        if not files:
            return self._json("POST", "computations", json=fields, headers=headers, params=query)
        texts = {name: value if isinstance(value, str) else str(value).lower() for name, value in fields.items()}
        with ExitStack() as opened:
            parts = [("file", (os.path.basename(path), opened.enter_context(open(path, "rb")))) for path in files]
            return self._json("POST", "computations", data=texts, files=parts, headers=headers, params=query)

    def follow(self, computation: str, after: int = -1) -> Iterator[Message]:
        """Yield the messages after a sequence number as they come, to the last. Raises Refused, Unreachable.

        A connection that breaks is taken up again where it broke.
        """
        while True:
            wanted = {"after": after, "wait": POLL_S}
            page = self._patiently("GET", f"computations/{computation}/messages", params=wanted)
            yield from page["messages"]
            after = page["next"]
            if page["finished"]:
                return

    def describe(self, computation: str) -> dict[str, Any]:
        """Return what the server says of a computation: its state, times, device. Raises Refused, Unreachable."""
        return self._patiently("GET", f"computations/{computation}")

    def result(self, computation: str, messages: list[Message]) -> Result:
        """Return what came of a computation that has ended, given its messages."""
        described = self.describe(computation)
        files = [
            File(file["name"], file["size"], file["type"], urljoin(self.url, file["url"]))
            for message in messages
            if message["header"]["msg_type"] == "display_data"
            for file in message["content"]["data"].get(FILES_TYPE, {}).get("files", ())
        ]
        return Result(computation, described["session"], described["state"], described.get("reason"), messages, files)

    # --- what can be said to it ---------------------------------------------------------------------------------
    def answer(self, computation: str, value: str) -> None:
        """Answer the question that a computation waits on."""
        self._json("POST", f"computations/{computation}/input", json={"value": value})

    def interrupt(self, computation: str) -> None:
        """Raise KeyboardInterrupt in a computation."""
        self._json("POST", f"computations/{computation}/interrupt")

    def cancel(self, computation: str) -> None:
        """Kill a computation."""
        self._json("DELETE", f"computations/{computation}")

    def end_session(self, session: str) -> None:
        """End a kept session."""
        self._json("DELETE", f"sessions/{session}")

    def languages(self) -> list[dict[str, Any]]:
        """Return the languages as the server describes them. Raises Refused, Unreachable."""
        return self._json("GET", "languages")["languages"]

    def language_of(self, extension: str) -> str:
        """Return the language whose files end so, else the default. Raises Refused, Unreachable."""
        names = (language["name"] for language in self.languages() if language["extension"] == extension)
        return next(names, self.language)

    def publish(self, check: str, language: str, key: str = "") -> str:
        """Publish the check of an exercise; return its id. ``key``: the operator's. Raises Refused, Unreachable."""
        headers = {"Authorization": f"Bearer {key}"} if key else {}
        return self._json("POST", "checks", json={"source": check, "language": language}, headers=headers)["id"]

    def verdict(self, computation: str, check: str) -> dict[str, Any]:
        """Return the verdict of a published check on a computation that has just ended, and was run with ``keep``.

        Raises Refused, Unreachable.
        """
        return self._json("POST", f"computations/{computation}/verdict", json={"check": check})

    def download(self, file: File, into: BinaryIO) -> None:
        """Copy a file's bytes, piece by piece. Raises Refused, Unreachable."""
        try:
            with self._http.get(file.url, stream=True, timeout=(CONNECT_S, POLL_S + CONNECT_S)) as answer:
                _refuse(answer)
                for piece in answer.iter_content(1 << 16):
                    into.write(piece)
        except requests.RequestException as error:
            raise Unreachable(f"{self.url} does not answer: {_reason(error)}") from error

    # --- HTTP ---------------------------------------------------------------------------------------------------
    def _json(self, method: str, path: str, **request: Any) -> dict[str, Any]:
        try:
            answer = self._http.request(
                method, self.url + path, timeout=(CONNECT_S, POLL_S + CONNECT_S), **{"headers": self._key, **request}
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

    def _patiently(self, method: str, path: str, **request: Any) -> dict[str, Any]:
        """Ask again while the server is away; what was submitted is not lost by that. Only for reading."""
        return _while_away(lambda: self._json(method, path, **request))

    def _again(self, send: Callable[[], dict[str, Any]]) -> dict[str, Any]:
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


def _while_away(call: Callable[[], dict[str, Any]]) -> dict[str, Any]:
    pause_s, give_up_at = RETRY_S_FIRST, time.monotonic() + RETRY_S_TOTAL
    while True:
        try:
            return call()
        except (Unreachable, Refused) as error:
            away = isinstance(error, Unreachable) or error.status in (503, *GATEWAY)
            if not away or time.monotonic() > give_up_at:
                raise
        time.sleep(pause_s)
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
