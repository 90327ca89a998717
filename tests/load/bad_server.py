"""Treat one student well and the next ones badly, to see that the load test tells them apart.

``python -m tests.load.bad_server`` prints its address and, at SIGTERM, how often it did what of ``TREATMENTS``.
"""

from __future__ import annotations

import itertools
import json
import re
import signal
import sys
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

# Delayed is right in the end, after a poll that is refused; cut is to have no answer at all.
TREATMENTS = ("right", "wrong", "lost", "refused", "delayed", "cut")
NUMBER = re.compile(rb"[0-9]{4}")
turns, ids = itertools.cycle(TREATMENTS), itertools.count()
counts = dict.fromkeys(TREATMENTS, 0)
results: dict[str, tuple[str, int]] = {}
one_at_a_time = threading.Lock()


class BadServer(BaseHTTPRequestHandler):
    """As much of the HTTP contract as a student with a simple cell needs."""

    def do_POST(self) -> None:
        """Take a cell, refuse it, or hang up."""
        number = NUMBER.search(self.rfile.read(int(self.headers["Content-Length"])))
        assert number
        with one_at_a_time:
            treatment = next(turns)
            counts[treatment] += 1
        if treatment == "refused":
            self._answer(503, {"detail": "Too many computations are waiting."})
        elif treatment != "cut":
            id = f"00000000-0000-4000-8000-{next(ids):012}"
            results[id] = treatment, int(number.group())
            self._answer(201, {"id": id, "session": id, "state": "queued"})

    def do_GET(self) -> None:
        """Be ready; show the result of a cell, another one's, or none ever."""
        if self.path == "/readyz":
            self._answer(200, {"ready": True})
            return
        id = self.path.split("/")[2]
        treatment, number = results[id]
        if treatment == "delayed":
            results[id] = "right", number
            self._answer(503, {"detail": "The database does not answer."})
            return
        text = f"answer {(number + (treatment == 'wrong')) ** 2}\n"
        self._answer(200, {"messages": [{"text": text}], "next": 1, "finished": treatment != "lost"})

    def _answer(self, status: int, body: dict[str, object]) -> None:
        data = json.dumps(body).encode()
        self.send_response(status)
        self.send_header("Content-Length", str(len(data)))
        self.send_header("Connection", "close")
        self.end_headers()
        self.wfile.write(data)

    def log_message(self, format: str, *values: object) -> None:
        """Say nothing."""


def stop(*_: object) -> None:
    """Say what was done, and end."""
    print(json.dumps(counts), flush=True)
    sys.exit(0)


if __name__ == "__main__":
    signal.signal(signal.SIGTERM, stop)
    server = ThreadingHTTPServer(("127.0.0.1", 0), BadServer)
    print(f"http://127.0.0.1:{server.server_port}", flush=True)
    server.serve_forever()
