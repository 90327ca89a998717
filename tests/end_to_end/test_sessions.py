"""A kept session keeps its variables, takes its turns one after another, and never hides its end by a fresh kernel."""

from __future__ import annotations

import uuid

import pytest
import requests

from harness.processes import wait_for

COUNT = "import time\nfor i in range(5):\n    print('{0}', i, flush=True)\n    time.sleep(0.02)"


def end_session(client, session: str) -> requests.Response:
    return client.end_session(session)


def session_of(client, session: str) -> dict:
    return client.http.get(f"{client.url}/sessions/{session}", timeout=30).json()


def until_session(client, session: str, state: str) -> dict:
    """Return the session's description once it is in this state."""
    return wait_for(lambda: found if (found := session_of(client, session))["state"] == state else None)


@pytest.fixture
def session(client):
    """A kept session in which ``x`` is 1; ended after the test."""
    outcome = client.run("x = 1", keep=True)
    yield outcome.description["session"]
    end_session(client, outcome.description["session"])


def test_a_kept_session_keeps_variables_imports_and_the_work_directory(client, session):
    first = client.run("import math\ny = x + 1\nopen('note.txt', 'w').write('here')", session=session, keep=True)
    second = client.run("print(x, y, math.floor(2.5), open('note.txt').read())", session=session, keep=True)
    assert (first.state, second.text()) == ("done", "1 2 2 here\n")


def test_the_execution_count_rises_and_old_results_can_be_named(client, session):
    first = client.run("20 + 2", session=session, keep=True)
    second = client.run("_ * 2, Out[2], In[2]", session=session, keep=True)
    counts = [o.of_type("execute_reply")[0]["execution_count"] for o in (first, second)]
    assert counts == [2, 3]
    assert second.result == "(44, 22, '20 + 2')"


def test_each_computation_of_a_session_has_its_own_messages_from_zero(client, session):
    one, two = (client.run(f"print({n})", session=session, keep=True) for n in (1, 2))
    assert (one.text(), two.text()) == ("1\n", "2\n")
    assert one.messages[0]["sequence"] == two.messages[0]["sequence"] == 0
    ids = {message["header"]["msg_id"] for outcome in (one, two) for message in outcome.messages}
    assert len(ids) == len(one.messages) + len(two.messages)


def test_an_exception_leaves_the_session_alive(client, session):
    assert client.run("1 / 0", session=session, keep=True).error["ename"] == "ZeroDivisionError"
    assert client.run("x", session=session, keep=True).result == "1"


def test_cells_submitted_at_once_run_in_order_and_do_not_interleave(client, session):
    code = "order = globals().setdefault('order', [])\norder.append(('{0}', 'in'))\n" + COUNT
    code += "\norder.append(('{0}', 'out'))"
    names = ["a", "b", "c", "d"]
    ids = [client.submit(code.format(name), session=session, keep=True)["id"] for name in names]
    outcomes = [client.finish(computation) for computation in ids]
    for name, outcome in zip(names, outcomes, strict=True):
        assert outcome.text() == "".join(f"{name} {i}\n" for i in range(5))
    expected = str([(name, edge) for name in names for edge in ("in", "out")])
    assert client.run("print(order)", session=session, keep=True).text() == expected + "\n"


def test_a_session_without_keep_is_over_with_its_computation(client):
    session = client.run("x = 1").description["session"]
    assert until_session(client, session, "gone")["state"] == "gone"
    answer = client.http.post(f"{client.url}/computations", json={"code": "x", "session": session}, timeout=30)
    assert answer.status_code == 410
    assert answer.headers["Content-Type"].startswith("application/problem+json")


def test_the_last_cell_of_a_session_without_keep_ends_it(client, session):
    assert client.run("x", session=session, keep=False).result == "1"
    until_session(client, session, "gone")
    assert client.http.post(f"{client.url}/computations", json={"code": "x", "session": session}).status_code == 410


def test_a_session_says_what_it_does(client, session):
    assert until_session(client, session, "idle")["language"] == "python"
    computation = client.submit("input()", session=session, keep=True)["id"]
    client.until_asked(computation)
    described = session_of(client, session)
    assert described["state"] == "busy"
    assert described["computations"][-1] == computation and len(described["computations"]) == 2
    client.answer(computation, "")
    client.finish(computation)
    assert "expires" in until_session(client, session, "idle")


def test_delete_ends_a_session_and_what_runs_and_waits_in_it(client, session):
    running = client.submit("print('in', flush=True)\nwhile True: pass", session=session, keep=True)["id"]
    waiting = client.submit("print('never')", session=session, keep=True)["id"]
    client.until_printed(running)
    assert end_session(client, session).status_code == 202
    ran, waited = client.finish(running), client.finish(waiting)
    assert (ran.state, ran.reason, ran.text()) == ("cancelled", "cancelled", "in\n")
    assert (waited.state, waited.reason, waited.text()) == ("failed", "session_gone", "")
    assert until_session(client, session, "gone")["reason"] == "cancelled"


def test_a_session_that_was_ended_is_gone_for_ever(client, session):
    end_session(client, session)
    until_session(client, session, "gone")
    answer = client.http.post(f"{client.url}/computations", json={"code": "x", "session": session}, timeout=30)
    assert answer.status_code == 410
    assert "session" in answer.json()["detail"]
    assert end_session(client, session).status_code in (202, 409, 410)


@pytest.mark.parametrize(
    ("code", "reason"),
    [("import os\nos._exit(0)", "kernel_died"), ("b = []\nwhile True: b.append(bytearray(50_000_000))", "memory")],
)
def test_a_kernel_that_dies_takes_its_session_along_and_waiting_cells_learn_it(client, session, code, reason):
    dying = client.submit(f"input()\n{code}", session=session, keep=True)["id"]
    waiting = client.submit("print('a fresh kernel?', 'x' in globals())", session=session, keep=True)["id"]
    client.until_asked(dying)
    client.answer(dying, "")
    assert client.finish(dying).reason == reason
    outcome = client.finish(waiting)
    # It never runs on a fresh kernel.
    assert (outcome.state, outcome.reason, outcome.text()) == ("failed", "session_gone", "")
    assert until_session(client, session, "gone")["reason"]


def test_an_unknown_session_is_404(client):
    for answer in (
        client.http.post(f"{client.url}/computations", json={"code": "1", "session": str(uuid.uuid4())}, timeout=30),
        client.http.get(f"{client.url}/sessions/{uuid.uuid4()}", timeout=30),
        end_session(client, str(uuid.uuid4())),
    ):
        assert answer.status_code == 404
        assert answer.headers["Content-Type"].startswith("application/problem+json")


def test_a_cell_of_another_language_does_not_enter_a_session(client, session):
    answer = client.http.post(
        f"{client.url}/computations", json={"code": "1", "session": session, "language": "nonesuch"}, timeout=30
    )
    assert answer.status_code in (400, 409, 422)
    assert client.run("x", session=session, keep=True).result == "1"


def test_sessions_do_not_see_each_other(client, session):
    other = client.run("x = 'other'", keep=True).description["session"]
    assert client.run("x", session=session, keep=True).result == "1"
    assert client.run("x", session=other).result == "'other'"


def test_output_between_two_computations_opens_the_next(client, session):
    code = """
import threading, time
def later():
    while not go.is_set(): time.sleep(0.01)
    print('between', flush=True)
    said.set()
go, said = threading.Event(), threading.Event()
thread = threading.Thread(target=later)
thread.start()
# The cell is over long before the thread speaks: it is waited for 0.5 s.
threading.Timer(2.0, go.set).start()
"""
    assert client.run(code, session=session, keep=True).text() == ""
    outcome = client.run("print('next', said.wait(10))", session=session, keep=True)
    assert outcome.text() == "between\nnext True\n"


def test_a_thread_that_never_stops_talking_disturbs_no_turn_and_no_neighbour(client, session):
    neighbour = client.run("x = 'untouched'", keep=True).description["session"]
    chatty = """
import threading, time
def chat():
    while not stop.is_set():
        print('.', end='', flush=True)
        time.sleep(0.0005)
stop = threading.Event()
threading.Thread(target=chat).start()
"""
    client.run(chatty, session=session, keep=True)
    for turn in range(10):
        assert client.run(f"turn = {turn}", session=session, keep=True).state == "done"
    assert client.run("stop.set()\nturn", session=session, keep=True).result == "9"
    assert client.run("x", session=neighbour).result == "'untouched'"
