"""Tests of a language that is not installed are left out, and the summary says so."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
MARKED = "import pytest\n\n@pytest.mark.sage\ndef test_marked():\n    pass\n\ndef test_plain():\n    pass\n"


@pytest.mark.parametrize(
    ("stamped", "summary"),
    [
        (
            False,
            "left out 3 tests, which need sage: tests/other/test_other.py, tests/sage/test_inside.py; "
            "to bring them: make sage\n1 passed, 3 deselected",
        ),
        (True, "4 passed"),
    ],
)
def test_what_needs_a_language_is_left_out_where_it_is_missing(tmp_path: Path, stamped: bool, summary: str) -> None:
    for name, text in (("sage/test_inside.py", "def test_one():\n    pass\n\ndef test_two():\n    pass\n"),
                       ("other/test_other.py", MARKED)):  # fmt: skip
        file = tmp_path / "tests" / name
        file.parent.mkdir(parents=True)
        file.write_text(text)
    (tmp_path / "sage").mkdir()
    if stamped:
        (tmp_path / "sage" / ".stamp").touch()
    (tmp_path / "pytest.ini").write_text("[pytest]\nmarkers =\n    sage: x\n    root: x\n")
    argv = [sys.executable, "-m", "pytest", "-q", "-p", "tests.conftest", "-p", "no:cacheprovider", "--strict-markers"]
    env = {**os.environ, "PYTHONPATH": str(ROOT), "UNTRUSTED_PYTHON": str(tmp_path / "untrusted" / "bin" / "python")}
    argv += ["--rootdir", str(tmp_path), "-c", str(tmp_path / "pytest.ini"), str(tmp_path / "tests")]
    done = subprocess.run(argv, env=env, cwd=tmp_path, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    assert f"{summary} in " in done.stdout
