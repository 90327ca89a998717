"""What is said of a cell that does not parse or that raises points at the student's own text."""

from __future__ import annotations

import re

import pytest

from tests.client import Outcome

# name: (code, the line that is at fault, the column in it that is pointed at)
UNPARSABLE = {
    "an operator too many": ("a = 2^3\nb = 2^3 * / 4", "b = 2^3 * / 4", 10),
    "a bracket that is not closed": ("a = 1/2\nf = (2^3 + 1", "f = (2^3 + 1", 4),
    "a bracket that was not opened": ("f = 2^3 + 1)", "f = 2^3 + 1)", 11),
    "no colon": ("for i in [1..3]\n    print(i)", "for i in [1..3]", 15),
    "a number before a name": ("x = 10^2 + 2y", "x = 10^2 + 2y", None),
    "a string that is not closed": ("s = 2^3, 'abc", "s = 2^3, 'abc", 9),
    "a name that is not ASCII before": ("αβγ = 2^3 +* 4", "αβγ = 2^3 +* 4", 11),
    "a line indented to no level": ("def f():\n    return 2^3\n  x = 2^4", "x = 2^4", 0),
    "a tab before": ("if 2^3 > 1:\n\tx = 2^3 +* 4", "x = 2^3 +* 4", None),
}
# name: (code, its error, the student's line)
RAISING = {
    "a division": ("a = 2^3\nb = a / (2^2 - 4)", "ZeroDivisionError", "b = a / (2^2 - 4)"),
    "inside a function": ("def f(n):\n    return 2^n / 0\n\nf(3)", "ZeroDivisionError", "return 2^n / 0"),
    "after a ring": ("R.<x> = QQ[]\nf = x^2 + 1\nf.nonsense()", "AttributeError", "f.nonsense()"),
    "after a function": ("f(x) = x^2\nf(1, 2, 3)[1/2]", "TypeError", "f(1, 2, 3)[1/2]"),
    "an unknown name": ("2^3 + unknown_name^2", "NameError", "2^3 + unknown_name^2"),
    "in a loop": ("for i in [2, 1..0]:\n    print(6^2 / i)", "ZeroDivisionError", "print(6^2 / i)"),
}
NOT_THE_STUDENTS = re.compile(r"Integer\(|RealNumber\(|_sage_const_|__tmp__|ellipsis_|\*\*|_first_ngens")


def traceback_of(outcome: Outcome) -> str:
    """Return the one error's traceback as plain text."""
    assert outcome.state == "done"
    return re.sub(r"\x1b\[[0-9;]*m", "", "\n".join(outcome.error["traceback"]))


@pytest.mark.parametrize("name", UNPARSABLE)
def test_code_that_does_not_parse_is_shown_as_written_with_the_place(client, name):
    code, line, column = UNPARSABLE[name]
    outcome = client.run(code)
    assert outcome.error["ename"] in ("SyntaxError", "IndentationError")
    rows = traceback_of(outcome).splitlines()
    (shown,) = [number for number, row in enumerate(rows) if row.strip() == line]
    number = code.splitlines().index(next(row for row in code.splitlines() if row.strip() == line)) + 1
    assert f"line {number}" in traceback_of(outcome)
    if column is not None:
        assert rows[shown + 1].index("^") - rows[shown].index(line) == column
    assert not NOT_THE_STUDENTS.search(traceback_of(outcome))
    assert len(rows) == 4 and "IPython" not in traceback_of(outcome)


@pytest.mark.parametrize("name", RAISING)
def test_a_traceback_names_the_students_line_as_it_was_written(client, name):
    code, error, line = RAISING[name]
    outcome = client.run(code)
    assert outcome.error["ename"] == error
    text = traceback_of(outcome)
    assert line in text
    number = next(n for n, row in enumerate(code.splitlines(), 1) if line in row)
    assert re.search(rf"-+> {number} .*{re.escape(line)}", text), text
    assert not NOT_THE_STUDENTS.search(text)


def test_an_error_in_a_later_cell_names_that_cells_line(client):
    session = client.run("def f(n):\n    return 1 / (n - 2^2)", keep=True).description["session"]
    text = traceback_of(client.run("x = 2^1\nf(x^2)", session=session))
    assert "f(x^2)" in text and "return 1 / (n - 2^2)" in text
    assert not NOT_THE_STUDENTS.search(text)


def test_a_magic_that_there_is_not_is_an_error_that_names_it(client):
    outcome = client.run("%nonesuch 2^3")
    assert outcome.state == "done" and "nonesuch" in str(outcome.messages)


def test_an_empty_cell_and_one_of_comments_show_nothing(client):
    for code in ("", "\n\n", "# 2^3", "2^3;"):
        outcome = client.run(code)
        assert (outcome.state, outcome.of_type("execute_result", "error")) == ("done", []), code
