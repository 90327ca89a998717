"""A reply carries the values of expressions that are evaluated after the code."""

from __future__ import annotations

import pytest


def values_of(outcome) -> dict:
    """Return the values that the one reply carries."""
    (reply,) = outcome.of_type("execute_reply")
    return reply["user_expressions"]


def test_a_reply_carries_the_values_of_expressions_and_errors_where_there_is_none(client):
    asked = {"sum": "a + b", "frame": "t", "missing": "c", "a.b $x": "1", "": "print('said') or 2", "wrong": "1 +"}
    code = "import pandas\na, b = 1, 2\nt = pandas.DataFrame({'x': [1]})"
    outcome = client.run(code, user_expressions=asked)
    values = values_of(outcome)
    assert list(values) == list(asked)
    assert values["sum"] == {"status": "ok", "data": {"text/plain": "3"}, "metadata": {}}
    assert "<table" in values["frame"]["data"]["text/html"]
    assert {name: values[name]["ename"] for name in ("missing", "wrong")} == {
        "missing": "NameError",
        "wrong": "SyntaxError",
    }
    assert values["a.b $x"]["data"] == {"text/plain": "1"} and values[""]["data"] == {"text/plain": "2"}
    assert outcome.text() == "said\n" and outcome.state == "done"


def test_code_that_fails_has_no_values(client):
    assert values_of(client.run("1 / 0", user_expressions={"a": "1"})) == {}


def test_an_interrupt_ends_expressions_too(client):
    asked = {"long": "print('here', flush=True) or __import__('time').sleep(1000)", "next": "1"}
    running = client.submit("1", user_expressions=asked)["id"]
    client.until_printed(running)
    client.interrupt(running)
    outcome = client.finish(running)
    values = values_of(outcome)
    assert (outcome.state, values["long"]["ename"]) == ("done", "KeyboardInterrupt") and "next" not in values


def test_a_value_that_does_not_fit_is_an_error_and_the_others_are_there(client):
    asked = {"large": "'é' * 4_000_000", "small": "1"}
    values = values_of(client.run("None", user_expressions=asked))
    assert values["large"]["ename"] == "OutputLimit" and values["small"]["data"] == {"text/plain": "1"}


def test_help_comes_as_a_page_in_the_reply(client):
    (reply,) = client.run("len?").of_type("execute_reply")
    (page,) = reply["payload"]
    assert page["source"] == "page" and "number of items" in page["data"]["text/plain"]


@pytest.mark.parametrize("character", ["é", "\\x00"])
def test_a_payload_that_does_not_fit_is_left_out_and_the_cell_is_done(client, character):
    outcome = client.run(f"get_ipython().set_next_input('{character}' * 5_000_000)")
    (reply,) = outcome.of_type("execute_reply")
    assert (outcome.state, reply["payload"]) == ("done", [])
