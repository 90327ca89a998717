"""Speak the HTTP contract as a client does."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, field

import requests

DEADLINE_S = 60.0
UPLOAD_S = 120.0
FILES_TYPE = "application/vnd.singlecell.files+json"


def of_type(messages: list[dict], msg_type: str) -> list[dict]:
    """Return the messages of a type, in order."""
    return [message for message in messages if message["header"]["msg_type"] == msg_type]


@dataclass
class Outcome:
    """A computation that has ended: its description and everything it said."""

    description: dict
    messages: list[dict] = field(default_factory=list)

    @property
    def state(self) -> str:
        return self.description["state"]

    @property
    def reason(self) -> str | None:
        return self.description.get("reason")

    def of_type(self, *types: str) -> list[dict]:
        """Return the contents of the messages of these types, in order."""
        return [message["content"] for message in self.messages if message["header"]["msg_type"] in types]

    def text(self, name: str = "stdout") -> str:
        """Return what was written to a stream."""
        return "".join(content["text"] for content in self.of_type("stream") if content["name"] == name)

    @property
    def result(self) -> str:
        """Return the plain text of the one execute_result."""
        (content,) = self.of_type("execute_result")
        return content["data"]["text/plain"]

    @property
    def files(self) -> list[dict]:
        """Return the files that the messages announce."""
        bundles = [content["data"].get(FILES_TYPE, {}) for content in self.of_type("display_data")]
        return [file for bundle in bundles for file in bundle.get("files", [])]

    @property
    def error(self) -> dict:
        """Return the content of the one error."""
        (content,) = self.of_type("error")
        return content


class Client:
    """Submits cells to one server."""

    def __init__(self, url: str) -> None:
        self.url = url.rstrip("/")
        self.http = requests.Session()
        # It would read all of the environment for each request, in which pytest changes a name between two tests.
        self.http.trust_env = False

    def submit(self, code: str, **fields) -> dict:
        """Submit a cell; return the 201's body."""
        answer = self.http.post(f"{self.url}/computations", json={"code": code, **fields}, timeout=DEADLINE_S)
        if answer.status_code != 201:
            raise AssertionError(f"{answer.status_code}: {answer.text}")
        return answer.json()

    def upload(self, code: str, *files: tuple[str, bytes], **fields: str) -> requests.Response:
        """Submit a cell with files beside it."""
        parts = [("file", (name, data)) for name, data in files]
        body = {"code": code, **fields}
        return self.http.post(f"{self.url}/computations", data=body, files=parts, timeout=UPLOAD_S)

    def run_with(self, code: str, *files: tuple[str, bytes], **fields: str) -> Outcome:
        """Submit a cell with files beside it and wait for its end."""
        answer = self.upload(code, *files, **fields)
        assert answer.status_code == 201, answer.text
        return self.finish(answer.json()["id"])

    def fetch(self, file: dict, **headers: str) -> requests.Response:
        """Return a file that was announced or listed."""
        url = file["url"] if file["url"].startswith("http") else self.url + file["url"]
        return self.http.get(url, headers=headers, timeout=UPLOAD_S)

    def introspect(
        self, kind: str, session: str, code: str, cursor: int | None = None, **fields: object
    ) -> requests.Response:
        """Ask what could stand at the cursor (``complete``) or what stands there (``inspect``)."""
        body = {"code": code, "cursor_pos": len(code) if cursor is None else cursor, **fields}
        return self.http.post(f"{self.url}/sessions/{session}/{kind}", json=body, timeout=DEADLINE_S)

    def publish(self, check: str, language: str = "python") -> str:
        """Publish a check and return its id."""
        body = {"source": check, "language": language}
        answer = self.http.post(f"{self.url}/checks", json=body, timeout=DEADLINE_S)
        assert answer.status_code == 201, answer.text
        return answer.json()["id"]

    def ask_for_verdict(self, computation: str, check: str) -> requests.Response:
        """Ask for the verdict of a published check on a computation."""
        return self.http.post(
            f"{self.url}/computations/{computation}/verdict", json={"check": check}, timeout=DEADLINE_S
        )

    def judge(self, answer: str, check: str, language: str = "python") -> dict:
        """Run an answer and return the verdict of a published check on it; its session is ended."""
        outcome = self.run(answer, language=language, keep=True)
        try:
            found = self.ask_for_verdict(outcome.description["id"], check)
            assert found.status_code == 200, found.text
            return found.json()
        finally:
            self.http.delete(f"{self.url}/sessions/{outcome.description['session']}", timeout=DEADLINE_S)

    def limit(self, name: str) -> int:
        """Return a limit that the server tells."""
        return self.http.get(f"{self.url}/limits", timeout=DEADLINE_S).json()["limits"][name]["value"]

    def get(self, computation: str) -> dict:
        """Return the description of a computation."""
        answer = self.http.get(f"{self.url}/computations/{computation}", timeout=DEADLINE_S)
        answer.raise_for_status()
        return answer.json()

    def messages(self, computation: str, after: int = -1, wait_s: float = 10) -> dict:
        """Return one page of messages."""
        answer = self.http.get(
            f"{self.url}/computations/{computation}/messages",
            params={"after": after, "wait": wait_s},
            timeout=DEADLINE_S,
        )
        answer.raise_for_status()
        return answer.json()

    def until(
        self, computation: str, condition: Callable[[list[dict]], bool], deadline_s: float = DEADLINE_S
    ) -> list[dict]:
        """Return the messages so far once ``condition`` holds of them."""
        messages: list[dict] = []
        end = time.monotonic() + deadline_s
        while not condition(messages):
            if time.monotonic() > end:
                raise AssertionError(f"not within {deadline_s} s; so far: {messages}; {self.get(computation)}")
            page = self.messages(computation, messages[-1]["sequence"] if messages else -1)
            messages += page["messages"]
            if page["finished"] and not condition(messages):
                raise AssertionError(f"ended before: {messages}; {self.get(computation)}")
        return messages

    def until_printed(self, computation: str) -> list[dict]:
        """Return the messages so far once the code has printed something."""
        return self.until(computation, lambda messages: bool(of_type(messages, "stream")))

    def until_asked(self, computation: str, times: int = 1) -> list[dict]:
        """Return the messages so far once the code has asked for input so many times."""
        return self.until(computation, lambda messages: len(of_type(messages, "input_request")) >= times)

    def answer(self, computation: str, value: object) -> requests.Response:
        """Send the answer to the code's question."""
        url = f"{self.url}/computations/{computation}/input"
        return self.http.post(url, json={"value": value}, timeout=DEADLINE_S)

    def interrupt(self, computation: str) -> requests.Response:
        """Ask for an interrupt of the code."""
        return self.http.post(f"{self.url}/computations/{computation}/interrupt", timeout=DEADLINE_S)

    def cancel(self, computation: str) -> requests.Response:
        """Ask for the end of a computation."""
        return self.http.delete(f"{self.url}/computations/{computation}", timeout=DEADLINE_S)

    def end_session(self, session: str) -> requests.Response:
        """Ask for the end of a session."""
        return self.http.delete(f"{self.url}/sessions/{session}", timeout=DEADLINE_S)

    def finish(self, computation: str, deadline_s: float = DEADLINE_S) -> Outcome:
        """Wait for the end of a computation."""
        messages: list[dict] = []
        after, end = -1, time.monotonic() + deadline_s
        while True:
            page = self.messages(computation, after)
            messages += page["messages"]
            after = page["next"]
            if page["finished"]:
                return Outcome(self.get(computation), messages)
            if time.monotonic() > end:
                raise AssertionError(f"not over within {deadline_s} s: {self.get(computation)}; {messages[-3:]}")

    def run(self, code: str, **fields) -> Outcome:
        """Submit a cell and wait for its end."""
        return self.finish(self.submit(code, **fields)["id"])
