"""What is shipped arrives as it was, and nothing that lies over there already gets in between."""

from __future__ import annotations

import hashlib
import io
import json
import os
import subprocess
import sys
import tarfile
from pathlib import Path

import pytest

from device import cargo

# Stands in for the supervisor: says where it is and what it was given.
MAIN = """
import json, os, sys
import wire
line = os.read(0, 100)
print(json.dumps({"line": line.decode(), "path": sys.path, "wire": wire.__file__, "env": dict(os.environ),
                  "flags": [sys.flags.isolated, sys.flags.no_user_site, sys.dont_write_bytecode]}))
"""


@pytest.fixture
def load(tmp_path, monkeypatch) -> bytes:
    """A cargo with a main program of this test's."""
    root = tmp_path / "root"
    (root / "untrusted" / "inner").mkdir(parents=True)
    (root / "wire.py").write_text("PROTOCOL = 1\n")
    (root / "untrusted" / "__init__.py").write_text("")
    (root / "untrusted" / "__main__.py").write_text(MAIN)
    (root / "untrusted" / "inner" / "__init__.py").write_text("")
    (root / "untrusted" / "notes.txt").write_text("is not shipped")
    (root / "settings.py").write_text("is not shipped either")
    monkeypatch.setattr(cargo, "ROOT", root)
    cargo.pack.cache_clear()
    yield cargo.pack()
    cargo.pack.cache_clear()


def receive(home: Path, data: bytes, charter: bytes = b"the charter\n") -> subprocess.CompletedProcess:
    """Run the bootstrap over there."""
    return subprocess.run(
        [sys.executable, "-I", "-B", "-c", cargo.RECEIVE], input=data + charter, capture_output=True, timeout=60,
        env={"HOME": str(home), "PATH": "/bin", "SECRET": "x", "PYTHONPATH": "/nowhere"},
    )  # fmt: skip


def arrived(home: Path, data: bytes) -> dict:
    """Return what the program said that was shipped."""
    outcome = receive(home, data)
    assert outcome.returncode == 0, outcome.stderr
    return json.loads(outcome.stdout)


def test_exactly_wire_and_untrusted_arrive_under_their_hash_and_cannot_be_written(load, tmp_path):
    said = arrived(tmp_path, load)
    place = Path(said["path"][0])
    assert place == tmp_path / ".singlecell" / hashlib.sha256(load[40:]).hexdigest()
    files = {str(path.relative_to(place)): path for path in place.rglob("*") if path.is_file()}
    assert files.keys() == {"wire.py", "untrusted/__init__.py", "untrusted/__main__.py", "untrusted/inner/__init__.py"}
    assert {path.stat().st_mode & 0o777 for path in files.values()} == {0o444}
    assert said["wire"] == str(files["wire.py"])


def test_the_program_is_isolated_and_the_charter_is_left_for_it(load, tmp_path):
    said = arrived(tmp_path, load)
    assert said["line"] == "the charter\n"
    assert said["flags"] == [1, 1, True]
    assert said["env"].keys() <= {"HOME", "PATH", "LANG", "LC_CTYPE"}
    assert "/nowhere" not in said["path"]


def test_what_is_there_from_an_earlier_start_is_used_again(load, tmp_path):
    first, second = arrived(tmp_path, load), arrived(tmp_path, load)
    assert first["path"][0] == second["path"][0]
    assert len(list((tmp_path / ".singlecell").iterdir())) == 1


def test_the_caches_that_a_supervisor_makes_beside_its_code_are_kept(load, tmp_path):
    kept = Path(arrived(tmp_path, load)["path"][0])
    (kept / "home").mkdir()
    (kept / "home" / "fonts.json").write_text("{}")
    assert Path(arrived(tmp_path, load)["path"][0]) == kept
    assert (kept / "home" / "fonts.json").exists()
    assert list((tmp_path / ".singlecell").iterdir()) == [kept]


@pytest.mark.parametrize("trap", ["a changed file", "a file more", "a link", "a link to a directory", "a file less"])
def test_what_was_changed_over_there_is_not_used(load, tmp_path, trap):
    kept = Path(arrived(tmp_path, load)["path"][0])
    match trap:
        case "a changed file":
            (kept / "wire.py").unlink()
            (kept / "wire.py").write_text("raise SystemExit('caught')")
        case "a file more":
            (kept / "json.py").write_text("raise SystemExit('caught')")
        case "a link":
            (kept / "untrusted" / "more").symlink_to("/etc/passwd")
        case "a link to a directory":
            (tmp_path / "elsewhere").mkdir()
            (kept / "json").symlink_to(tmp_path / "elsewhere")
        case "a file less":
            (kept / "untrusted" / "inner" / "__init__.py").unlink()
    assert Path(arrived(tmp_path, load)["path"][0]) != kept


def test_a_home_that_cannot_be_written_is_not_needed(load, tmp_path):
    home = tmp_path / "file"
    home.write_text("")
    place = Path(arrived(home, load)["path"][0])
    assert place.parent == Path("/tmp")
    for path in sorted(place.rglob("*"), reverse=True):
        path.rmdir() if path.is_dir() else path.unlink()
    place.rmdir()


@pytest.mark.parametrize(
    ("damage", "sentence"),
    [
        (lambda data: data[:-1] + b"x", b"damaged"),
        (lambda data: (1 << 25).to_bytes(8, "big") + data[8:], b"too long"),
        (lambda data: data[:100], b"hung up"),
        (lambda data: b"", b"hung up"),
    ],
)
def test_an_archive_that_did_not_arrive_whole_is_refused(load, tmp_path, damage, sentence):
    outcome = receive(tmp_path, damage(load), b"")
    assert outcome.returncode == 1
    assert sentence in outcome.stderr
    assert not (tmp_path / ".singlecell").exists()


@pytest.mark.parametrize("name", ["../outside", "/outside", "a//b", "untrusted/../../outside"])
def test_an_archive_that_names_a_place_outside_is_refused(tmp_path, name):
    body = io.BytesIO()
    with tarfile.open(fileobj=body, mode="w") as archive:
        archive.addfile(tarfile.TarInfo(name))
    data = body.getvalue()
    outcome = receive(tmp_path, len(data).to_bytes(8, "big") + hashlib.sha256(data).digest() + data)
    assert b"outside" in outcome.stderr
    assert outcome.returncode == 1
    assert os.listdir(tmp_path) == []


def test_the_same_files_make_the_same_archive():
    first = cargo.pack()
    cargo.pack.cache_clear()
    assert cargo.pack() == first
    with tarfile.open(fileobj=io.BytesIO(first[40:])) as archive:
        names = archive.getnames()
    assert "wire.py" in names
    assert all(name == "wire.py" or (name.startswith("untrusted/") and name.endswith(".py")) for name in names)
