"""Attacks by what is said (messages, JSON, code, order, ends, reasons) cost their own session at most."""

from __future__ import annotations

import re
from collections.abc import Iterator
from concurrent.futures import Future
from pathlib import Path

import pytest
import requests

from harness.processes import wait_for
from harness.server import ROOT, Server
from tests.adversarial.conftest import ATTACK_S, at_once, beside
from tests.checking_client import CheckingClient
from tests.client import Outcome

TRUSTED = ("web", "store", "device", "host", "contract.py", "wire.py", "jupyter.py", "settings.py", "settings_check.py", "trusted_db.py", "web_server.py")
# name: code that shows something strange; afterwards the session still says 42.
SHOWN = {
    "G1 commands to a terminal": "print('\\x1b]0;title\\x07\\x1b[2J\\x1b]8;;http://a\\x07x' + '\\x1b[1m' * 20_000)",
    "G2 markup in text": "print('<script>alert(1)</script>')",
    "G5 script": "display({'application/javascript': 'alert(1)', 'text/plain': 'x'}, raw=True)",
    "G5 unknown type": "display({'application/x-evil': 'x', 'text/plain': 'x'}, raw=True)",
    "G9 deep": "x = []\nfor _ in range(100_000): x = [x]\ndisplay({'application/json': x}, raw=True)",
    "G9 no number": "display({'application/json': [float('nan'), float('inf'), -float('inf')]}, raw=True)",
    "G9 half a pair": "print('\\ud800'); display({'text/plain': '\\udfff'}, raw=True)",
    "G9 bytes that are no text": "import os; os.write(1, b'\\xff\\xfe\\x80' * 1000)",
    "G9 huge integer": "display({'application/json': 10 ** 4000}, raw=True)",
    "G9 keys that are none": "display({'application/json': {1: 2, None: 3, (1,): 4}}, raw=True)",
    "G9 no dictionary": "display({'text/plain': {'a': object()}}, raw=True)",
    "G10 operators": "display({'application/json': {'$gt': 1, 'a.b': 2, '': 3, '$where': 'x', '__proto__': {}}}, raw=True)",
    "G10 operators in metadata": "display({'text/plain': 'x'}, metadata={'$set': {'a': 1}, 'a.b': 1, 'n\\0': 1}, raw=True)",
    "G10 NUL in a key": "display({'application/json': {'a\\0b': 1}}, raw=True)",
    "G12 display hook": "import sys\nsys.displayhook = lambda value: 1 / 0\nsys.excepthook = None",
    "G12 streams": "import sys\nsys.stdout = sys.stderr = None",
    "G12 builtins": "import builtins, json, os\njson.dumps = None\nbuiltins.len = None",
    "G12 at the end": "import atexit, os\natexit.register(lambda: os.system('yes'))",
    "G12 comm": "from comm import create_comm\ncreate_comm(target_name='x' * 100_000, data={'a': 'b' * 100_000})",
}


def test_nothing_on_the_trusted_side_unpickles_or_evaluates():
    """G7"""
    forbidden = re.compile(
        r"\b(import (pickle|marshal|shelve|dill|cloudpickle|yaml)|recv_pyobj|allow_pickle|yaml\.load|(?<![.\w])eval\()"
    )
    files = [
        file for name in TRUSTED for file in ([ROOT / name] if name.endswith(".py") else (ROOT / name).rglob("*.py"))
    ]
    assert len(files) > 50
    assert not [
        (file.name, line) for file in files for line in Path(file).read_text().splitlines() if forbidden.search(line)
    ]


@pytest.mark.parametrize("name", SHOWN)
def test_a_strange_output_costs_its_own_session_at_worst(client, name):
    first = client.submit("from IPython.display import display\n" + SHOWN[name], keep=True)
    outcome = client.finish(first["id"])
    if outcome.state == "done":
        again = client.run("6 * 7", session=first["session"])
        assert again.state in ("done", "failed")
        if not name.startswith("G12"):
            assert again.result == "42"
    else:
        # A session that breaks the protocol itself ends; G12 alone has the means.
        assert outcome.reason in ("protocol", "kernel_died", "output"), outcome.description
    assert client.run("6 * 7").result == "42"


FORGED = """
import json, os, socket, sys
from wire import Message
from untrusted import channel
from untrusted.channel import Over, Said
import gc
(end,) = [o for o in gc.get_objects() if isinstance(o, channel.WorkerEnd)]
def say(kind, content, **more): end.send(Said([Message(kind, json.dumps(content).encode(), b'{}', **more)]))
"""
FORGERIES = {
    "G6 end before the end": "end.send(Over())\nend.send(Over())",
    "G6 type that no kernel says": "say('execute_request', {'code': '1'})",
    "G6 type that there is not": "say('$where', {'a': 1})",
    "G6 second reply": "say('execute_reply', {'status': 'ok', 'execution_count': 1, 'payload': [], 'user_expressions': {}})",
    "G6 idle": "say('status', {'execution_state': 'idle'})\nprint('after')",
    "G6 files that are none": "say('display_data', {'data': {'application/vnd.singlecell.files+json': [{'name': '../x'}]}, "
    "'metadata': {}, 'transient': {}})",
    "G8 bytes": "import socket\nfor _ in range(100): os.write(end.fileno(), os.urandom(4000))",
    "G8 giant frame": "say('stream', {'name': 'stdout', 'text': 'x' * 30_000_000})",
    "G8 many buffers": "end.send(Said([Message('display_data', b'{}', b'{}', [b''] * 1_000_000)]))",
    "G8 deep": "end.send(Said([Message('stream', b'[' * 1_000_000, b'{}')]))",
    "A23 descriptors by the thousand": "sock = socket.socket(fileno=os.dup(end.fileno()))\n"
    "for _ in range(1000): socket.send_fds(sock, [b'\\x00'], [1] * 100)",
    "A23 descriptors with whole frames": "from untrusted.channel import Ready\nfrom wire import encode\n"
    "sock = socket.socket(fileno=os.dup(end.fileno()))\ndef send(frame, descriptor):\n"
    "    data = encode(frame)\n    socket.send_fds(sock, [len(data).to_bytes(4, 'big') + data], [descriptor])\n"
    "send(Ready(), os.open('/', 0))\nfor _ in range(1000): send(Over(), 1)",
    "G8 no JSON": "end.send(Said([Message('stream', b'\\xff', b'{}')]))",
    "G8 many messages": "for _ in range(100_000): say('stream', {'name': 'stdout', 'text': 'x'})",
}  # fmt: skip


@pytest.fixture(scope="module", autouse=True)
def stalled(client) -> str:
    """A computation that stops in the middle of a frame, begun first, for its time runs while the others attack."""
    return client.submit(FORGED + "import time\nos.write(end.fileno(), b'\\x00\\x00\\xff')\ntime.sleep(1000)")["id"]


@pytest.fixture(scope="module")
def outcomes(request, server: Server, innocent: str) -> Iterator[dict[str, Future[Outcome]]]:
    """What each forgery comes to, beside a neighbour who comes to the right result."""

    def attack(name: str) -> Outcome:
        own = CheckingClient(server.url)
        with beside(own, innocent):
            return own.run(FORGED + FORGERIES[name])

    with at_once(request, attack, FORGERIES) as outcomes:
        yield outcomes


@pytest.mark.parametrize("name", FORGERIES)
def test_forged_messages_end_their_own_session_at_worst(client, outcomes, name):
    outcome = outcomes[name].result(ATTACK_S)
    assert outcome.state in ("done", "failed")
    assert outcome.reason in (None, "protocol", "output", "kernel_died", "time_cpu", "time_wall", "memory"), (
        outcome.description
    )
    assert client.run("6 * 7").result == "42"


FLOODS = {
    "A15 text between two cells": "say('stream', {'name': 'stdout', 'text': 'x' * 10_000})",
    "A16 messages between two cells": "end.send(Said([Message('stream', b'{}', b'{}')] * 1000))",
    "A15 frames that say nothing": "end.send(Said([]))",
}


@pytest.mark.parametrize("name", FLOODS)
def test_a_flood_between_two_computations_ends_its_session(client, name):
    # Later than threads are waited for; on a busy machine the computation may be still on, and is ended as well.
    code = f"{FORGED}\nimport threading\ndef flood():\n    while True: {FLOODS[name]}\nthreading.Timer(1.5, flood).start()"
    outcome = client.run(code, keep=True)
    session = f"{client.url}/sessions/{outcome.description['session']}"
    gone = wait_for(lambda: (said := client.http.get(session, timeout=30).json())["state"] == "gone" and said)
    assert gone["reason"] in ("output", "protocol", "session_gone"), gone


@pytest.mark.parametrize(
    ("code", "status"),
    [
        ("a\0b", 400),
        ("1" * 70_000, 413),
        ("\ufeff6 * 7", 201),
        ("x = 6 * 7\rx", 201),
        ("x = 6 * 7\r\nx", 201),
        ("", 201),
        ("#" * 60_000, 201),
    ],
    ids=["G11 NUL", "G11 too long", "G11 byte order mark", "G11 CR", "G11 CR LF", "G11 empty", "G11 comment"],
)
def test_strange_code_is_run_or_refused(client, code, status):
    answer = client.http.post(f"{client.url}/computations", json={"code": code}, timeout=30)
    assert answer.status_code == status or (status == 413 and answer.status_code == 400), answer.text
    if status == 201:
        assert client.finish(answer.json()["id"]).state == "done"


@pytest.mark.parametrize(
    "body",
    [{"code": {"$gt": ""}}, {"code": "1", "session": {"$ne": None}}, {"$where": "1"}, {"code": "1", "language": {"$gt": ""}},
     {"code": "1", "__proto__": {}}, {"code": "1", "a.b": 1}],
    ids=lambda body: f"G10 {body}",
)  # fmt: skip
def test_operators_of_the_database_are_refused(client, body):
    assert client.http.post(f"{client.url}/computations", json=body, timeout=30).status_code == 400


def test_output_after_the_reply_is_no_other_computations(client):
    """G13"""
    # Threads are waited for, but not so long.
    code = "import threading, time\ndef late():\n    time.sleep(6)\n    print('late')\nthreading.Thread(target=late).start()"
    first = client.run(code)
    assert first.state == "done" and "late" not in first.text()
    assert client.run("import time\ntime.sleep(1.5)").text() == ""


def test_streams_and_displays_keep_their_order(client):
    """G14"""
    code = "import sys\nfor n in range(50):\n    print(n)\n    print(n, file=sys.stderr)\n    display(n)"
    outcome = client.run(code)
    said = "".join(
        c["text"] if "text" in c else c["data"]["text/plain"] + "\n" for c in outcome.of_type("stream", "display_data")
    )
    assert said == "".join(f"{n}\n{n}\n{n}\n" for n in range(50))


@pytest.mark.parametrize(
    "code",
    ["import os\nos._exit(137)", "import os\nos._exit(152)", "import os, signal\nos.kill(os.getpid(), signal.SIGXCPU)",
     "import os, signal\nos.kill(os.getpid(), signal.SIGKILL)", "import os\nos._exit(0)", "import os\nos.execv('/bin/true', ['true'])"],
    ids=lambda code: "G15 " + code.partition("\n")[2],
)  # fmt: skip
def test_a_faked_end_is_called_what_it_is(client, code):
    assert client.run(code).reason == "kernel_died"


def test_a_client_that_goes_away_loses_nothing_and_holds_nothing(client):
    """G16, G17"""
    with pytest.raises(requests.exceptions.ReadTimeout):
        requests.post(f"{client.url}/computations?wait=20", json={"code": "import time\ntime.sleep(3)\n1"}, timeout=(30, 0.5))
    first = client.submit("for n in range(100): print(n)")
    whole = client.finish(first["id"]).messages
    assert client.messages(first["id"], 2)["messages"] == whole[3:]


def test_the_clock_cannot_be_set_and_durations_are_sane(client, attempt):
    """G18"""
    found = attempt({
        "settimeofday": "checked(libc.settimeofday(bytes(16), None))", "clock_settime": "time.clock_settime(0, 1)",
        "adjtimex": "call(159, bytearray(b'\\1' + bytes(300)) and b'\\1' + bytes(300))", "clock_adjtime": "call(305, 0, b'\\1' + bytes(300))",
    })  # fmt: skip
    assert set(found.values()) == {"EPERM"}
    usage = client.run("import time\ntime.sleep(1)").description["usage"]
    assert 1 <= usage["wall_s"] < 20 and 0 <= usage["cpu_s"] <= 3


def test_input_without_anybody_and_too_much_input_never_hang(client):
    """G19"""
    for code in ("input()", "import sys\nsys.stdin.read()"):
        outcome = client.run(code, stdin=False)
        assert outcome.error["ename"] == "StdinNotImplementedError"
    asking = client.submit("len(input())")["id"]
    client.until_asked(asking)
    answer = client.answer(asking, "x" * 10_000_000)
    assert answer.status_code in (400, 413, 202)
    if answer.status_code != 202:
        client.answer(asking, "xy")
    assert client.finish(asking).result in ("2", "10000000")


def test_refused_and_cancelled_requests_leave_the_capacity_as_it_was(client):
    """G21"""
    for _ in range(60):
        assert client.http.post(f"{client.url}/computations", json={"code": 1}, timeout=30).status_code == 400
        client.cancel(client.submit("while True: pass")["id"])
    outcomes = [client.finish(computation) for computation in [client.submit("6 * 7")["id"] for _ in range(8)]]
    assert {outcome.result for outcome in outcomes} == {"42"}


def test_no_cookie_is_set_and_no_credentials_are_allowed(client):
    """G22"""
    answer = client.http.post(
        f"{client.url}/computations",
        json={"code": "1"},
        headers={"Origin": "https://evil.example", "Cookie": "a=b"},
        timeout=30,
    )
    assert "Set-Cookie" not in answer.headers
    assert "Access-Control-Allow-Credentials" not in answer.headers


def test_a_worker_that_stops_in_the_middle_of_a_frame_ends_at_the_wall_limit(client, stalled):
    """G8"""
    assert client.finish(stalled).reason in ("time_wall", "protocol")
