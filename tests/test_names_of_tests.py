"""The names of tests are sentences that fit a line."""

from __future__ import annotations

import ast

from harness.server import ROOT

CHARS_MAX = 80


def names(source: str) -> list[str]:
    """Return the names of the tests of a file."""
    functions = [node for node in ast.walk(ast.parse(source)) if isinstance(node, ast.FunctionDef)]
    return [function.name for function in functions if function.name.startswith("test_")]


def test_no_name_of_a_test_is_longer_than_80_characters() -> None:
    files = list((ROOT / "tests").rglob("test_*.py"))
    found = {file: names(file.read_text()) for file in files}
    assert names("def test_a():\n    pass\n") == ["test_a"] and len(files) > 100
    too_long = [f"{file.relative_to(ROOT)}: {name}" for file in files for name in found[file] if len(name) > CHARS_MAX]
    assert not too_long, "\n".join(too_long)
