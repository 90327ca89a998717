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
GONE = (404, 409, 410)  # to the next turn of a session that is no more
STREAM = "import time\nfor n in range({count}):\n    print(n, flush=True)\n    time.sleep(0.1)"


@dataclass
class Acknowledged:
    """A computation that was answered 201. Times: seconds of the monotonic clock.

    ``expected``: what it prints when it is done; None where that depends on what became of the turn before.
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
        """Submit a computation until it is acknowledged, and see it to its end."""
        http, key = requests.Session(), {"Idempotency-Key": str(uuid.uuid4())}

        def submit() -> dict[str, Any] | None:
            body = {"code": code, **fields}
            answer = http.post(f"{self._url}/computations", json=body, headers=key, timeout=ANSWER_S)
            if answer.status_code in GONE:
                return {}
            return answer.json() if answer.status_code == 201 else None

        told = self._patiently(submit)
        found = Acknowledged(told.get("id", ""), kind, expected, time.monotonic())
        if not found.id:
            found.state, found.reason = "refused", "session_gone"
            return found
        found.session = told["session"]
        self.all.append(found)
        self._follow(http, found)
        return found

    def _follow(self, http: requests.Session, found: Acknowledged) -> None:
        after, messages = -1, list[dict[str, Any]]()
        while not self._give_up:

            def look() -> dict[str, Any] | None:
                url = f"{self._url}/computations/{found.id}/messages?after={after}&wait={POLL_S:g}"  # noqa: B023
                answer = http.get(url, timeout=ANSWER_S)
                if answer.status_code in (400, 404):
                    raise AssertionError(f"{found.id}: {answer.text}")
                return answer.json() if answer.status_code == 200 else None

            page = self._patiently(look)
            if not page:
                return
            messages += page["messages"]
            after = page["next"]
            if page["finished"]:
                break
        ended = time.monotonic()

        def describe() -> dict[str, Any] | None:
            answer = http.get(f"{self._url}/computations/{found.id}", timeout=ANSWER_S)
            return answer.json() if answer.status_code == 200 else None

        said = self._patiently(describe)
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
            try:
                chance.choices(acts, (4, 3, 2, 1))[0](chance)
            except AssertionError as error:
                self.faults.append(str(error))
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
