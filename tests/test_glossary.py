"""The product's modules and classes speak the words of docs/glossary.md."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.test_boundaries import FILES, ROOT

PAGE = (ROOT / "docs" / "glossary.md").read_text()


def retired() -> set[str]:
    """Return the words of the first column of the second table."""
    rows = PAGE.split("## Words that the code no longer uses")[1].splitlines()
    cells = [row.split("|")[1] for row in rows if row.startswith("| ") and not row.startswith("| retired")]
    return {word.strip() for cell in cells for word in cell.split(",")}


def words(name: str) -> list[str]:
    """Return the words of a name, in small letters: those between underscores, and those that a capital begins."""
    return [word.lower() for word in re.findall(r"[A-Z]?[a-z0-9]+|[A-Z]+(?![a-z])", name)]


def names(file: Path) -> Iterator[str]:
    """Yield the name of a module and of each class at its top."""
    yield file.stem
    for node in ast.parse(file.read_text()).body:
        if isinstance(node, ast.ClassDef):
            yield node.name


@pytest.mark.parametrize("file", FILES, ids=lambda file: str(file.relative_to(ROOT)))
def test_no_module_or_class_has_a_retired_word_in_its_name(file):
    assert not [name for name in names(file) if retired() & set(words(name))]


def test_every_error_class_says_that_it_is_an_error():
    for file in FILES:
        if file.parent.name == "singlecell_client":
            continue  # its names are in other people's programs
        for node in ast.parse(file.read_text()).body:
            bases = [ast.unparse(base) for base in node.bases] if isinstance(node, ast.ClassDef) else []
            if any(base.endswith(("Error", "Exception")) for base in bases):
                assert node.name.endswith("Error"), f"{file.relative_to(ROOT)}: {node.name}"


def test_a_retired_word_is_found(tmp_path):
    assert {"ledger", "question", "nonsense"} <= retired()
    file = tmp_path / "ledger.py"
    file.write_text("class OpenSlot:\n    pass\n")
    assert [name for name in names(file) if retired() & set(words(name))] == ["ledger", "OpenSlot"]
