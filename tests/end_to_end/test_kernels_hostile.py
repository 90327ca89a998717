"""Clients of kernels that mean harm: floods of frames, and memory filled with what waits."""

from __future__ import annotations

import json
import socket as sockets

import pytest
import requests

from harness.kernel_sockets import KernelSocket, kinds, message
from harness.processes import wait_for

FLOODS = {
    "pings": (b"\x89\x80mask", b""),
    "pongs that nobody asked for": (b"\x8a\x84\0\0\0\0\0\0\0\1", b""),
    "empty parts of a message": (b"\x00\x80mask", b"\x01\x80mask"),
}
OPENS = (
    "GET /api/kernels/{kernel}/channels HTTP/1.1\r\nHost: localhost\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n"
    "Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nX-Forwarded-For: {client}\r\n\r\n"
)


@pytest.mark.parametrize("kind", FLOODS)
def test_each_frame_of_a_flood_counts_as_a_request_of_its_client(server, kernel, kind):
    frame, before = FLOODS[kind]
    client = f"203.0.113.{100 + list(FLOODS).index(kind)}"
    with sockets.create_connection(("127.0.0.1", server.port), timeout=30) as flood:
        flood.sendall(OPENS.format(kernel=kernel, client=client).encode())
        assert flood.recv(4096).startswith(b"HTTP/1.1 101 ")
        flood.sendall(before + frame * 4000)

        def status(who: str) -> int:
            return requests.get(f"{server.url}/limits", headers={"X-Forwarded-For": who}, timeout=30).status_code

        wait_for(lambda: status(client) == 429)
        assert status("203.0.113.99") == 200


def test_what_waits_for_code_that_runs_is_read_up_to_a_bound(kernels, kernel):
    with kernels.open(kernel, None) as socket:
        first = socket.execute("input('go on? ')", stop_on_error=True, allow_stdin=True)
        socket.until(lambda found: found["header"]["msg_type"] == "input_request")
        for _ in range(2):
            long = message("execute_request", {"code": "1", "stop_on_error": True})
            socket.send_raw(json.dumps({**long, "metadata": {"long": "x" * (600 << 10)}}))
        asked = socket.send("kernel_info_request", {})
        with kernels.open(kernel, None) as other:
            other.finish(other.send("kernel_info_request", {}))
        kernels.ask("POST", f"/kernels/{kernel}/interrupt", 204)
        said = socket.finish(asked)
    replies = [found for found in said if found["channel"] == "shell"]
    assert kinds(replies) == ["execute_reply"] * 3 + ["kernel_info_reply"]
    assert replies[0]["parent_header"]["msg_id"] == first
    assert [found["content"]["status"] for found in replies[1:3]] == ["aborted", "aborted"]


@pytest.mark.parametrize(("count", "code"), [(19, None), (20, None), (21, 1007)])
def test_a_frame_of_sockjs_has_a_bounded_number_of_messages(server, kernel, count, code):
    with KernelSocket(f"{server.url}/sockjs/1/abcdefgh/websocket", None, "x") as socket:
        assert socket.receive_raw() == "o"
        texts = [f"{kernel}/channels,{json.dumps(message('kernel_info_request', {}))}" for _ in range(count)]
        socket.send_raw(json.dumps([text.replace(', "buffers": []', "") for text in texts]))
        replies = 0
        while replies < count and (frame := socket.receive_raw()) is not None:
            replies += "kernel_info_reply" in frame
        assert (replies, socket.code) == ((count, None) if code is None else (0, code))
