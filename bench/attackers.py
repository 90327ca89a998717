"""Attack one server: each kind of attack is a process of its own with some threads, which goes on until told to end.

They do what strangers can do over HTTP, bounded in number; what they got is counted by its status or its end.
"""

from __future__ import annotations

import base64
import multiprocessing
import os
import socket
import threading
import time
import uuid
from collections import Counter
from collections.abc import Callable
from functools import cache
from multiprocessing.synchronize import Event
from urllib.parse import urlsplit

import requests

ANSWER_S = 90.0
PAUSE_S = 0.2  # after a refusal: an attacker does not wait for Retry-After
STREAMS, SLOW_BODIES, HOLDERS, HELD = 200, 50, 60, 300
MIB = 1 << 20

SLOW_TO_CHECK = (
    "for i in range(7): display({'text/plain': 'x', 'application/json': [9e307] * 295000}, raw=True)",
    "for i in range(4000): print(i, flush=True)",
    "for i in range(300): open(f'f{i}', 'w').write('x')",
)
FILES = "import os\nfor n in range(2): open(str(n), 'wb').write(os.urandom(30_000_000))"
OUTPUT = "for n in range(15): print('x' * 1_000_000, flush=True)"
BOMB = b'{"code": "1", "x": ' + b"[" * 4_000_000 + b"]" * 4_000_000 + b"}"


class Attacker:
    """One thread of an attack: its address as the server sees it, what it got, that it has begun, and when to end."""

    def __init__(self, url: str, number: int, got: Counter[str], begun: Event, ended: Event) -> None:
        self.url, self.number, self.got, self.begun, self.ended = url, number, got, begun, ended
        self.http = requests.Session()
        self.http.headers["X-Forwarded-For"] = f"198.51.100.{number % 250 + 1}"

    def post(self, path: str, **fields: object) -> requests.Response | None:
        """Do so with the method POST."""
        return self.ask("POST", path, **fields)

    def ask(self, method: str, path: str, **fields: object) -> requests.Response | None:
        """Send a request and count it and its status; None when nothing came."""
        self.got["asked"] += 1
        self.begun.set()
        try:
            answer = self.http.request(method, f"{self.url}{path}", timeout=ANSWER_S, **fields)  # type: ignore[arg-type]
        except requests.RequestException as error:
            self.got[type(error).__name__] += 1
            self.ended.wait(PAUSE_S)
            return None
        self.got[str(answer.status_code)] += 1
        if answer.status_code >= 400:
            self.ended.wait(PAUSE_S)
        return answer

    def run(self, code: str, wait_s: int = 30) -> None:
        """Run a cell and count how it ended."""
        answer = self.post(f"/computations?wait={wait_s}", json={"code": code})
        if answer is not None and answer.status_code == 201:
            self.got[answer.json()["state"]] += 1


def slow_outputs(attacker: Attacker) -> None:
    """Output that is slow to check."""
    attacker.run(SLOW_TO_CHECK[attacker.number % len(SLOW_TO_CHECK)])


def huge_bodies(attacker: Attacker) -> None:
    """Bodies that are long and slow to read."""
    headers = {"Content-Type": "application/json"}
    attacker.post("/computations", data=BOMB, headers=headers)


def held_connections(attacker: Attacker) -> None:
    """Event streams that are held, and bodies and heads that never come to their end."""
    made = attacker.post("/computations", json={"code": "input()"})
    if made is None or made.status_code != 201:
        return
    there = urlsplit(attacker.url)
    id = made.json()["id"]
    stream = f"GET /computations/{id}/events HTTP/1.1\r\nHost: {there.netloc}\r\n\r\n"
    body = f"POST /computations HTTP/1.1\r\nHost: {there.netloc}\r\nContent-Type: application/json\r\n"
    held: list[socket.socket] = []
    for text in [stream] * STREAMS + [f"{body}Content-Length: 1000\r\n\r\n{{"] * SLOW_BODIES + [body] * SLOW_BODIES:
        try:
            held.append(socket.create_connection((there.hostname or "", there.port or 80), 5))
            held[-1].sendall(text.encode())
            attacker.got["held"] += 1
        except OSError as error:
            attacker.got[type(error).__name__] += 1
    attacker.ended.wait(20)
    for connection in held:
        connection.close()


def uploads(attacker: Attacker) -> None:
    """Uploads as large as they may be, whose code does nothing."""
    body, content_type = _upload()
    attacker.post("/computations", data=body, headers={"Content-Type": content_type})


@cache
def _upload() -> tuple[bytes, str]:
    """Return one upload and its type; made once, for an attacker has processors of its own."""
    request = requests.Request("POST", "http://x", data={"code": "1"}, files={"file": os.urandom(31_000_000)}).prepare()
    assert isinstance(request.body, bytes)
    return request.body, request.headers["Content-Type"]


def files(attacker: Attacker) -> None:
    """Cells whose files are as large as they may be."""
    attacker.run(FILES)


def outputs(attacker: Attacker) -> None:
    """Cells whose output is as long as it may be."""
    attacker.run(OUTPUT)


def permalinks(attacker: Attacker) -> None:
    """Permalinks of the longest code."""
    attacker.post("/permalinks", json={"code": os.urandom(32_000).hex()})


def input_holders(attacker: Attacker) -> None:
    """Cells that ask and wait, answered so that they ask again."""
    made = attacker.post("/computations", json={"code": "while True: input()"})
    while made is not None and made.status_code == 201 and not attacker.ended.wait(10):
        made_id = made.json()["id"]
        answered = attacker.post(f"/computations/{made_id}/input", json={"value": "x"})
        if answered is not None and answered.status_code in (404, 409):
            return


def endless_loops(attacker: Attacker) -> None:
    """Cells that compute until they are ended, each submission behind the other."""
    attacker.post("/computations", json={"code": "while True: pass"})


def kept_sessions(attacker: Attacker) -> None:
    """Sessions that are kept and never used again."""
    attacker.post("/computations?wait=10", json={"code": "x = 1", "keep": True})


def held_polls(attacker: Attacker) -> None:
    """Long polls of a cell that says nothing, more than there are places."""
    _hold(attacker, "messages?wait=30&after=2")


def event_streams(attacker: Attacker) -> None:
    """Event streams of a cell that says nothing, more than there are places."""
    _hold(attacker, "events")


def _hold(attacker: Attacker, what: str) -> None:
    made = attacker.post("/computations?wait=5", json={"code": "input()"})
    if made is None or made.status_code != 201:
        return
    there = urlsplit(attacker.url)
    path = f"/computations/{made.json()['id']}/{what}"
    forwarded = f"X-Forwarded-For: {attacker.http.headers['X-Forwarded-For']}"
    held: list[socket.socket] = []
    for _ in range(HELD):
        try:
            held.append(socket.create_connection((there.hostname or "", there.port or 80), 5))
            held[-1].sendall(f"GET {path} HTTP/1.1\r\nHost: {there.netloc}\r\n{forwarded}\r\n\r\n".encode())
            attacker.got["held"] += 1
        except OSError as error:
            attacker.got[type(error).__name__] += 1
    attacker.ended.wait(10)
    for connection in held:
        connection.close()


def questions(attacker: Attacker) -> None:
    """Completions that take their time."""
    attacker.post("/sessions/-/complete", json={"code": "import os; os.pa", "cursor_pos": 16, "language": "python"})


def kernels(attacker: Attacker) -> None:
    """Kernels of Jupyter's that run nothing."""
    attacker.post("/api/kernels")


def job_files(attacker: Attacker) -> None:
    """Files for jobs, each under another id, as large as they may be."""
    content = {"file_contents": base64.b64encode(os.urandom(15 << 20)).decode()}
    attacker.ask("PUT", f"/jobe/index.php/restapi/files/{uuid.uuid4().hex}", json=content)


def many_requests(attacker: Attacker) -> None:
    """Requests as fast as they come."""
    attacker.post("/permalinks", json={"code": "1"})


# name: the attack and how many do it at once
ATTACKS: dict[str, dict[str, tuple[Callable[[Attacker], None], int]]] = {
    "outputs": {"slow outputs": (slow_outputs, 3)},
    "web": {"huge bodies": (huge_bodies, 3), "held connections": (held_connections, 2)},
    "disk": {
        "uploads": (uploads, 10), "files": (files, 6), "long outputs": (outputs, 3), "permalinks": (permalinks, 2),
    },
    "doors": {"kernels": (kernels, 4), "job files": (job_files, 4)},
    "input": {"input holders": (input_holders, HOLDERS)},
    "shares": {
        "endless loops": (endless_loops, 8), "kept sessions": (kept_sessions, 4), "held polls": (held_polls, 2),
        "event streams": (event_streams, 2), "questions": (questions, 8), "requests": (many_requests, 4),
    },
}


class Attack:
    """All attackers of one kind, in a process of their own: they take no time from who measures."""

    def __init__(
        self, name: str, url: str, first: int, attackers_max: int | None = None, *, one_address: bool = False
    ) -> None:
        self.name = name
        action, threads = next(attacks[name] for attacks in ATTACKS.values() if name in attacks)
        threads = min(threads, attackers_max or threads)
        self._begun, self._ended = multiprocessing.Event(), multiprocessing.Event()
        self._reader, writer = multiprocessing.Pipe(duplex=False)
        self._process = multiprocessing.Process(
            target=_attack, args=(action, threads, url, first, one_address, self._begun, self._ended, writer),
            daemon=True,
        )
        self._process.start()

    def has_begun(self) -> bool:
        """Return whether it asks for something within a while: what it sends is made first."""
        return self._begun.wait(ANSWER_S)

    def end(self) -> None:
        """Tell it to end."""
        self._ended.set()

    def stop(self) -> dict[str, int]:
        """Wait until it has ended; return what the attackers got."""
        self.end()
        got: dict[str, int] = self._reader.recv() if self._reader.poll(ANSWER_S) else {"no word of it": 1}
        self._process.kill()
        self._process.join()
        return got


def _attack(
    action: Callable[[Attacker], None], threads: int, url: str, first: int, one_address: bool, begun: Event,
    ended: Event, writer,
) -> None:  # fmt: skip
    os.setsid()  # so that it is weighed apart from those who measure (``bench/machine.py``)
    got: Counter[str] = Counter()

    def go_on(attacker: Attacker) -> None:
        while not ended.is_set():
            action(attacker)

    for number in range(threads):
        attacker = Attacker(url, first + (0 if one_address else number), got, begun, ended)
        threading.Thread(target=go_on, args=(attacker,), daemon=True).start()
    ended.wait()
    time.sleep(1)
    writer.send(dict(got))
