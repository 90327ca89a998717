"""What reads standard input asks the reader for its lines, as ``input()`` does."""

from __future__ import annotations

import pytest

from tests.client import of_type


def answered(client, code: str, *answers: str) -> tuple[object, list[str]]:
    """Run code, answer what it asks; return the outcome and the prompts."""
    computation = client.submit(code)["id"]
    for number, answer in enumerate(answers, 1):
        client.until_asked(computation, number)
        assert client.answer(computation, answer).status_code == 202
    outcome = client.finish(computation)
    return outcome, [message["content"]["prompt"] for message in of_type(outcome.messages, "input_request")]


def test_a_line_of_standard_input_is_asked_for_as_input_asks(client):
    code = (
        "import sys\nprint(repr(sys.stdin.readline()), repr(sys.stdin.readline()), repr(sys.stdin.buffer.readline()))"
    )
    outcome, prompts = answered(client, code, "3 4", "", "ü")
    assert outcome.text() == "'3 4\\n' '\\n' b'\\xc3\\xbc\\n'\n"
    assert prompts == ["", "", ""]


@pytest.mark.parametrize(
    ("reading", "value"),
    [
        ("[line for line in sys.stdin]", "['a\\n', 'b\\n']"),
        ("sys.stdin.read()", "'a\\nb\\n'"),
        ("sys.stdin.readlines()", "['a\\n', 'b\\n']"),
        ("sys.stdin.buffer.read()", "b'a\\nb\\n'"),
        ("list(__import__('fileinput').input())[:0] or 'read'", "'read'"),
    ],
)
def test_lines_of_standard_input_are_asked_for_until_an_empty_answer(client, reading, value):
    answers = ("a", "b", "") if "fileinput" not in reading else ("a", "\x04")
    outcome, prompts = answered(client, f"import sys\nprint(repr({reading}))", *answers)
    assert outcome.text() == f"{value}\n"
    assert "fileinput" in reading or set(prompts) == {"A line (none: the end): "}


def test_an_answer_of_several_lines_is_as_many_lines(client):
    code = "import sys\nn = int(sys.stdin.readline())\nprint(n, sys.stdin.readline().split(), sys.stdin.read(1))"
    outcome, _ = answered(client, code, "2\n3 4\nx")
    assert outcome.text() == "2 ['3', '4'] x\n"


def test_standard_input_can_be_closed_and_interrupted_like_a_question(client):
    computation = client.submit(
        "import sys\nsys.stdin.close()\ntry:\n    sys.stdin.readline()\nexcept KeyboardInterrupt:\n    print('stopped')"
    )["id"]
    client.until_asked(computation)
    assert client.interrupt(computation).status_code == 202
    assert client.finish(computation).text() == "stopped\n"


def test_without_stdin_standard_input_refuses_as_input_does(client):
    outcome = client.run("import sys\nsys.stdin.readline()", stdin=False)
    assert outcome.error["ename"] == "StdinNotImplementedError"


def test_reading_nothing_of_standard_input_asks_nobody(client):
    outcome = client.run("import sys\nprint([sys.stdin.readline(0), sys.stdin.read(0), sys.stdin.buffer.read(0)])")
    assert outcome.text() == "['', '', b'']\n" and outcome.of_type("input_request") == []
