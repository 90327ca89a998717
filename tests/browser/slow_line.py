"""Put a slow line between the browser and all servers, so that tests and pages that press early are found out.

``SLOW_LINE=300:1500 python -m pytest tests/browser`` has every file of the front end, and what it asks for once
(limits, languages), come 300 to 1500 ms late, each time anew: nothing of it is kept by the browser.
"""

from __future__ import annotations

import asyncio
import random
import re
import threading
from contextlib import suppress
from urllib.parse import urlsplit

LATE = re.compile(r"/(?:static/.*|embedded_\w+\.js|limits|languages)")
HEAD_BYTES_MAX = 1 << 17


class SlowLine:
    """A proxy of HTTP that answers late, between so many milliseconds: ``"300:1500"``."""

    def __init__(self, range_ms: str) -> None:
        self._least_ms, self._most_ms = map(int, range_ms.split(":"))
        self._loop = asyncio.new_event_loop()
        started = asyncio.start_server(self._serve, "127.0.0.1", 0, limit=HEAD_BYTES_MAX)
        self._server = self._loop.run_until_complete(started)
        [listens] = self._server.sockets
        port = listens.getsockname()[1]
        self.options = [f"--proxy-server=http://127.0.0.1:{port}", "--proxy-bypass-list=<-loopback>"]
        threading.Thread(target=self._loop.run_forever, daemon=True).start()

    def close(self) -> None:
        """End it."""
        self._loop.call_soon_threadsafe(self._loop.stop)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with suppress(OSError, asyncio.IncompleteReadError):
            head = await reader.readuntil(b"\r\n\r\n")
            method, address, version = head.split(b"\r\n", 1)[0].decode().split(" ")
            url = urlsplit(f"//{address}" if method == "CONNECT" else address)
            there = await asyncio.open_connection(url.hostname, url.port or 80, limit=HEAD_BYTES_MAX)
            if method == "CONNECT":
                writer.write(b"HTTP/1.1 200 OK\r\n\r\n")
                await self._join(reader, writer, *there)
                return
            path = url._replace(scheme="", netloc="").geturl() or "/"
            there[1].write(f"{method} {path} {version}\r\n".encode() + _without_keeping(head))
            is_late = method == "GET" and LATE.fullmatch(url.path) is not None
            await asyncio.gather(_pour(reader, there[1]), self._answer(there[0], writer, is_late))
        writer.close()

    async def _answer(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, is_late: bool) -> None:
        head = await reader.readuntil(b"\r\n\r\n")
        if is_late:
            await asyncio.sleep(random.uniform(self._least_ms, self._most_ms) / 1000)
            head = re.sub(rb"(?i)\r\n(?:cache-control|etag|last-modified):[^\r]*", b"", head)
            head = head[:-2] + b"Cache-Control: no-store\r\n\r\n"
        line, rest = head.split(b"\r\n", 1)
        writer.write(line + b"\r\n" + _without_keeping(b"\r\n" + rest))
        await _pour(reader, writer)
        writer.close()

    async def _join(self, *ends: asyncio.StreamReader | asyncio.StreamWriter) -> None:
        here_in, here_out, there_in, there_out = ends
        await asyncio.gather(_pour(here_in, there_out), _pour(there_in, here_out))


def _without_keeping(head: bytes) -> bytes:
    """Return the headers of a head without its first line; the connection is for this alone."""
    rest = head.split(b"\r\n", 1)[1]
    rest = re.sub(rb"(?im)^(?:proxy-connection|connection|keep-alive):[^\r]*\r\n", b"", rest)
    return b"Connection: close\r\n" + rest


async def _pour(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    with suppress(OSError):
        while piece := await reader.read(1 << 16):
            writer.write(piece)
            await writer.drain()
    with suppress(OSError, RuntimeError):
        writer.write_eof()
