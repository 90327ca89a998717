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

from device.connect import bundle
from harness.processes import wait_for

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
    """A bundle with a main program of this test's."""
    root = tmp_path / "root"
    (root / "untrusted" / "inner").mkdir(parents=True)
    (root / "contract.py").write_text("")
    (root / "wire.py").write_text("PROTOCOL = 1\n")
    (root / "untrusted" / "__init__.py").write_text("")
    (root / "untrusted" / "__main__.py").write_text(MAIN)
    (root / "untrusted" / "inner" / "__init__.py").write_text("")
    (root / "untrusted" / "notes.txt").write_text("is not shipped")
    (root / "settings.py").write_text("is not shipped either")
    monkeypatch.setattr(bundle, "ROOT", root)
    bundle.pack.cache_clear()
    yield bundle.pack()
    bundle.pack.cache_clear()


def receive(home: Path, data: bytes, start_config: bytes = b"the start configuration\n") -> subprocess.CompletedProcess:
    """Run the bootstrap over there."""
    return subprocess.run(
        [sys.executable, "-I", "-B", "-c", bundle.BOOTSTRAP], input=data + start_config, capture_output=True,
        timeout=60, env={"HOME": str(home), "PATH": "/bin", "SECRET": "x", "PYTHONPATH": "/nowhere"},
    )  # fmt: skip


def arrived(home: Path, data: bytes) -> dict:
    """Return what the program said that was shipped."""
    outcome = receive(home, data)
    assert outcome.returncode == 0, outcome.stderr
    return json.loads(outcome.stdout)


def test_exactly_wire_and_untrusted_arrive_in_a_new_place_and_cannot_be_written(load, tmp_path):
    said = arrived(tmp_path, load)
    place = Path(said["path"][0])
    assert place.parent == tmp_path / ".singlecell"
    files = {str(path.relative_to(place)): path for path in place.rglob("*") if path.is_file()}
    packages = {"untrusted/__init__.py", "untrusted/__main__.py", "untrusted/inner/__init__.py"}
    assert files.keys() == {"contract.py", "wire.py"} | packages
    assert {path.stat().st_mode & 0o777 for path in files.values()} == {0o444}
    assert said["wire"] == str(files["wire.py"])


def test_the_program_is_isolated_and_the_start_configuration_is_left_for_it(load, tmp_path):
    said = arrived(tmp_path, load)
    assert said["line"] == "the start configuration\n"
    assert said["flags"] == [1, 1, True]
    assert said["env"].keys() <= {"PATH", "LANG", "LC_CTYPE"}
    assert "/nowhere" not in said["path"]


TRAPS = {
    "a changed file": "(kept / 'wire.py').unlink(); (kept / 'wire.py').write_text(caught)",
    "a file more": "(kept / 'json.py').write_text(caught)",
    "an empty directory of a module's name": "(kept / 'msgspec').mkdir()",
    "settings in the zygotes' home": "(kept / 'home').mkdir(); (kept / 'home' / '.maxima').write_text(caught)",
    "a link": "(kept / 'untrusted' / 'more').symlink_to('/etc/passwd')",
    "a link to a directory": "(shelf / 'elsewhere').mkdir(); (kept / 'json').symlink_to(shelf / 'elsewhere')",
    "a file less": "(kept / 'untrusted' / 'inner' / '__init__.py').unlink()",
    "a file in place of a directory": "(shelf / 'run-file').write_text(caught)",
    "a link in place of a directory": "(shelf / 'run-link').symlink_to(outside)",
    "a pipe in place of a directory": "os.mkfifo(shelf / 'run-pipe')",
}


@pytest.mark.parametrize("trap", TRAPS)
def test_what_an_earlier_start_left_is_removed_and_not_used(load, tmp_path, trap):
    kept = Path(arrived(tmp_path, load)["path"][0])
    outside = tmp_path / "outside"
    outside.mkdir()
    (outside / "is left alone").touch()
    names = {"kept": kept, "shelf": kept.parent, "outside": outside, "caught": "raise SystemExit('caught')", "os": os}
    exec(TRAPS[trap], names)
    place = Path(arrived(tmp_path, load)["path"][0])
    assert place != kept
    assert [path for path in kept.parent.iterdir() if path.name.startswith("run-")] == [place]
    assert {str(path.relative_to(place)) for path in place.rglob("*")} == {
        "contract.py", "wire.py", "untrusted", "untrusted/__init__.py", "untrusted/__main__.py", "untrusted/inner",
        "untrusted/inner/__init__.py",
    }  # fmt: skip
    assert (outside / "is left alone").exists()


def test_a_tree_too_deep_to_be_removed_keeps_no_start_from_coming(load, tmp_path):
    deep = tmp_path / ".singlecell" / "run-deep"
    deep.mkdir(parents=True)
    place = os.open(deep, os.O_RDONLY)
    for _ in range(1500):
        os.mkdir("d", dir_fd=place)
        below = os.open("d", os.O_RDONLY, dir_fd=place)
        os.close(place)
        place = below
    os.close(place)
    outcome = receive(tmp_path, load)
    assert outcome.returncode == 0
    assert not deep.exists() or b"run-deep" in outcome.stderr
    subprocess.run(["rm", "-rf", deep], check=True)  # pytest's own clearing may not get so deep either


def test_a_place_is_kept_while_its_supervisor_lives(load, tmp_path):
    argv = [sys.executable, "-I", "-B", "-c", bundle.BOOTSTRAP]
    with subprocess.Popen(argv, stdin=subprocess.PIPE, stdout=subprocess.PIPE, env={"HOME": str(tmp_path)}) as first:
        first.stdin.write(load)
        first.stdin.flush()
        wait_for(lambda: any(path.name == "wire.py" for path in tmp_path.rglob("run-*/wire.py")))
        second = Path(arrived(tmp_path, load)["path"][0])
        said = json.loads(first.communicate(b"the start configuration\n", timeout=30)[0])
    assert Path(said["wire"]).exists()
    third = Path(arrived(tmp_path, load)["path"][0])
    assert {path.name for path in third.parent.iterdir()} == {third.name}
    assert third not in (second, Path(said["path"][0]))


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
    first = bundle.pack()
    bundle.pack.cache_clear()
    assert bundle.pack() == first
    with tarfile.open(fileobj=io.BytesIO(first[40:])) as archive:
        names = archive.getnames()
    ground = {"contract.py", "wire.py"}
    programs = {f"untrusted/languages/programs/cells.{ending}" for ending in ("js", "m")}
    assert ground | programs < set(names)
    assert all(name in ground | programs or (name.startswith("untrusted/") and name.endswith(".py")) for name in names)
