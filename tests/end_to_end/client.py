"""A client of the HTTP contract as small as a test wants it."""

from __future__ import annotations

import time
from dataclasses import dataclass, field

import requests

DEADLINE_S = 60.0


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
    def error(self) -> dict:
        """Return the content of the one error."""
        (content,) = self.of_type("error")
        return content


class Client:
    """Submits cells to one server."""

    def __init__(self, url: str) -> None:
        self.url = url.rstrip("/")
        self.http = requests.Session()

    def submit(self, code: str, **fields) -> dict:
        """Submit a cell; return the 201's body."""
        answer = self.http.post(f"{self.url}/computations", json={"code": code, **fields}, timeout=DEADLINE_S)
        if answer.status_code != 201:
            raise AssertionError(f"{answer.status_code}: {answer.text}")
        return answer.json()

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

    def until(self, computation: str, condition, deadline_s: float = DEADLINE_S) -> list[dict]:
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
