"""Introspection works with a session's variables and with a fresh namespace, and not while the session computes."""

from __future__ import annotations

import re
from concurrent.futures import ThreadPoolExecutor

import pytest

from harness.processes import wait_for
from tests.checking_client import CheckingClient


@pytest.fixture
def session(client):
    """A kept session with a few names of its own."""
    code = 'class Zebra:\n    "Striped."\n    def gallop(self, speed): "Run fast."\nzebra_one = Zebra()'
    id = client.run(code, keep=True).description["session"]
    yield id
    client.end_session(id)


def test_names_of_the_session_are_completed(client, session):
    reply = client.complete(session, "zeb")
    assert "zebra_one" in reply["matches"]
    assert (reply["cursor_start"], reply["cursor_end"]) == (0, 3)


def test_attributes_of_living_objects_are_completed(client, session):
    reply = client.complete(session, "x = zebra_one.ga")
    assert any(match.endswith("gallop") for match in reply["matches"])


def test_the_cursor_may_stand_in_the_middle(client, session):
    reply = client.complete(session, "zeb + 1", cursor=3)
    assert "zebra_one" in reply["matches"] and reply["cursor_end"] == 3


def test_the_cursor_counts_characters_and_not_bytes(client, session):
    code = "'Σ🐍' + zeb"
    reply = client.complete(session, code)
    assert "zebra_one" in reply["matches"]
    assert code[reply["cursor_start"] : reply["cursor_end"]] == "zeb"


def test_an_object_of_the_session_is_inspected(client, session):
    reply = client.inspect(session, "zebra_one.gallop")
    assert reply["found"] and "Run fast." in reply["data"]["text/plain"]
    more = client.inspect(session, "zebra_one.gallop", detail_level=1)["data"]["text/plain"]
    assert "def gallop(self, speed)" in re.sub(r"\x1b\[[0-9;]*m", "", more)


def test_what_is_not_there_is_not_found(client, session):
    assert client.inspect(session, "no_such_name_here") == {"status": "ok", "found": False, "data": {}, "metadata": {}}
    assert client.complete(session, "no_such_name_here")["matches"] == []


def test_a_fresh_namespace_knows_the_language_and_no_session(client, session):
    assert "print" in client.complete("-", "prin", language="python")["matches"]
    assert client.complete("-", "zebra_o", language="python")["matches"] == []
    assert client.inspect("-", "len", language="python")["found"]
    assert "numpy" in client.complete("-", "import nump", language="python")["matches"]


def test_asking_changes_nothing_in_the_session(client, session):
    client.complete(session, "zeb")
    client.inspect(session, "zebra_one")
    outcome = client.run("Out, In[2]", session=session, keep=True)
    assert outcome.of_type("execute_reply")[0]["execution_count"] == 2
    assert outcome.text() == ""


def test_while_the_session_computes_the_answer_is_409_and_comes_at_once(client, session):
    computation = client.submit("input()", session=session, keep=True)["id"]
    client.until_asked(computation)
    for kind in ("complete", "inspect"):
        answer = client.introspect(kind, session, "zeb")
        assert answer.status_code == 409
        assert answer.headers["Content-Type"].startswith("application/problem+json")
        assert "comput" in answer.json()["detail"]
    assert "print" in client.complete("-", "prin", language="python")["matches"]
    client.answer(computation, "")
    client.finish(computation)
    assert "zebra_one" in client.complete(session, "zeb")["matches"]


def test_a_dead_session_is_410_and_an_unknown_one_404(client, session):
    client.run("import os; os._exit(1)", session=session, keep=True)
    wait_for(lambda: client.introspect("complete", session, "zeb").status_code == 410)
    unknown = client.introspect("complete", "00000000-0000-4000-8000-000000000000", "zeb")
    assert unknown.status_code == 404


@pytest.mark.parametrize("code", ["", "\n", "'" * 100, "(" * 500, "for", "%tim", "!l", "Σ.", "x.\ud7ff"])
def test_odd_code_is_answered(client, session, code):
    client.complete(session, code)
    client.inspect(session, code)


# What a session knows, and a question about it that takes for ever.
ENDLESS = {
    "slow": ("import time\nclass Slow:\n    def __dir__(self): time.sleep(1000)\nslow = Slow()", "slow."),
    "deaf": (
        "import signal, time\nclass Deaf:\n    def __dir__(self):\n"
        "        signal.signal(signal.SIGINT, signal.SIG_IGN)\n        while True: time.sleep(1000)\ndeaf = Deaf()",
        "deaf.",
    ),
    "too much": ("zebra_one = 1", "a" * 60000),
}


@pytest.fixture(scope="module")
def given_up(server) -> dict[str, tuple[str, int]]:
    """Endless questions, asked beside each other, for each has to be waited out: {name: (session, status)}."""

    def ask_one(name: str) -> tuple[str, int]:
        client = CheckingClient(server.url)
        code, question = ENDLESS[name]
        session = client.run(code, keep=True).description["session"]
        return session, client.introspect("complete", session, question).status_code

    with ThreadPoolExecutor(len(ENDLESS)) as clients:
        return dict(zip(ENDLESS, clients.map(ask_one, ENDLESS), strict=True))


def test_a_question_that_hangs_is_given_up_and_the_next_is_answered(client, given_up):
    session, status = given_up["slow"]
    assert status in (200, 503)
    assert "slow" in client.complete(session, "slo")["matches"]
    assert client.run("time.__name__", session=session).result == "'time'"


def test_a_worker_that_cannot_be_freed_from_a_question_is_given_up_with_its_session(client, given_up):
    session, status = given_up["deaf"]
    assert status in (410, 503)
    wait_for(lambda: client.http.get(f"{client.url}/sessions/{session}", timeout=30).json()["state"] == "gone")
    assert "print" in client.complete("-", "prin", language="python")["matches"]


def test_code_that_is_too_much_to_complete_does_not_cost_the_session(client, given_up):
    session, status = given_up["too much"]
    assert status in (200, 503)
    assert "zebra_one" in client.complete(session, "zeb")["matches"]
