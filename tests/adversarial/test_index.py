"""Every check of the list of attacks is a test here, or stands in README.md with the reason why it is not."""

from __future__ import annotations

import ast
import re
from pathlib import Path

HERE = Path(__file__).parent
LENGTHS = {"A": 31, "B": 13, "C": 18, "D": 21, "E": 14, "F": 24, "G": 22, "H": 13, "I": 13, "J": 9, "K": 10, "L": 6}
NUMBERS = {f"{part}{number}" for part, length in LENGTHS.items() for number in range(1, length + 1)}


def find_tested() -> set[str]:
    """Return the numbers that docstrings, names of attacks and ids of parameters begin with."""
    nodes = [node for file in HERE.glob("test_*.py") for node in ast.walk(ast.parse(file.read_text()))]
    texts = [node.value for node in nodes if isinstance(node, ast.Constant) and isinstance(node.value, str)]
    numbers = [re.match(r"[A-L]\d+(, [A-L]\d+)*(?!\w)", text) for text in texts]
    return {number for found in numbers if found for number in found.group().split(", ")}


def find_listed() -> set[str]:
    """Return the numbers of the table in README.md."""
    rows = re.findall(r"^\| ([A-L]\d+) \| \S", (HERE / "README.md").read_text(), re.MULTILINE)
    assert len(rows) == len(set(rows))
    return set(rows)


def test_every_check_is_a_test_or_has_its_reason():
    assert len(NUMBERS) == 194
    assert NUMBERS - find_tested() - find_listed() == set()


def test_nothing_is_listed_that_is_tested_or_does_not_exist():
    tested, listed = find_tested(), find_listed()
    assert listed <= NUMBERS and tested <= NUMBERS
    assert listed & tested == set()
