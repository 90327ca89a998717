"""Files out of a work directory that holds whatever user code likes: each kind has an answer, none is followed."""

from __future__ import annotations

import errno
import os
import socket
import threading
from types import SimpleNamespace

import pytest

from untrusted.supervisor import output_files
from untrusted.supervisor.output_files import Complaints, Walk, harvest, snapshot

LIMITS = SimpleNamespace(cell_files_max=5, cell_file_bytes_max=1000, cell_files_bytes_max=3000)


@pytest.fixture
def work(tmp_path):
    """Return a work directory as (path, handle)."""
    handle = os.open(tmp_path, os.O_RDONLY | os.O_DIRECTORY)
    yield tmp_path, handle
    os.close(handle)


def handed_over(handle: int, before: dict, limits: SimpleNamespace, sentences: list[str]):
    """Yield the files that are new or changed, as ``harvest`` does, without its pauses."""
    complaints = Complaints(sentences)
    walk = Walk(handle, complaints)
    assert all(pause is None for pause in walk.slices())
    yield from filter(None, harvest(handle, walk.changed(before), limits, complaints))


def take(
    handle: int, before: dict | None = None, limits: SimpleNamespace = LIMITS
) -> tuple[dict[str, bytes], list[str]]:
    """Return the files that come out, and the sentences about the others."""
    sentences: list[str] = []
    found = {}
    for name, size_bytes, pieces in handed_over(handle, before or {}, limits, sentences):
        parts = list(pieces)
        assert [last for _data, last in parts] == [False] * (len(parts) - 1) + [True]
        found[name] = b"".join(data for data, _last in parts)
        assert len(found[name]) == size_bytes
    return found, sentences


def test_new_and_changed_files_come_out_and_others_do_not(work):
    path, handle = work
    (path / "old").write_bytes(b"1")
    (path / "changed").write_bytes(b"1")
    before = snapshot(handle)
    (path / "changed").write_bytes(b"2")
    (path / "new").write_bytes(b"3")
    assert take(handle, before) == ({"changed": b"2", "new": b"3"}, [])
    assert take(handle, snapshot(handle)) == ({}, [])


def test_a_change_that_hides_itself_is_seen(work):
    """Same size and forged times: the kernel's change time tells."""
    path, handle = work
    (path / "a").write_bytes(b"1")
    state, before = os.stat(path / "a"), snapshot(handle)
    (path / "a").write_bytes(b"2")
    os.utime(path / "a", ns=(state.st_atime_ns, state.st_mtime_ns))
    assert take(handle, before)[0] == {"a": b"2"}


def test_empty_files_and_files_in_directories_come_out(work):
    path, handle = work
    (path / "a" / "b" / "c").mkdir(parents=True)
    (path / "a" / "b" / "c" / "file").write_bytes(b"x")
    (path / "empty").touch()
    assert take(handle)[0] == {"a/b/c/file": b"x", "empty": b""}


def test_links_of_every_kind_are_refused(work):
    """F1, F2, F4, F6, F9"""
    path, handle = work
    (path / "real").write_bytes(b"x")
    os.symlink("/etc/passwd", path / "absolute")
    os.symlink("../../../../etc/passwd", path / "relative")
    os.symlink("/proc/self/environ", path / "magic")
    os.symlink("/", path / "directory")
    os.symlink("loop", path / "loop")
    os.symlink("real", path / "inner")
    os.link(path / "real", path / "hard")
    found, sentences = take(handle)
    assert found == {}
    assert len(sentences) == 8
    assert sum("it is a link" in sentence for sentence in sentences) == 6
    assert sum("more than one name" in sentence for sentence in sentences) == 2


@pytest.mark.parametrize(
    ("path", "error"),
    [
        (b"inner/a", errno.ELOOP),
        (b"outer/passwd", errno.ELOOP),
        (b"d/../../x", errno.EXDEV),
        (b"/etc/passwd", errno.EXDEV),
    ],
)
def test_a_path_that_turns_into_links_or_upwards_is_not_opened(work, path, error):
    """What the walk saw as directories may be links by the time it opens them."""
    directory, handle = work
    (directory / "d").mkdir()
    (directory / "d" / "a").write_bytes(b"1")
    (directory / "inner").symlink_to("d")
    (directory / "outer").symlink_to("/etc")
    with pytest.raises(OSError) as caught:
        output_files.open_beneath(handle, path)
    assert caught.value.errno == error


def test_another_file_system_and_its_magic_links_are_not_entered():
    root = os.open("/", os.O_RDONLY | os.O_DIRECTORY)
    own = os.open("/proc/self/fd", os.O_RDONLY | os.O_DIRECTORY)
    try:
        for handle, path, error in ((root, b"proc/version", errno.EXDEV), (own, b"%d/usr" % root, errno.ELOOP)):
            with pytest.raises(OSError) as caught:
                output_files.open_beneath(handle, path)
            assert caught.value.errno == error
    finally:
        os.close(root)
        os.close(own)


def test_fifos_and_sockets_are_refused_without_waiting(work):
    """F5"""
    path, handle = work
    os.mkfifo(path / "fifo")
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(str(path / "socket"))
    found, sentences = take(handle)
    assert found == {}
    assert [sentence.partition(": ")[2] for sentence in sentences] == ["it is not a regular file."] * 2


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can make devices and files of others")
def test_devices_and_files_of_others_are_refused(work):
    """F4, F5"""
    path, handle = work
    os.mknod(path / "zero", 0o20666, os.makedev(1, 5))
    (path / "other").write_bytes(b"x")
    os.chown(path / "other", 12345, 12345)
    found, sentences = take(handle)
    assert found == {}
    assert ["somebody else" in sentences[0], "regular" in sentences[1]] == [True, True]


@pytest.mark.parametrize(("size_bytes", "taken"), [(999, True), (1000, True), (1001, False)])
def test_the_limit_of_one_file_holds_to_the_byte(work, size_bytes, taken):
    """F8"""
    path, handle = work
    (path / "a").write_bytes(bytes(size_bytes))
    found, sentences = take(handle)
    assert (found == {"a": bytes(size_bytes)}) is taken
    assert (sentences == []) is taken


def test_a_giant_without_blocks_is_refused_by_its_size(work):
    """F8"""
    path, handle = work
    with open(path / "giant", "wb") as file:
        file.truncate(1 << 40)
    assert take(handle) == ({}, [f"The file 'giant' was not handed over: it has {1 << 40} bytes and 1000 are allowed."])


@pytest.mark.parametrize(
    ("sizes", "taken"), [([1000, 1000, 999], 3), ([1000, 1000, 1000], 3), ([1000, 1000, 1000, 1], 3)]
)
def test_the_limit_of_all_files_together_holds_to_the_byte(work, sizes, taken):
    path, handle = work
    for number, size_bytes in enumerate(sizes):
        (path / str(number)).write_bytes(bytes(size_bytes))
    found, sentences = take(handle)
    assert (len(found), len(sentences)) == (taken, len(sizes) - taken)


@pytest.mark.parametrize("count", [4, 5, 6])
def test_the_limit_of_their_number_holds_and_takes_the_first_by_name(work, count):
    """F10"""
    path, handle = work
    for number in range(count):
        (path / f"{number}").write_bytes(b"x")
    found, sentences = take(handle)
    assert list(found) == [str(number) for number in range(min(count, 5))]
    assert len(sentences) == max(0, count - 5)


def test_thousands_of_files_end_in_few_sentences(work):
    """F10, A21"""
    path, handle = work
    for number in range(3000):
        (path / f"{number:05}").touch()
    found, sentences = take(handle)
    assert len(found) == 5
    assert len(sentences) == output_files.SENTENCES_MAX + 1
    assert sentences[-1] == f"{3000 - 5 - output_files.SENTENCES_MAX} more files were not handed over."


def test_a_walk_ends_when_there_are_too_many_entries(work, monkeypatch):
    """A22, F10"""
    monkeypatch.setattr(output_files, "ENTRIES_MAX", 10)
    path, handle = work
    for number in range(20):
        (path / str(number)).touch()
    assert len(snapshot(handle)) == 10
    assert any("too many files" in sentence for sentence in take(handle)[1])


def test_a_walk_ends_when_it_takes_too_long(work, monkeypatch):
    path, handle = work
    (path / "a").write_bytes(b"1")
    monkeypatch.setattr(output_files, "WALK_S_MAX", -1.0)
    found, sentences = take(handle)
    assert found == {} and len(sentences) == 1


@pytest.mark.parametrize(("depth", "taken"), [(3, True), (4, False), (100, False)])
def test_directories_are_searched_four_deep(work, depth, taken):
    """A22, F12"""
    path, handle = work
    deep = path.joinpath(*["d"] * depth)
    deep.mkdir(parents=True)
    (deep / "file").touch()
    found, sentences = take(handle)
    assert (len(found) == 1) is taken
    assert (sentences == []) is taken


@pytest.mark.parametrize(
    ("name", "why"),
    [
        (b"new\nline", "characters that cannot be shown"),
        (b"return\r", "characters that cannot be shown"),
        (b"tab\t", "characters that cannot be shown"),
        (b"escape\x1b[31m", "characters that cannot be shown"),
        (b"delete\x7f", "characters that cannot be shown"),
        ("right\u202eto left".encode(), "characters that cannot be shown"),
        ("line\u2028separator".encode(), "characters that cannot be shown"),
        (b"\xff\xfe", "not UTF-8"),
        (b"half \xe2\x82", "not UTF-8"),
        (b"\xed\xa0\x80", "not UTF-8"),
    ],
)
def test_names_that_would_deceive_are_refused_and_shown_in_one_line(work, name, why):
    """F11"""
    path, handle = work
    with open(os.fsencode(path) + b"/" + name, "wb"):
        pass
    found, [sentence] = take(handle)
    assert found == {}
    assert why in sentence
    assert sentence.isprintable() and sentence.isascii()


@pytest.mark.parametrize("name", ["ü", "数", "-rf", "a b", "<img src=x>", "a'b\"c", "a\\b", "x" * 255, "🙂", "~"])
def test_strange_but_honest_names_come_out(work, name):
    """F11"""
    path, handle = work
    (path / name).write_bytes(b"x")
    assert take(handle) == ({name: b"x"}, [])


@pytest.mark.parametrize(("chars", "taken"), [(251, True), (252, True), (253, False)])
def test_the_whole_path_has_at_most_255_bytes(work, chars, taken):
    """F11, F12"""
    path, handle = work
    (path / "ab").mkdir()
    (path / "ab" / ("x" * chars)).touch()
    assert (len(take(handle)[0]) == 1) is taken


def test_hidden_files_and_directories_stay(work):
    """F13"""
    path, handle = work
    (path / ".cache").mkdir()
    (path / ".cache" / "a").touch()
    (path / ".b").touch()
    assert take(handle) == ({}, [])


def test_what_cannot_be_read_is_told(work):
    """F14"""
    if os.geteuid() == 0:
        pytest.skip("root reads everything")
    path, handle = work
    (path / "closed").touch(mode=0)
    (path / "shut").mkdir(mode=0)
    found, sentences = take(handle)
    assert found == {}
    assert len(sentences) == 2


def test_no_swap_between_look_and_open_leads_outside(work):
    """F3"""
    path, handle = work
    secret = path.parent / "secret"
    secret.write_bytes(b"canary")
    (path / "file").write_bytes(b"x")
    (path / "sub").mkdir()
    (path / "sub" / "secret").write_bytes(b"y")
    end = threading.Event()

    def swap() -> None:
        while not end.is_set():
            os.symlink("../secret", path / "link")
            os.replace(path / "link", path / "file")
            (path / "plain").write_bytes(b"x")
            os.replace(path / "plain", path / "file")
            os.rename(path / "sub", path / "moved")
            os.symlink("..", path / "sub")
            os.remove(path / "sub")
            os.rename(path / "moved", path / "sub")

    thread = threading.Thread(target=swap)
    thread.start()
    try:
        for _ in range(2000):
            assert b"canary" not in take(handle)[0].values()
    finally:
        end.set()
        thread.join(30)
        assert not thread.is_alive()


def test_a_file_that_shrinks_is_filled_up_and_one_that_grows_is_cut(work):
    """F7"""
    path, handle = work
    (path / "grows").write_bytes(b"1" * 10)
    (path / "shrinks").write_bytes(b"2" * 10)
    found = {}
    for name, _size, pieces in handed_over(handle, {}, LIMITS, []):
        os.truncate(path / name, 4 if name == "shrinks" else 900)
        found[name] = b"".join(data for data, _last in pieces)
    assert found == {"grows": b"1" * 10, "shrinks": b"2222" + bytes(6)}


def test_big_files_come_in_pieces(work):
    path, handle = work
    (path / "big").write_bytes(os.urandom(output_files.CHUNK_BYTES + 1))
    limits = SimpleNamespace(cell_files_max=1, cell_file_bytes_max=1 << 30, cell_files_bytes_max=1 << 30)
    [(_name, _size, pieces)] = [(n, s, [len(d) for d, _last in p]) for n, s, p in handed_over(handle, {}, limits, [])]
    assert pieces == [output_files.CHUNK_BYTES, 1]


def test_no_descriptor_is_left_open(work):
    path, handle = work
    (path / "a").mkdir()
    (path / "a" / "b").touch()
    os.symlink("a", path / "c")
    before = len(os.listdir("/proc/self/fd"))
    take(handle)
    snapshot(handle)
    generator = handed_over(handle, {}, LIMITS, [])
    next(generator)
    generator.close()
    assert len(os.listdir("/proc/self/fd")) <= before  # what others have left may be collected meanwhile


def test_a_walk_over_many_files_pauses_again_and_again(tmp_path):
    for number in range(5000):
        (tmp_path / f"{'.' * (number % 2)}{number}").touch()
    handle = os.open(tmp_path, os.O_RDONLY | os.O_DIRECTORY)
    walk = Walk(handle)
    assert sum(1 for _pause in walk.slices()) >= 3
    assert walk.whole and len(walk.found) == 2500
    os.close(handle)


def test_a_walk_that_looks_for_a_change_ends_at_the_first(tmp_path):
    for number in range(100):
        (tmp_path / str(number)).touch()
    handle = os.open(tmp_path, os.O_RDONLY | os.O_DIRECTORY)
    walk = Walk(handle)
    list(walk.slices({}))
    assert len(walk.found) == len(walk.changed({})) == 1
    walk.close()
    os.close(handle)
