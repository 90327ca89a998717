"""A published check judges an answer: by values of the state that the answer left, in a session of its own."""

from __future__ import annotations

import re
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from tests.checking_client import CheckingClient
from tests.client import DEADLINE_S
from tests.example_exercises import read_exercises

NO_ID = "00000000-0000-4000-8000-000000000000"
SQUARES = 'test("square(3)", 9)\ntest("square(-2)", 4, points=2)\ntest("square(0.5)", 0.25, shown=False)\n'


def test_a_right_answer_passes_every_test_and_earns_all_points(client: CheckingClient) -> None:
    verdict = client.judge("def square(x): return x * x", client.publish(SQUARES))
    assert (verdict["correct"], verdict["type"], verdict["points"], verdict["points_max"]) == (True, "success", 4, 4)
    assert [test["passed"] for test in verdict["tests"]] == [True] * 3


def test_a_wrong_answer_is_told_what_was_expected_where_it_may(client: CheckingClient) -> None:
    verdict = client.judge("def square(x): return 2 * abs(x)", client.publish(SQUARES))
    shown, right, hidden = verdict["tests"]
    assert (verdict["correct"], verdict["type"], verdict["points"]) == (False, "warning", 2)
    assert (shown["name"], shown["expected"], shown["got"], shown["passed"]) == ("square(3)", "9", "6", False)
    assert right["passed"] and right["points"] == 2
    assert hidden == {"name": "", "shown": False, "passed": False, "points": 0, "points_max": 1}


@pytest.mark.parametrize(
    ("answer", "check", "correct", "message"),
    [
        ("x = 5", 'assert answer("x") == 5, "x is not 5"', True, ""),
        ("x = 6", 'assert answer("x") == 5, "x is not 5"', False, "x is not 5"),
        ("x = 6", 'if answer("x") != 5: wrong("Think again.")\ncorrect("Well done.")', False, "Think again."),
        ("x = 5", 'if answer("x") != 5: wrong("Think again.")\ncorrect("Well done.")', True, "Well done."),
        ("pass", 'answer("x")', False, "x raised NameError: name 'x' is not defined"),
        ("1/0", 'answer("1")', False, "ZeroDivisionError: division by zero"),
        ("print(1)\nprint(2)", 'assert output == "1\\n2\\n"', True, ""),
        ("def f(): print('hi')", 'assert printed("f()") == "hi\\n"', True, ""),
        ("for i in range(3): pass", 'assert "for" in code', True, ""),
        ("def f(): raise KeyError(1)", 'raises("f()", KeyError)', True, ""),
        ("def f(): pass", 'raises("f()", KeyError)', False, ""),
        ("x = 1\nx", 'test("_", 1)', True, ""),
        ("n = []\ndef f(): n.append(1); return len(n)", 'test("f()", 1)\ntest("f()", 1)\ntest("n", [])', True, ""),
        ("import numpy as np\na = np.arange(3) / 2", 'test("a", [0, 0.5, 1])', True, ""),
        ("import pandas as pd\nd = pd.DataFrame({'a': [1]})", 'test("d", {"a": [1]})', True, ""),
        ("import sympy\nx = sympy.symbols('x')\nf = (x + 1)**2",
         'import sympy\nx = sympy.symbols("x")\ntest("f", x**2 + 2*x + 1)', True, ""),
        ("f = [(1, 2.0), {'a': {3}}, None, 'é', b'x', 1j]", 'test("f", [(1, 2), {"a": {3}}, None, "é", b"x", 1j])',
         True, ""),
        ("x = 7", 'test("x", lambda x: x % 2 == 1)', True, ""),
        ("x = 'a'", 'test("x", lambda x: x % 2 == 1)', False, ""),
        ("x = 1", 'test("x", 2)\ncorrect("Well done.")', False, ""),
    ],
)  # fmt: skip
def test_a_check_says_what_it_means(
    client: CheckingClient, answer: str, check: str, correct: bool, message: str
) -> None:
    verdict = client.judge(answer, client.publish(check))
    assert (verdict["correct"], verdict["message"]) == (correct, message), verdict


def test_tests_before_the_end_of_a_check_count(client: CheckingClient) -> None:
    verdict = client.judge("x = 1", client.publish('test("x", 1, points=3)\nassert answer("x") == 2, "not 2"'))
    assert (verdict["correct"], verdict["message"], verdict["points"]) == (False, "not 2", 3)
    verdict = client.judge("x = 1", client.publish('test("x", 1, points=3)\nwrong("nearly")'))
    assert (verdict["correct"], verdict["message"], verdict["points"]) == (False, "nearly", 3)


def test_the_computation_keeps_its_verdict(client: CheckingClient) -> None:
    check = client.publish(SQUARES)
    outcome = client.run("def square(x): return x * x", keep=True)
    id, session = outcome.description["id"], outcome.description["session"]
    assert "verdict" not in client.get(id)
    verdict = client.ask_for_verdict(id, check).json()
    assert client.get(id)["verdict"] == verdict and verdict["check"] == check
    client.end_session(session)


def test_the_answer_s_session_goes_on_as_it_was(client: CheckingClient) -> None:
    check = client.publish('answer("seen.append(1)")\ntest("seen", [])')
    outcome = client.run("seen = []", keep=True)
    session = outcome.description["session"]
    assert client.ask_for_verdict(outcome.description["id"], check).json()["correct"]
    again = client.run("seen", session=session)
    assert again.result == "[]" and again.of_type("execute_reply")[0]["execution_count"] == 2


def test_what_cannot_be_judged_is_refused_with_its_reason(client: CheckingClient) -> None:
    check = client.publish(SQUARES)
    outcome = client.run("1", keep=True)
    id, session = outcome.description["id"], outcome.description["session"]
    assert client.ask_for_verdict(NO_ID, check).status_code == 404
    assert client.ask_for_verdict(id, NO_ID).status_code == 422
    assert client.ask_for_verdict(id, "x").status_code == 422
    later = client.run("2", session=session, keep=True).description["id"]
    assert client.ask_for_verdict(id, check).status_code == 409
    assert client.ask_for_verdict(later, check).status_code == 200
    client.end_session(session)
    assert client.ask_for_verdict(later, check).status_code == 410
    ended = client.run("1").description["id"]
    assert client.ask_for_verdict(ended, check).status_code == 410
    stopped = client.submit("while True: pass", keep=True)["id"]
    assert client.ask_for_verdict(stopped, check).status_code == 409
    client.cancel(stopped)


def test_a_check_that_fails_itself_says_so_and_nothing_of_its_text(client: CheckingClient) -> None:
    verdict = client.judge("1", client.publish("secret_name_of_the_author + 1"))
    assert not verdict["correct"] and verdict["type"] == "error" and "author" in verdict["message"]
    assert "secret_name_of_the_author" in verdict["fault"]  # the operator asks, from the server's own loopback
    outcome = client.run("1", keep=True)
    other = client.http.post(
        f"{client.url}/computations/{outcome.description['id']}/verdict",
        json={"check": client.publish("secret_name_of_the_author + 1")},
        headers={"Origin": "https://book.example"},
        timeout=DEADLINE_S,
    )
    assert other.status_code == 200 and "secret_name" not in other.text and "fault" not in other.json()
    client.end_session(outcome.description["session"])


def test_each_example_knows_its_solution_and_does_not_take_its_beginning_for_one(client: CheckingClient) -> None:
    exercises = read_exercises(client, "python")
    assert len(exercises) == 6
    for exercise in exercises:
        right, wrong = exercise.verdict(client, exercise.solution), exercise.verdict(client, exercise.code)
        assert right["correct"] and right["points"] == right["points_max"], (exercise.name, right)
        assert not wrong["correct"] and "fault" not in wrong, (exercise.name, wrong)


def test_twenty_answers_are_judged_at_once_each_by_itself(client: CheckingClient) -> None:
    check = client.publish(SQUARES)
    answers = [f"def square(x): return x * x{' + 1' * (number % 2)}" for number in range(20)]
    with ThreadPoolExecutor(10) as pool:
        verdicts = list(pool.map(lambda answer: CheckingClient(client.url).judge(answer, check), answers))
    assert [verdict["correct"] for verdict in verdicts] == [True, False] * 10


PAGE = """<single-cell language="python">
<pre>x = ______</pre>
<script type="text/x-python" data-check>
    # 1 < 2 & "so on"
    test("x", 5)
</script>
</single-cell><script data-check=""></script>
<single-cell><script data-check="" type="x">test("1/2", 1/2)</script></single-cell>
<script data-check="there">kept</script>
"""


def test_the_command_publishes_the_checks_of_a_page(client: CheckingClient, tmp_path: Path) -> None:
    file = tmp_path / "page.html"
    file.write_text(PAGE)

    def publish(path: Path) -> subprocess.CompletedProcess:
        argv = [sys.executable, "-m", "singlecell_client", "publish", str(path), "--server", client.url]
        return subprocess.run(argv, capture_output=True, text=True, timeout=DEADLINE_S, check=False)

    told = publish(file)
    assert told.returncode == 0 and told.stderr == "2 checks published\n", told.stderr
    ids = re.findall(r'data-check="([0-9a-f-]{36})"', told.stdout)
    assert len(ids) == 2 and "test(" not in told.stdout and 'data-check="there">kept' in told.stdout
    assert publish(file).stdout == told.stdout
    kept = client.http.get(f"{client.url}/checks/{ids[0]}", timeout=DEADLINE_S).json()
    assert kept["source"] == '# 1 < 2 & "so on"\ntest("x", 5)\n' and kept["language"] == "python"
    assert client.judge("x = 5", ids[0])["correct"]
    alone = tmp_path / "check.py"
    alone.write_text('# 1 < 2 & "so on"\ntest("x", 5)\n')
    assert publish(alone).stdout.strip() == ids[0]
    alone.write_text("x = (")
    refused = publish(alone)
    assert refused.returncode == 4 and "line 1" in refused.stderr


def test_a_check_that_loops_is_ended_by_the_limits_of_a_cell(brief: CheckingClient) -> None:
    verdict = brief.judge("1", brief.publish("while True: pass"))
    assert not verdict["correct"] and verdict["type"] == "error" and "author" in verdict["message"]
    assert brief.judge("1", brief.publish('test("1", 1)'))["correct"]
