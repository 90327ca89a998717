"""While it waits for the first cell, ``make run`` says why; a test plays the web part."""

from __future__ import annotations

import json
import threading
from contextlib import closing
from http.server import BaseHTTPRequestHandler

import host.readiness
from harness.processes import wait_for
from host.readiness import Readiness
from tests.http_server import HttpServer


class Web(BaseHTTPRequestHandler):
    """A web part that is not ready until it is told to be."""

    ready = False

    def do_GET(self) -> None:  # the name that http.server asks for
        if self.path == "/languages":
            self.answer(200, {"languages": [{"name": "python", "available": True}]})
        else:
            self.answer(200 if Web.ready else 503, {"ready": Web.ready, "reasons": [] if Web.ready else ["No worker."]})

    def do_POST(self) -> None:  # the name that http.server asks for
        self.rfile.read(int(self.headers["Content-Length"]))
        self.answer(201, {"state": "done"})

    def answer(self, status: int, body: dict) -> None:
        self.send_response(status)
        self.end_headers()
        self.wfile.write(json.dumps(body).encode())

    def log_message(self, *arguments: object) -> None:
        pass


def test_what_takes_long_is_said_again_and_again_with_the_servers_own_reason(monkeypatch):
    monkeypatch.setattr(host.readiness, "SAY_AGAIN_S", 0.1)
    monkeypatch.setattr(Web, "ready", False)
    said: list[str] = []
    with closing(HttpServer(Web)) as web:
        waiting = threading.Thread(target=lambda: Readiness("127.0.0.1", web.port).wait(said.append))
        waiting.start()
        wait_for(lambda: len(said) >= 2)
        monkeypatch.setattr(Web, "ready", True)
        waiting.join(30)
    assert not waiting.is_alive()
    assert set(said) == {"not ready yet: No worker."}
