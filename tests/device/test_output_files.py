"""Files come in pieces; what does not fit together is the supervisor's fault, a bad name is the code's."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

import settings as settings_file
from device.errors import SupervisorProtocolError
from device.output_files import FILES_TYPE, OutputFiles
from tests.messages import validate_message
from wire import CHUNK_BYTES, File

ID = "7f1b2f0e-0c58-4d0b-9e43-5b1d8f6f1c10"


def piece(name: str = "a.txt", data: bytes = b"", size: int | None = None, last: bool = True) -> File:
    """Return a piece of a file; by default the whole of it."""
    return File("s", ID, name, len(data) if size is None else size, data, last)


@pytest.fixture
def files():
    """The files of a computation that may make three of 10 bytes, 20 together."""
    return OutputFiles(ID, settings_file.load(cell_files_max=3, cell_file_bytes_max=10, cell_files_bytes_max=20))


def test_a_file_in_one_piece(files):
    file = files.take(piece("plot.png", b"12345"))
    assert (file.name, file.size_bytes, file.data) == ("plot.png", 5, b"12345")
    assert not files.open


def test_a_file_in_several_pieces(files):
    assert files.take(piece(data=b"123", size=5, last=False)) is None
    assert files.open
    assert files.take(piece(data=b"45", size=5)).data == b"12345"


def test_an_empty_file(files):
    assert files.take(piece()).size_bytes == 0


def test_files_are_announced_once_in_one_valid_message(files):
    files.take(piece("b/größe 1.csv", b"1"))
    files.take(piece("a.png", b"22"))
    content = files.announce()
    validate_message("display_data", content)
    assert content["data"]["text/plain"] == "b/größe 1.csv\na.png"
    assert content["data"][FILES_TYPE]["files"] == [
        {"name": "b/größe 1.csv", "size": 1, "type": "text/csv", "url": f"/files/{ID}/b/gr%C3%B6%C3%9Fe%201.csv"},
        {"name": "a.png", "size": 2, "type": "image/png", "url": f"/files/{ID}/a.png"},
    ]
    assert files.announce() is None


def test_a_file_with_a_bad_name_is_left_out_and_its_student_is_told(files):
    assert files.take(piece("../etc", b"1")) is None
    assert files.announce() is None
    assert files.left_out == ["The file '../etc' was not handed over: its name is no plain path.\n"]


@pytest.mark.parametrize(
    ("pieces", "sentence"),
    [
        ([piece(data=b"12", size=1)], "not as long as it says"),
        ([piece(data=b"12", size=3)], "not as long as it says"),
        ([piece(data=b"12", size=3, last=False), piece(data=b"12", size=3)], "not as long as it says"),
        ([piece(data=b"1", size=3, last=False), piece(data=b"1", size=3)], "not as long as it says"),
        ([piece(data=b"1", size=2, last=False), piece(data=b"1", size=3)], "in the middle of another"),
        ([piece(data=b"1", size=2, last=False), piece("b", b"1", size=2)], "in the middle of another"),
        ([piece(data=b"1"), piece(data=b"1")], "the same file twice"),
        ([piece(size=-1)], "a file of -1 bytes"),
        ([piece(data=b"x" * 11)], "a file of 11 bytes"),
        ([piece(size=1 << 63, last=False, data=b"x")], "a file of 9223372036854775808 bytes"),
        ([piece(size=5, last=False)], "a piece of a file of 0 bytes"),
        ([piece(data=bytes(CHUNK_BYTES + 1))], f"a piece of a file of {CHUNK_BYTES + 1} bytes"),
        ([piece(name, b"x" * 7) for name in "abc"], "more than 20 bytes together"),
        ([piece(name) for name in "abcd"], "more than 3 files"),
    ],
)
def test_pieces_that_do_not_fit_together_are_the_supervisors_fault(files, pieces, sentence):
    for good in pieces[:-1]:
        files.take(good)
    with pytest.raises(SupervisorProtocolError, match=sentence):
        files.take(pieces[-1])


@pytest.mark.parametrize("sizes", [(10, 9), (10, 10), (7, 7, 6)])
def test_the_limits_themselves_are_allowed(files, sizes):
    for name, size in zip("abc", sizes, strict=False):
        assert files.take(piece(name, b"x" * size)).size_bytes == size


PIECE = st.builds(
    File, st.just("s"), st.just(ID), st.sampled_from(["a", "b", "../c"]) | st.text(max_size=5), st.integers(-2, 12),
    st.binary(max_size=12), st.booleans(),
)  # fmt: skip


@given(st.lists(PIECE, max_size=10))
def test_any_pieces_are_whole_files_or_a_fault(pieces):
    files = OutputFiles(ID, settings_file.load(cell_files_max=3, cell_file_bytes_max=10, cell_files_bytes_max=20))
    try:
        for one in pieces:
            file = files.take(one)
            assert file is None or len(file.data) == file.size_bytes <= 10
    except SupervisorProtocolError as error:
        assert str(error)
