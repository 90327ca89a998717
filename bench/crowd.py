"""Many visitors in one process, without threads: each runs one cell as a page does, and checks what it says.

They ask as ``frontend/src/run.js`` does: what waits is asked for every few seconds, the further back the less often,
and so is its place; what runs is waited for; a long poll that the server could not hold is followed by a pause.
"""

from __future__ import annotations

import asyncio
import time
import uuid
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlsplit

import msgspec

ANSWER_S = 40.0  # longer than the longest poll
END_S = 240.0  # what was acknowledged has to end within
SUBMIT_WAIT_S, WAIT_S = 0.15, 25.0
QUEUE_WAIT_S, QUEUE_WAIT_S_MAX, PLACES_A_SECOND = 2.0, 15.0, 40
CUT_PAUSE_S, REFUSED_PAUSE_S = 2.0, 2.0
AWAY_S, AWAY_PAUSE_S = 60.0, 0.5  # a connection that is refused or breaks is tried again for so long, as a page does


class Asking(asyncio.Protocol):
    """One request on a connection of its own, and the answer's bytes when it is whole."""

    def __init__(self, request: bytes) -> None:
        self._request, self._found, self._transport = request, bytearray(), None
        loop = asyncio.get_running_loop()
        self.answer: asyncio.Future[bytes] = loop.create_future()
        self._timer = loop.call_later(ANSWER_S, self._end, TimeoutError(f"no answer within {ANSWER_S} s"))

    def connection_made(self, transport: Any) -> None:
        """Send the request."""
        self._transport = transport
        transport.write(self._request)

    def data_received(self, data: bytes) -> None:
        """Take a part of the answer."""
        self._found += data

    def connection_lost(self, exc: Exception | None) -> None:
        """The answer is whole, or none comes."""
        self._end(exc)

    def _end(self, error: Exception | None) -> None:
        self._timer.cancel()
        if not self.answer.done():
            self.answer.set_exception(error) if error else self.answer.set_result(bytes(self._found))
        if self._transport is not None:
            self._transport.abort()


@dataclass
class Crowd:
    """What visitors saw.

    ``rights``: when each right result came, in seconds of the monotonic clock, and after how long. ``ends``: what
    became of what was acknowledged; ``refused``: by status and reason; ``requests``: how many they sent.
    """

    url: str
    rights: list[tuple[float, float]] = field(default_factory=list)
    ends: Counter[str] = field(default_factory=Counter)
    refused: Counter[str] = field(default_factory=Counter)
    acknowledged: int = 0
    requests: int = 0
    faults: Counter[str] = field(default_factory=Counter)
    refusal_times_s: list[float] = field(default_factory=list)
    _number: int = 0

    def __post_init__(self) -> None:
        there = urlsplit(self.url)
        self._host, self._port = there.hostname or "", there.port or 80

    @property
    def bad(self) -> int:
        """How many that were acknowledged did not come to their right result."""
        return sum(self.ends.values()) - self.ends["right"]

    @property
    def under_way(self) -> int:
        """How many that were acknowledged have not ended yet."""
        return self.acknowledged - sum(self.ends.values())

    def goodput(self, since: float, until: float) -> float:
        """Return the right results a second between two times."""
        return sum(since <= at < until for at, _ in self.rights) / (until - since)

    async def closed(self, visitors: int, seconds: float) -> float:
        """Let so many visitors come, each when another one has its result; return the right results a second."""
        began = time.monotonic()
        until = began + seconds

        async def go_on() -> None:
            while time.monotonic() < until:
                await self.visit()

        await asyncio.gather(*(go_on() for _ in range(visitors)))
        return self.goodput(began + seconds / 5, until)

    async def opened(self, rate: float, seconds: float) -> None:
        """Let visitors come at this rate whatever becomes of those before; return when the last one has come."""
        began, visitors = time.monotonic(), set[asyncio.Task[None]]()
        for number in range(round(rate * seconds)):
            pause_s = began + number / rate - time.monotonic()
            if pause_s > 0:
                await asyncio.sleep(pause_s)
            elif number % 50 == 0:
                await asyncio.sleep(0)
            task = asyncio.create_task(self.visit())
            visitors.add(task)
            task.add_done_callback(visitors.discard)
        self._visitors = visitors

    async def left(self) -> None:
        """Return when all that was acknowledged has ended."""
        if self._visitors:
            await asyncio.wait(self._visitors, timeout=END_S)

    _visitors: Iterable[asyncio.Task[None]] = ()

    async def visit(self) -> None:
        """Run one cell from an address of its own."""
        self._number += 1
        number, began = self._number, time.monotonic()
        address = f"10.{number >> 16 & 255}.{number >> 8 & 255}.{number & 255}"
        once = str(uuid.uuid4())
        body = msgspec.json.encode({"code": f"print({number} * 7)"})
        path = f"/computations?wait={SUBMIT_WAIT_S}&page=p{number}&idempotency_key={once}"
        status, answer = await self._patiently("POST", path, address, body, first="&first=1")
        if status != 201:
            self.refused[f"{status} {answer.get('reason', '')}".strip()] += 1
            self.refusal_times_s.append(time.monotonic() - began)
            return
        self.acknowledged += 1
        try:
            end = await self._follow(address, answer, began + END_S)
        except (OSError, ValueError) as error:
            end = f"no end: {type(error).__name__} {error}"
        if end == f"done {number * 7}\n":
            now = time.monotonic()
            self.rights.append((now, now - began))
            end = "right"
        self.ends[end[:100]] += 1

    async def _follow(self, address: str, page: dict[str, Any], until: float) -> str:
        """Return the state in which a computation ended and what it printed."""
        id, messages = page["id"], list(page["messages"])
        while not page["finished"]:
            if time.monotonic() > until:
                return f"{page['state']} for too long"
            wait_s = _queue_wait_s(page) if page["state"] == "queued" else WAIT_S
            after, asked = messages[-1]["sequence"] if messages else -1, time.monotonic()
            page = await self._existing(f"/computations/{id}/messages?after={after}&wait={wait_s:g}", address)
            messages += page["messages"]
            if not page["messages"] and not page["finished"] and time.monotonic() - asked < wait_s / 2:
                await asyncio.sleep(_queue_wait_s(page) if page["state"] == "queued" else CUT_PAUSE_S)
        printed = [one["content"]["text"] for one in messages if one["header"]["msg_type"] == "stream"]
        return f"{page['state']} {''.join(printed)}"

    async def _existing(self, path: str, address: str) -> dict[str, Any]:
        while True:
            status, answer = await self._patiently("GET", path, address)
            if status == 200:
                return answer
            if status not in (429, 503):
                raise ValueError(f"{path} was answered {status}")
            self.faults[f"{status} for a poll"] += 1
            await asyncio.sleep(REFUSED_PAUSE_S)

    async def _patiently(
        self, method: str, path: str, address: str, body: bytes = b"", first: str = ""
    ) -> tuple[int, dict[str, Any]]:
        until = time.monotonic() + AWAY_S
        while True:
            try:
                return await self.ask(method, path + first, address, body)
            except (OSError, ValueError) as error:
                first = ""
                self.faults[type(error).__name__] += 1
                if time.monotonic() > until:
                    raise
                await asyncio.sleep(AWAY_PAUSE_S)

    async def ask(self, method: str, path: str, address: str, body: bytes = b"") -> tuple[int, dict[str, Any]]:
        """Send one request on a connection of its own; return status and body. Raises OSError, ValueError."""
        self.requests += 1
        head = (
            f"{method} {path} HTTP/1.1\r\nHost: {self._host}:{self._port}\r\nX-Forwarded-For: {address}\r\n"
            f"Content-Type: text/plain\r\nContent-Length: {len(body)}\r\nConnection: close\r\n\r\n"
        )
        loop = asyncio.get_running_loop()
        _, asking = await loop.create_connection(lambda: Asking(head.encode() + body), self._host, self._port)
        answer = await asking.answer
        top, _, content = answer.partition(b"\r\n\r\n")
        if not content:
            raise ValueError("no answer")
        found: dict[str, Any] = msgspec.json.decode(content)
        return int(top.split(b" ", 2)[1]), found


def _queue_wait_s(page: dict[str, Any]) -> float:
    return min(QUEUE_WAIT_S_MAX, max(QUEUE_WAIT_S, page.get("queue_position", 0) / PLACES_A_SECOND))
