"""While it waits for the first cell, ``make run`` says why; a test plays the web part."""

from __future__ import annotations

import io
import json
import re
import threading
from contextlib import closing
from http.server import BaseHTTPRequestHandler

import host.readiness
from harness.processes import wait_for
from host.console import Console
from host.readiness import STEPS, Readiness
from tests.http_server import HttpServer


class Web(BaseHTTPRequestHandler):
    """A web part that is not ready until it is told to be."""

    ready = False
    languages = ({"name": "python", "available": True, "expected": False},)
    requests = 0
    ran: tuple[str, ...] = ()  # the languages of the cells

    def do_GET(self) -> None:  # the name that http.server asks for
        Web.requests += 1
        if self.path == "/languages":
            self.answer(200, {"languages": Web.languages})
        else:
            self.answer(200 if Web.ready else 503, {"ready": Web.ready, "reasons": [] if Web.ready else ["No worker."]})

    def do_POST(self) -> None:  # the name that http.server asks for
        Web.ran += (json.loads(self.rfile.read(int(self.headers["Content-Length"])))["language"],)
        self.answer(201, {"state": "done"})

    def answer(self, status: int, body: dict) -> None:
        self.send_response(status)
        self.end_headers()
        self.wfile.write(json.dumps(body).encode())

    def log_message(self, *arguments: object) -> None:
        pass


def test_each_step_is_a_line_and_what_takes_long_is_said_once_with_its_reason(monkeypatch):
    monkeypatch.setattr(host.readiness, "SAY_AFTER_S", 0.1)
    monkeypatch.setattr(Web, "ready", False)
    said, requests = io.StringIO(), Web.requests
    with closing(HttpServer(Web)) as web:
        waiting = threading.Thread(target=lambda: Readiness("127.0.0.1", web.port).wait(Console(said)))
        waiting.start()
        wait_for(lambda: "not ready yet" in said.getvalue())
        wait_for(lambda: Web.requests > requests + 20)
        monkeypatch.setattr(Web, "ready", True)
        waiting.join(30)
    assert not waiting.is_alive()
    steps = [re.sub(r" +\d+\.\d s$", "", line) for line in said.getvalue().splitlines()]
    reason = "singlecell: not ready yet: No worker."
    lines = [f"singlecell: {step}" for step in STEPS]
    assert steps == [*lines[:2], reason, *lines[2:]]


def test_ready_is_said_of_the_first_installed_language_not_of_a_quicker_one(monkeypatch):
    monkeypatch.setattr(Web, "ready", True)
    monkeypatch.setattr(Web, "ran", ())
    requests = Web.requests
    absent, slow, quick = (
        {"name": name, "available": name == "quick", "expected": name == "slow"} for name in ("absent", "slow", "quick")
    )
    monkeypatch.setattr(Web, "languages", (absent, slow, quick))
    with closing(HttpServer(Web)) as web:
        waiting = threading.Thread(target=lambda: Readiness("127.0.0.1", web.port).wait(Console(io.StringIO())))
        waiting.start()
        wait_for(lambda: Web.requests > requests + 20)
        assert Web.ran == ()
        monkeypatch.setattr(Web, "languages", (absent, {**slow, "available": True}, quick))
        waiting.join(30)
    assert Web.ran == ("slow",)
