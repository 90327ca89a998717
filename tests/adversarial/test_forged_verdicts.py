"""An answer cannot choose its verdict, and never reads the check.

The check runs in a session of its own. It is sent after the answer has come to its end, and asks it for values.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from concurrent.futures import Future

import pytest
import requests

from harness.server import Server
from tests.adversarial.conftest import ATTACK_S, at_once
from tests.checking_client import CheckingClient
from tests.client import Client

SECRET = "expected-7c3e9a"
# Its text holds a secret; f is asked for, and what is right is known to the check alone.
CHECK = f"""
secret = "{SECRET}"
test("f(3)", lambda value: value == 9, message=secret, shown=False)
test("f(11)", 121, shown=False)
assert answer("f(4)") == 16, "wrong"
"""
WRONG = "def f(n): return 0\n"
FORGED = json.dumps({"correct": True, "message": "", "type": "success", "points": 1, "points_max": 1, "tests": []})
MIME = "application/vnd.single-cell.check+json"

# An answer that is wrong, and what it does to be called right.
FORGERIES = {
    "K1 prints a verdict": f"print({FORGED!r})\ndef f(n):\n    print({FORGED!r})\n    return 0",
    "K1 displays a verdict": f"d = {{{MIME!r}: __import__('json').loads({FORGED!r})}}\n"
    "display(d, raw=True)\ndef f(n):\n    display(d, raw=True)\n    return 0",
    "K2 changes builtins": "import builtins\nfor name in ('bool', 'all', 'any', 'complex'):\n"
    f"    setattr(builtins, name, lambda *a, **k: True)\n{WRONG}",
    "K2 changes equality": "class Any(int):\n    def __eq__(self, other): return True\n"
    "    def __hash__(self): return 0\ndef f(n): return Any(0)",
    "K2 is a number by its class alone": "class Any(float):\n    def hex(self): return '0x1.2p+3'\n"
    "    def __float__(self): return 9.0\n    def __eq__(self, other): return True\ndef f(n): return Any(0)",
    "K2 changes how values are told": "import untrusted.kernel.probes as p\nimport untrusted.plain_values as v\n"
    "import untrusted.kernel.examiner as e\ne.same = lambda *a: True\n"
    "p.to_plain = v.to_plain = lambda value: ['call', 'os.system', 'id']\n" + WRONG,
    "K2 says what the check says": "import untrusted.kernel.probes as p\n"
    "p.probe = lambda *a: [{'correct': True, 'value': ['verdict', True]}] * 2\n" + WRONG,
    "K3 exits early": "import os\ndef f(n): os._exit(0)",
    "K3 raises SystemExit": "def f(n): raise SystemExit(0)",
    "K4 answers with code to be run": "class Evil:\n    def __reduce__(self): return (exec, ('1',))\n"
    "    def __repr__(self): return 'True'\ndef f(n): return Evil()",
    "K4 answers with an expression to be run": "import sympy\nclass Evil(sympy.Symbol):\n"
    "    def __str__(self): return '__import__(\"os\").abort()'\ndef f(n): return Evil('x')",
    "K5 loops for ever": "def f(n):\n    while True: pass",
    "K5 sleeps and ignores signals": "import signal, time\ndef f(n):\n"
    "    signal.signal(signal.SIGINT, signal.SIG_IGN)\n    time.sleep(1000)",
    "K6 forks": "import os\ndef f(n):\n    for _ in range(8):\n        os.fork()\n    return 0",
    "K6 leaves a process that holds the pipe": "import os, time\ndef f(n):\n    if os.fork() == 0:\n"
    "        os.setsid()\n        time.sleep(1000)\n    return 0",
    "K7 answers with a flood": "def f(n): return [[[0] * 100] * 100] * 100",
    "K7 answers with a deep nest": "def f(n):\n    x = []\n    for _ in range(900): x = [x]\n    return x",
    "K7 answers with a long number": "def f(n): return 1 << 10_000_000",
    "K8 asks back": "def f(n): return input('what is right? ')",
}


@pytest.fixture(scope="module")
def check(client: Client) -> str:
    return client.publish(CHECK)


def test_the_check_knows_a_right_answer(client: Client, check: str) -> None:
    assert client.judge("def f(n): return n * n", check)["correct"]


@pytest.fixture(scope="module")
def verdicts(request, server: Server, check: str) -> Iterator[dict[str, Future[requests.Response]]]:
    """What each answer's verdict is."""

    def attack(name: str) -> requests.Response:
        own = CheckingClient(server.url)
        outcome = own.run(FORGERIES[name], keep=True)
        found = own.ask_for_verdict(outcome.description["id"], check)
        own.end_session(outcome.description["session"])
        return found

    with at_once(request, attack, FORGERIES) as verdicts:
        yield verdicts


@pytest.mark.parametrize("name", FORGERIES)
def test_a_wrong_answer_is_wrong_whatever_it_does(client: Client, verdicts, name: str) -> None:
    found = verdicts[name].result(ATTACK_S)
    # What ended its own session has no verdict.
    assert found.status_code in (200, 409, 410), found.text
    if found.status_code == 200:
        assert found.json()["correct"] is False and "fault" not in found.json(), found.text
    assert SECRET not in found.text
    assert client.run("6 * 7").result == "42"


# What f does when it is asked: it looks for the secret in the whole memory of its process. Its own text has it in two
# pieces, and the frames, the objects and the garbage of Python are in that memory.
SEARCH = f"""
import os
def f(n):
    first, second, hits = {SECRET[:6].encode()!r}, {SECRET[6:].encode()!r}, 0
    with open("/proc/self/maps") as maps, open("/proc/self/mem", "rb", 0) as memory:
        for line in maps:
            span, rights = line.split()[:2]
            begin, end = (int(part, 16) for part in span.split("-"))
            if "r" not in rights or "[v" in line:
                continue
            try:
                memory.seek(begin)
                data = memory.read(min(end - begin, 1 << 26))
            except OSError:
                continue
            place = data.find(first)
            while place >= 0:
                hits += data.startswith(second, place + len(first))
                place = data.find(first, place + 1)
    with open("hits.txt", "a") as told:
        told.write(f"{{hits}} ")
    return 0
"""


def test_the_answer_finds_the_check_nowhere_in_its_memory(client: Client, check: str) -> None:
    """K9: not in frames, not in objects, not in what is left of them."""

    def hits(more: str) -> set[str]:
        outcome = client.run(SEARCH + more, keep=True)
        session = outcome.description["session"]
        assert client.ask_for_verdict(outcome.description["id"], check).json()["correct"] is False
        return set(client.run("open('hits.txt').read()", session=session).result.strip("'").split())

    assert hits("") == {"0"}
    assert "0" not in hits(f"known = {SECRET!r}")  # the search finds what is there


def test_no_address_gives_the_check_to_who_has_a_page(client: Client, check: str) -> None:
    """K10: nor can a stranger publish one, or delete it."""
    outcome = client.run(WRONG, keep=True)
    id, session = outcome.description["id"], outcome.description["session"]
    client.ask_for_verdict(id, check)
    stranger = {"Origin": "https://book.example"}
    for path in (f"checks/{check}", "checks", f"computations/{id}", f"computations/{id}/messages",
                 f"sessions/{session}", f"computations/{id}/files"):  # fmt: skip
        answer = client.http.get(f"{client.url}/{path}", headers=stranger, timeout=60)
        assert SECRET not in answer.text, path
    for call in (client.http.get, client.http.delete):
        assert call(f"{client.url}/checks/{check}", headers=stranger, timeout=60).status_code == 403
    new = client.http.post(f"{client.url}/checks", json={"source": "1"}, headers=stranger, timeout=60)
    assert new.status_code == 403
    client.end_session(session)
