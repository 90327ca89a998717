"""All tests are in the parts that ``make test`` runs, each in one; some parts run beside each other, some alone."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from harness.server import ROOT
from tests.__main__ import run
from tests.parts import PARTS, Part, argv

# Wait for a word of the other part, which has to run at the same time; or look whether another part runs.
MEET = """
import pathlib, time
def test_meets():
    here = pathlib.Path(__file__).parent.parent
    (here / "{me}").touch()
    end = time.monotonic() + 60
    while not (here / "{other}").exists(): assert time.monotonic() < end
    assert {fine}
"""


def files_of(part: Part) -> set[Path]:
    """Return the files of tests that pytest finds for a part."""
    words = argv(part)
    ignored = [ROOT / word.removeprefix("--ignore=") for word in words if word.startswith("--ignore=")]
    found: set[Path] = set()
    for path in (ROOT / word for word in words if word.startswith("tests")):
        assert path.exists(), path
        found |= {path} if path.is_file() else set(path.rglob("test_*.py"))
    return {file for file in found if not any(file.is_relative_to(path) for path in ignored)}


def test_each_file_of_tests_is_in_one_part() -> None:
    found = [file for part in PARTS for file in files_of(part)]
    assert len(found) == len(set(found)) > 100
    assert set(found) == set((ROOT / "tests").rglob("test_*.py"))


@pytest.mark.parametrize("fails", [False, True])
def test_two_parts_run_at_once_and_all_is_told(tmp_path: Path, capfdbinary, fails: bool) -> None:
    parts = []
    for me, other in (("a", "b"), ("b", "a"), ("c", "a")):
        file = tmp_path / f"{me}{me}" / f"test_{me}.py"
        file.parent.mkdir()
        file.write_text(MEET.format(me=me, other=other, fine=not (fails and me == "a")))
        parts.append(Part(me, (str(file.parent),), alone=me == "c"))
    empty = tmp_path / "nothing"
    empty.mkdir()
    assert run([*parts, Part("left out", (str(empty),))], 2) == int(fails)
    said = capfdbinary.readouterr().out.decode()
    assert said.index("tests: c: they begin") > said.index("tests: left out: they begin")
    lines = {line.split()[0]: line.split()[1:] for line in said.splitlines() if line and line[0] in "abc"}
    assert [line[0] for line in (lines["a"], lines["b"], lines["c"], lines["all"])] == ["1", "1", "1", "3"]
    assert ("failed" in lines["a"]) == fails and "failed" not in lines["b"]
    assert re.search(r"^while parts ran beside each other, the processors were busy for \d+% of the time$", said, re.M)
    told = said[said.index("the slowest tests") :].partition("\n\nfailed: ")
    slowest = told[0].splitlines()[1:]
    assert bool(told[1]) == fails and ("assert False" in told[2] and "test_a.py:8: AssertionError" in told[2]) == fails
    assert len([line for line in slowest if line.endswith("::test_meets")]) == 3, said
    assert ("test_a.py::test_meets" in said[: said.index("the slowest tests")]) == fails


# The pool waits for its thread, whatever a timeout raises in it.
HANGS = """
import concurrent.futures, threading
def test_waits():
    with concurrent.futures.ThreadPoolExecutor(1) as pool: pool.submit(threading.Event().wait)
"""


def test_a_part_that_does_not_end_is_aborted_and_says_where_it_stands(tmp_path: Path, capfdbinary) -> None:
    parts = []
    for name, text in (("hangs", HANGS), ("goes on", "def test_goes_on(): pass")):
        file = tmp_path / name / f"test_{name.replace(' ', '_')}.py"
        file.parent.mkdir()
        file.write_text(text)
        parts.append(Part(name, (str(file.parent),)))
    assert run(parts, 1, part_max_s=20) == 134
    said = capfdbinary.readouterr().out.decode()
    assert "tests: hangs: did not end in 20 s, and is aborted" in said
    assert 'test_hangs.py", line 4 in test_waits' in said
    lines = [line for line in said.splitlines() if line.startswith(("hangs ", "goes on "))]
    assert "failed (134)" in lines[0] and lines[1].split()[2] == "1" and "failed" not in lines[1]
