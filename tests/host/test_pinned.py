"""The scripts of each version stay beside the environments for the pages that have pinned them."""

from __future__ import annotations

from pathlib import Path

from host import pinned


def test_an_update_adds_its_scripts_and_takes_none_away(tmp_path: Path) -> None:
    prefix, parts = tmp_path / "prefix", tmp_path / "parts"
    for directory in (prefix, parts):
        directory.mkdir()
    (parts / "fonts").mkdir()
    for version in ("0123456789", "abcdef0123"):
        for file in parts.glob("*.*"):
            file.unlink()
        for name in (f"cell-{version}.js", f"frame-{version}.html", "licences.txt"):
            (parts / name).write_text(f"{name}\n")
        assert [file.name for file in pinned.find_missing(prefix, parts)] == [
            f"cell-{version}.js",
            f"frame-{version}.html",
        ]
        assert pinned.add_missing(prefix, parts) == [] and pinned.find_missing(prefix, parts) == []
    kept = {file.name: file.read_text() for file in (prefix / "pinned").iterdir()}
    assert kept == {
        name: f"{name}\n"
        for version in ("0123456789", "abcdef0123")
        for name in (f"cell-{version}.js", f"frame-{version}.html")
    }


def test_what_is_there_is_not_written_again(tmp_path: Path) -> None:
    parts = tmp_path / "parts"
    parts.mkdir()
    (parts / "cell-0123456789.js").write_text("new")
    (tmp_path / "pinned").mkdir()
    (tmp_path / "pinned" / "cell-0123456789.js").write_text("old")
    assert pinned.add_missing(tmp_path, parts) == []
    assert (tmp_path / "pinned" / "cell-0123456789.js").read_text() == "old"


def test_the_scripts_of_this_checkout_are_among_them(tmp_path: Path) -> None:
    names = {file.name.partition("-")[0] for file in pinned.find_missing(tmp_path)}
    assert {"cell", "frame", "markdown", "markup", "math"} <= names


def test_a_place_that_cannot_be_written_is_one_sentence(tmp_path: Path) -> None:
    (tmp_path / "pinned").write_text("a file")
    [sentence] = pinned.add_missing(tmp_path)
    assert "cannot write" in sentence and "\n" not in sentence
