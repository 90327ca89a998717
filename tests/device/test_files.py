"""Files that come across the wall: their pieces, their names, their totals, their announcement."""

from __future__ import annotations

import pytest

import wire
from device import names
from device.incoming import FILES_TYPE, Incoming
from device.refusal import Nonsense
from tests.device.conftest import make_settings


def piece(name: str = "a.txt", data: bytes = b"12", size_bytes: int = 2, last: bool = True) -> wire.File:
    """Return a piece of a file."""
    return wire.File("s", "c", name, size_bytes, data, last)


def incoming(**changes: int) -> Incoming:
    """Return the files of a computation, none yet."""
    return Incoming("c", make_settings(**changes))


def test_pieces_become_a_file_and_an_announcement():
    files = incoming()
    assert files.take(piece(data=b"1", last=False)) is None
    assert files.open
    whole = files.take(piece(data=b"2"))
    assert whole is not None
    assert (whole.name, b"".join(whole.pieces), files.open) == ("a.txt", b"12", False)
    announced = files.announce()
    assert announced == {
        "data": {
            FILES_TYPE: {"files": [{"name": "a.txt", "size": 2, "type": "text/plain", "url": "/files/c/a.txt"}]},
            "text/plain": "a.txt",
        },
        "metadata": {},
    }
    assert files.announce() is None


def test_an_empty_file_is_one_empty_piece():
    assert incoming().take(piece(data=b"", size_bytes=0)) is not None


@pytest.mark.parametrize("name", ["ä ö.png", "dir/plot #1?.svg", "100%.csv", "👩‍🔬.txt", "n\xa0b"])
def test_unusual_names_are_kept_and_quoted_in_the_address(name):
    files = incoming()
    files.take(piece(name))
    (file,) = files.announce()["data"][FILES_TYPE]["files"]
    assert file["name"] == name
    assert file["url"].isascii()
    assert not set("#?% ") & set(file["url"].replace("%", "", file["url"].count("%")))


@pytest.mark.parametrize(
    ("pieces", "sentence"),
    [
        ([piece(data=b"123")], "not as long as it says"),
        ([piece(data=b"1")], "not as long as it says"),
        ([piece(data=b"", last=False)], "a piece of a file of 0 bytes"),
        ([piece(data=bytes(wire.CHUNK_BYTES + 1), size_bytes=wire.CHUNK_BYTES + 1)], "a piece of a file of 262145"),
        ([piece(data=b"1", last=False), piece("b.txt")], "in the middle of another"),
        ([piece(data=b"1", last=False), piece(size_bytes=3, data=b"23")], "in the middle of another"),
        ([piece(), piece()], "the same file twice"),
        ([piece(size_bytes=-1)], "a file of -1 bytes"),
        ([piece(size_bytes=11, data=b"1", last=False)], "a file of 11 bytes"),
        ([piece("1"), piece("2"), piece("3"), piece("4")], "more than 3 files"),
        ([piece("1", b"1" * 10, 10), piece("2", b"1" * 6, 6)], "more than 15 bytes together"),
    ],
)
def test_pieces_that_no_harvest_makes_are_nonsense(pieces, sentence):
    files = incoming(cell_files_max=3, cell_file_bytes_max=10, cell_files_bytes_max=15)
    with pytest.raises(Nonsense, match=sentence):
        for one in pieces:
            files.take(one)


def test_files_at_their_limits_are_taken():
    files = incoming(cell_files_max=2, cell_file_bytes_max=10, cell_files_bytes_max=15)
    assert files.take(piece("1", b"1" * 10, 10))
    assert files.take(piece("2", b"1" * 5, 5))


REFUSED = [
    "", ".", "..", "/etc/passwd", "a//b", "a/", "../x", "a/../../x", "a\\b", "a\nb", "a\0b", "\x1b[2J", "a\u2028b",
    "gpj\u202eexe.txt", "x" * 256, "ä" * 128, "/".join("x" * 9),
]  # fmt: skip


@pytest.mark.parametrize("name", REFUSED)
def test_a_bad_name_costs_the_file_and_not_the_session(name):
    files = incoming()
    assert files.take(piece(name)) is None
    assert files.announce() is None
    (sentence,) = files.refusals
    assert sentence.startswith("The file ")
    assert sentence.isascii()
    assert sentence.endswith(".\n")


@pytest.mark.parametrize("name", ["x" * 255, "ä" * 127, "/".join("x" * 8), ".hidden", "..."])
def test_names_at_their_limits_are_taken(name):
    assert names.refusal(name) is None
