"""Runs visitors beside the faults, each with one computation after another, and checks what becomes of all of them."""

from __future__ import annotations

import json
import random
import threading
import time
import uuid
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import requests

PAUSE_S = 0.2  # before another try when the server is away
ANSWER_S = 15.0  # for an answer, which a stopped part holds up
POLL_S = 5.0
GONE = (409, 410)  # to the next turn of a session that is no more
MISSING = (400, 404)  # the server does not know what it acknowledged, or fewer messages than it has shown
STREAM = "import time\nfor n in range({count}):\n    print(n, flush=True)\n    time.sleep(0.1)"


@dataclass
class Acknowledged:
    """A computation that was answered 201. Times: seconds of the monotonic clock.

    ``expected``: what it prints when it is done; None where that depends on what became of the turn before.
    ``state``: the server's word; ``missing`` when the server does not know it, or its session, any more.
    """

    id: str
    kind: str
    expected: str | None
    since: float
    ended: float | None = None
    state: str = ""
    reason: str | None = None
    attempt: int = 0
    session: str = ""


class MissingError(Exception):
    """The server does not know all that it has acknowledged; the message is its answer."""


class Visitors:
    """The visitors of one server; ``all``: what was acknowledged to any of them."""

    def __init__(self, url: str, seed: int, count: int) -> None:
        self._url, self._stop = url, threading.Event()
        self.all: list[Acknowledged] = []
        self.faults: list[str] = []
        self._threads = [
            threading.Thread(target=self._visit, args=(random.Random(f"{seed} {number}"),), daemon=True)
            for number in range(count)
        ]
        for thread in self._threads:
            thread.start()

    def stop(self, within_s: float) -> None:
        """Let each visitor see its computation to the end, and submit no other; wait for that."""
        self._stop.set()
        end = time.monotonic() + within_s
        for thread in self._threads:
            thread.join(max(0.0, end - time.monotonic()))
        self._give_up = True

    _give_up = False

    def run(self, code: str, kind: str, expected: str | None, **fields: Any) -> Acknowledged:
        """Submit a computation until it is acknowledged, and see it to its end; what is missing is a fault found."""
        found = Acknowledged("", kind, expected, time.monotonic(), session=fields.get("session", ""))
        try:
            self._submit(found, {"code": code, **fields})
            if found.id:
                self.all.append(found)
                self._follow(found)
        except MissingError as error:
            found.state, found.ended = "missing", time.monotonic()
            self.faults.append(f"missing: {kind} {found.id or f'in session {found.session}'}: {error}")
        return found

    def _submit(self, found: Acknowledged, body: dict[str, Any]) -> None:
        key = {"Idempotency-Key": str(uuid.uuid4())}

        def submit() -> dict[str, Any] | None:
            answer = requests.post(f"{self._url}/computations", json=body, headers=key, timeout=ANSWER_S)
            return {} if answer.status_code in GONE else _answer(answer, 201)

        told = self._patiently(submit)
        found.since = time.monotonic()
        if told:
            found.id, found.session = told["id"], told["session"]
        else:
            found.state, found.reason = "refused", "session_gone"

    def _follow(self, found: Acknowledged) -> None:
        http, after, messages = requests.Session(), -1, list[dict[str, Any]]()
        url = f"{self._url}/computations/{found.id}"

        def look() -> dict[str, Any] | None:
            return _answer(http.get(f"{url}/messages?after={after}&wait={POLL_S:g}", timeout=ANSWER_S), 200)

        page = dict[str, Any]()
        while not page.get("finished"):
            page = self._patiently(look)
            if not page:
                return
            messages += page["messages"]
            after = page["next"]
        ended = time.monotonic()
        said = self._patiently(lambda: _answer(http.get(url, timeout=ANSWER_S), 200))
        if said:
            found.state, found.reason, found.attempt = said["state"], said.get("reason"), said["attempt"]
            found.ended = ended
            self.faults += [f"{found.kind} {found.id}: {fault}" for fault in _faults(found, messages)]

    def _patiently(self, ask: Callable[[], dict[str, Any] | None]) -> dict[str, Any]:
        while not self._give_up:
            try:
                answer = ask()
                if answer is not None:
                    return answer
            except (requests.RequestException, json.JSONDecodeError):
                pass
            time.sleep(PAUSE_S)
        return {}

    # --- what they do -------------------------------------------------------------------------------------------
    def _visit(self, chance: random.Random) -> None:
        acts = (self._single, self._stream, self._session, self._file)
        while not self._stop.is_set():
            chance.choices(acts, (4, 3, 2, 1))[0](chance)
            time.sleep(chance.uniform(0, 0.3))

    def _single(self, chance: random.Random) -> None:
        number = chance.randrange(10**6)
        self.run(f"print({number} * 2)", "single", f"{number * 2}\n")

    def _stream(self, chance: random.Random) -> None:
        count = chance.randrange(5, 25)
        self.run(STREAM.format(count=count), "stream", "".join(f"{n}\n" for n in range(count)))

    def _session(self, chance: random.Random) -> None:
        first = self.run("n = 0\nprint(n)", "first turn", "0\n", keep=True)
        for number in range(1, chance.randrange(2, 8)):
            if first.state != "done" or self._stop.is_set():
                return
            session = first.session
            turn = self.run("n += 1\nprint(n)", "turn", f"{number}\n", session=session, keep=True)
            if turn.state != "done":
                return
            time.sleep(chance.uniform(0, 1))

    def _file(self, chance: random.Random) -> None:
        number = chance.randrange(10**6)
        self.run(f"open('a.txt', 'w').write('{number}' * 10)\nprint('ok')", "file", "ok\n")


def _answer(answer: requests.Response, wanted: int) -> dict[str, Any] | None:
    """Return what was answered; None where it is to be asked again. Raises MissingError."""
    if answer.status_code in MISSING:
        raise MissingError(f"{answer.status_code} {answer.text.strip()}")
    return answer.json() if answer.status_code == wanted else None


def _faults(found: Acknowledged, messages: list[dict[str, Any]]) -> list[str]:
    """Return what is wrong with the messages of a computation that is over."""
    wrong = []
    if [one["sequence"] for one in messages] != list(range(len(messages))):
        wrong.append("its sequences have gaps")
    attempts = [one["attempt"] for one in messages]
    if attempts != sorted(attempts):
        wrong.append("an earlier attempt wrote after a later one")
    if not messages or messages[-1]["content"].get("execution_state") != "idle":
        wrong.append("its last message is not the status idle")
    last = [one for one in messages if one["attempt"] == attempts[-1]] if attempts else []
    text = "".join(one["content"]["text"] for one in last if one["header"]["msg_type"] == "stream")
    if found.state == "done" and found.expected is not None and text != found.expected:
        wrong.append(f"it printed {text!r}, not {found.expected!r}")
    if found.state != "done" and not found.reason:
        wrong.append(f"it is {found.state} without a reason")
    return wrong
