"""Speak Jupyter's kernel API as its clients do: over HTTP, and over WebSockets in both of their forms."""

from __future__ import annotations

import asyncio
import json
import struct
import threading
import time
import uuid
from collections.abc import Callable
from functools import cache
from itertools import pairwise
from types import TracebackType
from typing import Any

import requests
from tornado.httpclient import HTTPRequest
from tornado.websocket import WebSocketClientConnection, websocket_connect

V1 = "v1.kernel.websocket.jupyter.org"
DEADLINE_S = 60.0
MESSAGE_BYTES_MAX = 64 << 20


def message(msg_type: str, content: dict[str, Any], channel: str = "shell", buffers: tuple[bytes, ...] = ()) -> dict:
    """Return a message as a client makes it."""
    header = {"msg_id": uuid.uuid4().hex, "msg_type": msg_type, "username": "", "session": "client",
              "date": "2026-11-30T00:00:00Z", "version": "5.4"}  # fmt: skip
    return {"channel": channel, "header": header, "parent_header": {}, "metadata": {}, "content": content,
            "buffers": buffers}  # fmt: skip


def packed(message: dict, protocol: str | None) -> bytes | str:
    """Return a message in the form of a subprotocol, as jupyter_server's page on them has it."""
    buffers = list(message["buffers"])
    if protocol == V1:
        names = ("header", "parent_header", "metadata", "content")
        parts = [message["channel"].encode(), *(json.dumps(message[name]).encode() for name in names), *buffers]
        starts = [8 * (len(parts) + 2)]
        for part in parts:
            starts.append(starts[-1] + len(part))
        return struct.pack(f"<{len(starts) + 1}Q", len(starts), *starts) + b"".join(parts)
    text = json.dumps({**message, "buffers": []})
    if not buffers:
        return text
    parts = [text.encode(), *buffers]
    starts = [4 * (len(parts) + 1)]
    for part in parts[:-1]:
        starts.append(starts[-1] + len(part))
    return struct.pack(f"!{len(starts) + 1}I", len(parts), *starts) + b"".join(parts)


def unpacked(data: bytes | str, protocol: str | None) -> dict:
    """Return the message in what a server sent."""
    if protocol == V1:
        assert isinstance(data, bytes)
        [count] = struct.unpack_from("<Q", data)
        starts = struct.unpack_from(f"<{count}Q", data, 8)
        assert starts[-1] == len(data)
        channel, header, parent, metadata, content, *buffers = [data[a:b] for a, b in pairwise(starts)]
        return {"channel": channel.decode(), "header": json.loads(header), "parent_header": json.loads(parent),
                "metadata": json.loads(metadata), "content": json.loads(content), "buffers": buffers}  # fmt: skip
    if isinstance(data, str):
        return json.loads(data)
    [count] = struct.unpack_from("!I", data)
    begins = [*struct.unpack_from(f"!{count}I", data, 4), len(data)]
    text, *parts = [data[a:b] for a, b in pairwise(begins)]
    return {**json.loads(text), "buffers": parts}


@cache
def _loop() -> asyncio.AbstractEventLoop:
    """Return the loop of all sockets, in a thread of its own: that of the tests may be Playwright's."""
    loop = asyncio.new_event_loop()
    threading.Thread(target=loop.run_forever, name="kernel sockets", daemon=True).start()
    return loop


class KernelSocket:
    """An open socket of a kernel; ``code``: with which the server closed it."""

    def __init__(self, url: str, protocol: str | None, session_id: str, **headers: str) -> None:
        self.protocol, self._is_closed = protocol, False
        self.last: list[bytes | str] = []
        request = HTTPRequest(f"{url.replace('http', 'ws', 1)}?session_id={session_id}", headers=headers)
        self._socket: WebSocketClientConnection = self._wait(self._open(request))
        assert self._socket.selected_subprotocol == protocol

    def __enter__(self) -> KernelSocket:
        return self

    def __exit__(self, kind: type | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self.close()

    def close(self) -> None:
        """Close it, and wait until the server has done the same; ``last`` is what came meanwhile."""
        self._wait(self._close())
        while (found := self.receive_raw()) is not None:
            self.last.append(found)

    @property
    def code(self) -> int | None:
        return self._socket.close_code

    def send_at_once(self) -> None:
        """Send small packets at once, as browsers do, and not when the one before is acknowledged (Nagle)."""
        protocol = self._socket.protocol
        assert protocol is not None and protocol.stream is not None
        protocol.stream.set_nodelay(True)

    def send_raw(self, data: bytes | str) -> None:
        """Send what need not be a message."""
        self._wait(self._write(data))

    def send(self, msg_type: str, content: dict[str, Any], channel: str = "shell", *buffers: bytes) -> str:
        """Send a message; return its id."""
        made = message(msg_type, content, channel, buffers)
        self.send_raw(packed(made, self.protocol))
        return made["header"]["msg_id"]

    def execute(self, code: str, **content: Any) -> str:
        """Ask for code to be run; return the message's id."""
        return self.send("execute_request", {"code": code, "stop_on_error": False, **content})

    def receive_raw(self) -> bytes | str | None:
        """Return what came next as it came, None when the server has closed the socket."""
        if not self._is_closed:
            found = self._wait(self._read())
            self._is_closed = found is None
            return found
        return None

    def receive(self) -> dict | None:
        """Return the next message, None when the server has closed the socket."""
        data = self.receive_raw()
        return None if data is None else unpacked(data, self.protocol)

    def until(self, condition: Callable[[dict], bool]) -> list[dict]:
        """Return the messages up to the first for which ``condition`` holds."""
        found: list[dict] = []
        end = time.monotonic() + DEADLINE_S
        while not found or not condition(found[-1]):
            next_one = self.receive()
            assert next_one is not None, f"closed with {self.code}: {found[-3:]}"
            assert time.monotonic() < end, found[-3:]
            found.append(next_one)
        return found

    def until_closed(self) -> list[dict]:
        """Return what has come, and comes until the socket is closed."""
        found: list[dict] = []
        while (next_one := self.receive()) is not None:
            found.append(next_one)
        return found

    def finish(self, msg_id: str) -> list[dict]:
        """Return the messages up to the end of what this message asked for."""

        def is_end(message: dict) -> bool:
            return message["parent_header"].get("msg_id") == msg_id and (
                message["content"].get("execution_state") == "idle"
            )

        return self.until(is_end)

    def run(self, code: str, **content: Any) -> list[dict]:
        """Run code; return its messages."""
        msg_id = self.execute(code, **content)
        return [found for found in self.finish(msg_id) if found["parent_header"].get("msg_id") == msg_id]

    def _wait(self, what: Any) -> Any:
        return asyncio.run_coroutine_threadsafe(what, _loop()).result(DEADLINE_S)

    async def _open(self, request: HTTPRequest) -> WebSocketClientConnection:
        offered = [self.protocol] if self.protocol else None
        return await websocket_connect(request, subprotocols=offered, max_message_size=MESSAGE_BYTES_MAX)

    async def _close(self) -> None:
        self._socket.close()

    async def _read(self) -> bytes | str | None:
        return await self._socket.read_message()

    async def _write(self, data: bytes | str) -> None:
        await self._socket.write_message(data, binary=isinstance(data, bytes))


class KernelClient:
    """A client of the kernel API of one server."""

    def __init__(self, url: str, **headers: str) -> None:
        self.url, self.headers = f"{url.rstrip('/')}/api", headers

    def ask(self, method: str, path: str, status: int, **fields: Any) -> Any:
        """Make a request, which has to be answered with this status; return the answer's JSON."""
        headers = {**self.headers, **fields.pop("headers", {})}
        answer = requests.request(method, self.url + path, headers=headers, timeout=DEADLINE_S, **fields)
        assert answer.status_code == status, answer.text
        return answer.json() if answer.content else None

    def start(self, name: str = "python3") -> str:
        """Start a kernel and return its id."""
        return self.ask("POST", "/kernels", 201, json={"name": name})["id"]

    def open(self, kernel: str, protocol: str | None = V1, session_id: str = "", **headers: str) -> KernelSocket:
        """Open a socket of a kernel."""
        url = f"{self.url}/kernels/{kernel}/channels"
        return KernelSocket(url, protocol, session_id or uuid.uuid4().hex, **{**self.headers, **headers})


def kinds(messages: list[dict]) -> list[str]:
    """Return the types of messages, in order."""
    return [message["header"]["msg_type"] for message in messages]


def without_repeats(messages: list[dict]) -> list[dict]:
    """Return the messages, each the first time that it came."""
    return list({found["header"]["msg_id"]: found for found in messages}.values())


def printed(messages: list[dict]) -> str:
    """Return what was printed."""
    return "".join(found["content"]["text"] for found in messages if found["header"]["msg_type"] == "stream")


def reply(messages: list[dict], msg_type: str = "execute_reply") -> dict:
    """Return the content of the one reply."""
    [found] = [found["content"] for found in messages if found["header"]["msg_type"] == msg_type]
    return found
