"""Values pass as plain data: they come back as they were, and nothing that is read runs anything."""

from __future__ import annotations

import json
import math
import subprocess
from fractions import Fraction
from pathlib import Path

import pytest

from contract import JSON_DEPTH_MAX, nests_deeper
from harness.languages import language_python
from untrusted.plain_values import (
    DEPTH_MAX,
    DIGITS_MAX,
    ITEMS_MAX,
    Shown,
    UnreadableError,
    from_plain,
    to_plain,
)

ROOT = Path(__file__).parents[2]
VALUES = [
    None, True, 0, -(1 << 70), 1.5, -0.0, math.inf, 2 + 3j, "é\n", b"\0x", Fraction(1, 3),
    [1, (2, "x")], {"a": [1], 2: None, (1, 2): "t"}, {1, 2}, [],
]  # fmt: skip


@pytest.mark.parametrize("value", VALUES, ids=repr)
def test_a_plain_value_comes_back_as_it_was(value: object) -> None:
    told = json.dumps(to_plain(value), allow_nan=False)
    read = from_plain(json.loads(told))
    assert read == value and type(read) is type(value)


def test_what_has_no_plain_form_comes_as_it_is_shown() -> None:
    assert from_plain(to_plain(object)) == Shown("function", "object")
    assert from_plain(to_plain(slice(1, 2))) == Shown("slice", "slice(1, 2, None)")


def nested(levels: int) -> list:
    value: list = []
    for _ in range(levels):
        value = [value]
    return value


def test_depth_items_and_digits_are_bounded_to_the_last_one() -> None:
    assert from_plain(to_plain(nested(DEPTH_MAX))) == nested(DEPTH_MAX)
    assert len(from_plain(to_plain([0] * (ITEMS_MAX - 1)))) == ITEMS_MAX - 1
    assert from_plain(to_plain(16 ** (DIGITS_MAX - 1))) == 16 ** (DIGITS_MAX - 1)
    for value in (nested(DEPTH_MAX + 1), [0] * ITEMS_MAX, 16**DIGITS_MAX):
        with pytest.raises(UnreadableError):
            to_plain(value)


def test_the_deepest_value_is_no_deeper_than_a_reply_may_be() -> None:
    value: object = 1
    for _ in range(DEPTH_MAX):
        value = {"k": value}
    reply = json.dumps({"status": "ok", "values": [{"value": to_plain(value), "printed": ""}]}).encode()
    assert not nests_deeper(reply, JSON_DEPTH_MAX)


@pytest.mark.parametrize(
    "untrusted",
    [None, 1, "x", [], ["call", "os.system"], [["int", "1"]], ["int", 1], ["int", "x"], ["int", "f" * (DIGITS_MAX + 1)],
     ["float", 1.0], ["str", 1], ["list", 5], ["dict", [[["list", []]]]], ["fraction", "1", "0"], ["bytes", 1],
     ["set", [["dict", []]]], ["bool"], ["shown", "x"], ["formula", 1], [None, 1]],
    ids=str,
)  # fmt: skip
def test_what_is_no_plain_value_is_refused(untrusted: object) -> None:
    with pytest.raises(UnreadableError):
        from_plain(untrusted)


# Read by the Python that has SymPy: what a text becomes, as the name of its type.
READ = """
import json, sys
import sympy
from untrusted.formulas import read_formula
texts = json.load(sys.stdin)
print(json.dumps([[type(read_formula(text)).__name__, str(read_formula(text))] for text in texts]))
"""
FORMULAS = ["x^2 + 1", "sin(x)/2", "-pi", "2**x", "sqrt(2)", "f(x)", "x^1000", "e^(I*pi)"]
NO_FORMULAS = [
    "__import__('os').abort()", "x.__class__", "(lambda: 1)()", "open('x')", "[1, 2]", "9**9**9", "2^(10^6)",
    "sin(x=1)", "x if x else y", "'a'", "x" * 5000, "(" * 3000 + "x" + ")" * 3000, "", "x +", "True",
    "sin(*[x])", "x @ y",
]  # fmt: skip


def test_a_text_that_is_no_formula_is_shown_and_never_run() -> None:
    told = subprocess.run(
        [str(language_python("untrusted")), "-c", READ], input=json.dumps([*FORMULAS, *NO_FORMULAS]), cwd=ROOT,
        capture_output=True, text=True, check=True, timeout=60,
    )  # fmt: skip
    read = json.loads(told.stdout)
    formulas, others = read[: len(FORMULAS)], read[len(FORMULAS) :]
    assert [kind for kind, _ in formulas].count("Shown") == 1  # f is no function that it knows
    assert [kind for kind, _ in others] == ["Shown"] * len(NO_FORMULAS)
