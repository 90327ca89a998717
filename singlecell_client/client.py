"""The client: submits cells, follows their messages from the last one seen, answers questions, fetches files."""

from __future__ import annotations

import itertools
import os
import secrets
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack
from typing import Any, BinaryIO
from urllib.parse import urljoin

from singlecell_client.connection import POLL_S, Connection, Refused
from singlecell_client.proof import prove
from singlecell_client.result import FILES_TYPE, File, Message, Result

Ask = Callable[[str, bool], str]
# An answer without news that comes before this share of the wait: then the server had no place for a long poll.
CUT_SHARE, CUT_PAUSE_S = 0.5, 2.0
PLACES_A_SECOND, CUT_PAUSE_S_MAX = 40, 15.0  # far behind in the queue it takes its time, and many ask


class Client:
    """Talks to one server. Raises ValueError: an address that is none.

    ``language`` is the default of its cells. ``key``: an API key that the server's operator gave out.
    """

    def __init__(self, url: str, language: str = "python", key: str | None = None) -> None:
        self._connection = Connection(url, key)
        self.url, self.language = self._connection.url, language

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
        headers = {**self._connection.key, "Idempotency-Key": once or secrets.token_urlsafe()}
        query = {"wait": wait_s} if wait_s else {}
        # Of a new key the server need not look for what it began, but when it is sent again.
        queries = itertools.chain([query if once else {**query, "first": 1}], itertools.repeat(query))
        try:
            return self._connection.again(lambda: self._submit(fields, files, headers, next(queries)))
        except Refused as refused:
            challenge = refused.problem.get("challenge")
            if not isinstance(challenge, dict):
                raise
        # Many computations wait, and the server asks for a proof of work first.
        proved = {**query, "proof": prove(challenge)}
        return self._connection.again(lambda: self._submit(fields, files, headers, proved))

    def _submit(
        self,
        fields: dict[str, Any],
        files: Sequence[str | os.PathLike[str]],
        headers: dict[str, str],
        query: dict[str, Any],
    ) -> dict[str, Any]:
        if not files:
            return self._connection.json("POST", "computations", json=fields, headers=headers, params=query)
        texts = {name: value if isinstance(value, str) else str(value).lower() for name, value in fields.items()}
        with ExitStack() as opened:
            parts = [("file", (os.path.basename(path), opened.enter_context(open(path, "rb")))) for path in files]
            return self._connection.json("POST", "computations", data=texts, files=parts, headers=headers, params=query)

    def follow(self, computation: str, after: int = -1) -> Iterator[Message]:
        """Yield the messages after a sequence number as they come, to the last. Raises Refused, Unreachable.

        A connection that breaks is taken up again where it broke.
        """
        while True:
            wanted, asked = {"after": after, "wait": POLL_S}, time.monotonic()
            page = self._connection.patiently("GET", f"computations/{computation}/messages", params=wanted)
            yield from page["messages"]
            after = page["next"]
            if page["finished"]:
                return
            if not page["messages"] and time.monotonic() - asked < CUT_SHARE * POLL_S:
                # The server had no place for so long a wait.
                time.sleep(min(CUT_PAUSE_S_MAX, max(CUT_PAUSE_S, page.get("queue_position", 0) / PLACES_A_SECOND)))

    def describe(self, computation: str) -> dict[str, Any]:
        """Return what the server says of a computation: its state, times, device. Raises Refused, Unreachable."""
        return self._connection.patiently("GET", f"computations/{computation}")

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
        self._connection.json("POST", f"computations/{computation}/input", json={"value": value})

    def interrupt(self, computation: str) -> None:
        """Raise KeyboardInterrupt in a computation."""
        self._connection.json("POST", f"computations/{computation}/interrupt")

    def cancel(self, computation: str) -> None:
        """Kill a computation."""
        self._connection.json("DELETE", f"computations/{computation}")

    def end_session(self, session: str) -> None:
        """End a kept session."""
        self._connection.json("DELETE", f"sessions/{session}")

    def languages(self) -> list[dict[str, Any]]:
        """Return the languages as the server describes them. Raises Refused, Unreachable."""
        return self._connection.json("GET", "languages")["languages"]

    def language_of(self, extension: str) -> str:
        """Return the language whose files end so, else the default. Raises Refused, Unreachable."""
        names = (language["name"] for language in self.languages() if language["extension"] == extension)
        return next(names, self.language)

    def publish(self, check: str, language: str, key: str = "") -> str:
        """Publish the check of an exercise; return its id. ``key``: the operator's. Raises Refused, Unreachable."""
        headers = {"Authorization": f"Bearer {key}"} if key else {}
        fields = {"source": check, "language": language}
        return self._connection.json("POST", "checks", json=fields, headers=headers)["id"]

    def verdict(self, computation: str, check: str) -> dict[str, Any]:
        """Return the verdict of a published check on a computation that has just ended, and was run with ``keep``.

        Raises Refused, Unreachable.
        """
        return self._connection.json("POST", f"computations/{computation}/verdict", json={"check": check})

    def download(self, file: File, into: BinaryIO) -> None:
        """Copy a file's bytes, piece by piece. Raises Refused, Unreachable."""
        self._connection.copy(file.url, into)
