"""Checks in Sage: written in its syntax, with its numbers and formulas."""

from __future__ import annotations

import pytest

from tests.example_exercises import read_exercises
from tests.sage.conftest import SageClient


def test_each_example_knows_its_solution_and_does_not_take_its_beginning_for_one(client: SageClient) -> None:
    exercises = read_exercises(client, "sage")
    assert len(exercises) == 4
    for exercise in exercises:
        right, wrong = exercise.verdict(client, exercise.solution), exercise.verdict(client, exercise.code)
        assert right["correct"] and right["points"] == right["points_max"], (exercise.name, right)
        assert not wrong["correct"] and "fault" not in wrong, (exercise.name, wrong)


@pytest.mark.parametrize(
    ("answer", "check", "correct"),
    [
        ("a = 1/3", 'test("a", 1/3)', True),
        ("a = 0.5", 'test("a", 1/2)', True),
        ("a = 2^200", 'test("a", 2^200)', True),
        ("f = sin(x)^2 + cos(x)^2", 'test("f", 1)', True),
        ("f = sin(x)^2", 'x = var("x"); test("f", 1 - cos(x)^2)', True),
        ("f = sin(x)^2", 'x = var("x"); test("f", 1 + cos(x)^2)', False),
        ("R.<t> = QQ[]; p = (t + 1)^2", 't = var("t"); test("p", t^2 + 2*t + 1)', True),
        ("v = vector([1, 2/3])", 'test("v", vector([1, 2/3]))', True),
        ("m = matrix([[1, 2], [3, 4]])", 'test("m", matrix([[1, 2], [3, 4]]))', True),
        ("s = solve(x^2 == 4, x, solution_dict=True)", 'test("[r[x] for r in s]", [-2, 2])', True),
        ("G = SymmetricGroup(3)", 'test("G.order()", 6); test("G.is_abelian()", False)', True),
        ("a = CC(1, 2)", 'test("a", CC(1, 2))', True),
        ("a = sqrt(2)", 'test("a", sqrt(2)); test("a", 1.41421356237)', True),
    ],
)
def test_values_of_sage_are_compared_as_sage_means_them(
    client: SageClient, answer: str, check: str, correct: bool
) -> None:
    verdict = client.judge(answer, client.publish(check, "sage"), "sage")
    assert verdict["correct"] is correct and "fault" not in verdict, verdict
