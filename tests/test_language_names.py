"""A language is known to its own file and to the settings; the rest of the product works with any."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
PARTS = (
    "contract.py", "wire.py", "jupyter.py", "settings.py", "settings_check.py",
    "web_server.py", "trusted_db.py", "nginx.conf", "store", "web", "device", "host",
    "untrusted", "singlecell_client", "templates", "deploy", "frontend/src",
)  # fmt: skip
SUFFIXES = {".py", ".js", ".html", ".css", ".sh", ".conf", ".service"}
# What stands in for SageMathCell speaks as it does; pages may use its names before a server was asked what it has,
# and authors' markup has names of its own.
STANDS_IN = (
    "frontend/src/sagecell/", "frontend/src/languages.js", "frontend/src/markup/names.js", "web/sagecell.py",
    "web/doors/sagecell_",
)  # fmt: skip
OWN = "untrusted/languages/sage"
# Not SageMathCell, its calls and files, nor a message or a usage; nor a build of three.js with the word in its name.
WORD = re.compile(r"(?<![a-z])(?<!three-)(?<!threejs-)sage(?!cell|mathcell|[a-z])", re.IGNORECASE)


def product_files() -> list[Path]:
    """Return the texts of the product, by hand or shipped."""
    files = [
        path for part in PARTS for path in ([ROOT / part] if (ROOT / part).is_file() else (ROOT / part).rglob("*"))
    ]
    return [path for path in files if path.suffix in SUFFIXES]


def lines_with_the_word(path: Path) -> list[str]:
    """Return the lines in which the name of the language stands, with their numbers."""
    lines = path.read_text(encoding="utf-8").splitlines()
    return [f"{path.relative_to(ROOT)}:{number}: {line}" for number, line in enumerate(lines, 1) if WORD.search(line)]


def test_nothing_but_its_own_file_and_the_settings_knows_sage() -> None:
    files = product_files()
    assert len(files) > 100
    found = [line for path in files for line in lines_with_the_word(path)]
    assert not [line for line in found if not line.startswith((OWN, *STANDS_IN))]


@pytest.mark.parametrize(
    ("text", "known"),
    [
        ("if language == 'sage':", True), ("Sage is loading", True), ("SAGE_ROOT", True), ("is_sage", True),
        ("a message and its usage", False), ("makeSagecell", False), ("SageMathCell's API", False),
        ("passagemath", False), ("threejs-sage/three.min.js", False),
    ],
)  # fmt: skip
def test_the_word_is_told_from_others(text: str, known: bool) -> None:
    assert bool(WORD.search(text)) == known
