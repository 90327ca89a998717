"""input() and getpass() put an input request among the messages, and its reply goes back to the code."""

from __future__ import annotations

import pytest

from tests.client import of_type


def asked(client, computation: str, times: int = 1) -> list[dict]:
    """Wait until the code has asked so many questions; return them."""
    return of_type(client.until_asked(computation, times), "input_request")


def test_input_asks_with_its_prompt_and_returns_the_answer(client):
    computation = client.submit("name = input('Who? ')\nprint('Hello', name)")["id"]
    (question,) = asked(client, computation)
    assert question["content"] == {"prompt": "Who? ", "password": False}
    assert question["channel"] == "stdin"
    assert client.answer(computation, "Ada Σ 🐍").status_code == 202
    assert client.finish(computation).text() == "Hello Ada Σ 🐍\n"


def test_getpass_asks_for_a_password_and_does_not_show_it(client):
    computation = client.submit("import getpass\nprint(len(getpass.getpass('Key: ')))")["id"]
    (question,) = asked(client, computation)
    assert question["content"] == {"prompt": "Key: ", "password": True}
    client.answer(computation, "secret")
    outcome = client.finish(computation)
    assert outcome.text() == "6\n"
    assert "secret" not in str(outcome.messages)


def test_an_empty_answer_is_an_empty_line(client):
    computation = client.submit("repr(input())")["id"]
    asked(client, computation)
    client.answer(computation, "")
    assert client.finish(computation).result == "\"''\""


def test_answers_go_to_their_questions_one_by_one(client):
    computation = client.submit("print([int(input(f'{i}? ')) for i in range(3)])")["id"]
    for i in range(3):
        question = asked(client, computation, i + 1)[i]
        assert question["content"]["prompt"] == f"{i}? "
        assert client.answer(computation, str(i * 10)).status_code == 202
    assert client.finish(computation).text() == "[0, 10, 20]\n"


def test_a_second_answer_to_one_question_is_refused_and_does_not_answer_the_next(client):
    computation = client.submit("import time\na = input('a')\ntime.sleep(0.3)\nb = input('b')\nprint(a, b)")["id"]
    asked(client, computation)
    assert client.answer(computation, "one").status_code == 202
    refused = client.answer(computation, "two")
    assert refused.status_code == 409
    assert refused.headers["Content-Type"].startswith("application/problem+json")
    assert refused.json()["detail"]
    asked(client, computation, 2)
    client.answer(computation, "three")
    assert client.finish(computation).text() == "one three\n"


def test_an_answer_to_no_question_is_refused(client):
    computation = client.submit("print('on', flush=True)\nimport time\ntime.sleep(0.5)")["id"]
    client.until_printed(computation)
    assert client.answer(computation, "x").status_code == 409
    client.finish(computation)
    assert client.answer(computation, "x").status_code == 409


def test_an_answer_to_a_computation_that_still_waits_is_refused(client):
    first = client.submit("input()", keep=True)
    asked(client, first["id"])
    second = client.submit("input()", session=first["session"], keep=False)
    assert client.answer(second["id"], "early").status_code == 409
    for computation in (first["id"], second["id"]):
        asked(client, computation)
        assert client.answer(computation, computation).status_code == 202
        assert client.finish(computation).result == repr(computation)


@pytest.mark.parametrize("code", ["input('x')", "import getpass\ngetpass.getpass()"])
def test_without_stdin_the_code_gets_stdin_not_implemented_error(client, code):
    outcome = client.run(code, stdin=False)
    assert outcome.error["ename"] == "StdinNotImplementedError"
    assert outcome.of_type("input_request") == []


def test_a_cell_that_waits_for_input_can_be_interrupted(client):
    computation = client.submit("try:\n    input()\nexcept KeyboardInterrupt:\n    print('stopped')")["id"]
    asked(client, computation)
    assert client.interrupt(computation).status_code == 202
    outcome = client.finish(computation)
    assert (outcome.state, outcome.text()) == ("done", "stopped\n")


def test_after_an_interrupted_question_the_next_cell_asks_anew(client):
    first = client.submit("input('old')", keep=True)
    asked(client, first["id"])
    client.interrupt(first["id"])
    assert client.finish(first["id"]).error["ename"] == "KeyboardInterrupt"
    second = client.submit("input('new')", session=first["session"])["id"]
    assert client.answer(first["id"], "stale").status_code == 409
    (question,) = asked(client, second)
    assert question["content"]["prompt"] == "new"
    client.answer(second, "fresh")
    assert client.finish(second).result == "'fresh'"


def test_waiting_for_an_answer_costs_no_time_limit(client):
    computation = client.submit("input()\nprint('done')")["id"]
    asked(client, computation)
    assert client.get(computation)["state"] == "running"
    client.answer(computation, "")
    usage = client.finish(computation).description["usage"]
    assert usage["cpu_s"] < 5
