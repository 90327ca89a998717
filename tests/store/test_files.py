"""Files: streamed in and out, a version for each computation."""

from __future__ import annotations

import io

import pytest

from store import Store, Submission
from tests.store.conftest import claim, database_of, let_lease_run_out, submit

BIG = bytes(range(256)) * 4096  # 1 MiB, some pieces


def write(store: Store, held, name: str, content: bytes) -> None:
    """Store a file that the claim's computation made."""
    with store.files.write(held, name) as writer:
        for start in range(0, len(content), 100_000):
            writer.write(content[start : start + 100_000])


def test_a_file_is_read_from_any_place(store: Store) -> None:
    id = submit(store)
    held = claim(store)
    write(store, held, "plots/é.png", BIG)
    [entry] = store.files.list(id)
    assert (entry.name, entry.size, entry.type) == ("plots/é.png", len(BIG), "image/png")
    file = store.files.open(id, "plots/é.png")
    assert file and (file.size, file.type, file.seekable()) == (len(BIG), "image/png", True)
    assert file.uploaded == entry.uploaded and file.uploaded.utcoffset() is not None
    assert file.read(10) == BIG[:10]
    assert file.seek(500_000) == 500_000 and file.read(300_000) == BIG[500_000:800_000] and file.tell() == 800_000
    assert file.seek(-5, io.SEEK_END) == len(BIG) - 5 and file.read() == BIG[-5:] and file.read() == b""
    file.seek(0)
    assert io.BufferedReader(file).read() == BIG


def test_no_command_carries_more_than_a_mebibyte_of_a_file(store: Store) -> None:
    content, database = BIG * 3 + b"x", database_of(store).ready()
    database.command("profile", 2)
    try:
        store.computations.submit(Submission("1", "python", uploads=(("in", io.BytesIO(content)),)))
        held = claim(store)
        write(store, held, "out", content)
        [(_name, upload)] = store.files.uploads(held.id)
        file = store.files.open(held.id, "out")
        assert file and upload.read() == file.read() == content
    finally:
        database.command("profile", 0)
    commands = list(database["system.profile"].find({"ns": f"{database.name}.files.chunks"}))
    written = [entry["ninserted"] for entry in commands if entry["op"] == "insert"]
    assert sum(written) == 2 * 13 and max(written) <= 4  # pieces of 256 KiB
    assert max(entry.get("nreturned", 0) for entry in commands) == 1


def test_each_computation_has_its_own_version(store: Store) -> None:
    ids = []
    for content in (b"old", b"new"):
        ids.append(submit(store))
        held = claim(store)
        write(store, held, "a.txt", b"draft")
        write(store, held, "a.txt", content)
        store.claims.finish(held, "done")
    for id, content in zip(ids, (b"old", b"new"), strict=True):
        [entry] = store.files.list(id)
        assert entry.size == 3
        file = store.files.open(id, "a.txt")
        assert file and file.read() == content


def test_what_a_lost_attempt_wrote_is_not_shown(store: Store) -> None:
    id = submit(store)
    write(store, claim(store), "a.txt", b"first")
    let_lease_run_out(store, id)
    store.claims.expire()
    assert store.files.list(id) == [] and store.files.open(id, "a.txt") is None
    write(store, claim(store), "a.txt", b"second")
    file = store.files.open(id, "a.txt")
    assert file and file.read() == b"second"


def test_a_file_that_breaks_off_leaves_nothing(store: Store) -> None:
    id = submit(store)
    held = claim(store)
    with pytest.raises(RuntimeError), store.files.write(held, "a.bin") as writer:
        writer.write(BIG)
        raise RuntimeError("the wall fell")
    assert store.files.list(id) == []
    assert database_of(store).collection("files.chunks").count_documents({}) == 0


def test_uploads_come_with_their_computation_and_are_not_its_output(store: Store) -> None:
    uploads = (("data/b.csv", io.BytesIO(BIG)), ("a", io.BytesIO(b"")))
    computation = store.computations.submit(Submission("1", "python", uploads=uploads))
    held = claim(store)
    assert held.uploads == ["data/b.csv", "a"]
    assert {name: file.read() for name, file in store.files.uploads(held.id)} == {"a": b"", "data/b.csv": BIG}
    assert store.files.list(computation.id) == [] and store.files.open(computation.id, "a") is None


def test_an_upload_that_breaks_off_stores_nothing(store: Store) -> None:
    class Broken(io.BytesIO):
        def read(self, size: int | None = -1, /) -> bytes:
            raise OSError("the client went away")

    with pytest.raises(OSError, match="went away"):
        store.computations.submit(Submission("1", "python", uploads=(("a", io.BytesIO(BIG)), ("b", Broken()))))
    for name in ("computations", "files.files", "files.chunks"):
        assert database_of(store).collection(name).count_documents({}) == 0


@pytest.mark.parametrize(
    ("name", "media_type"),
    [
        ("a.PNG", "image/png"), ("a.csv", "text/csv"), ("a.tar.gz", "application/octet-stream"),
        ("a", "application/octet-stream"), (".png", "application/octet-stream"),
        ("dir.png/a", "application/octet-stream"),
    ],
)  # fmt: skip
def test_the_type_is_that_of_the_name(store: Store, name: str, media_type: str) -> None:
    id = submit(store)
    write(store, claim(store), name, b"x")
    assert [entry.type for entry in store.files.list(id)] == [media_type]


def test_absent_files_are_none(store: Store) -> None:
    id = submit(store)
    assert store.files.open(id, "a") is None and store.files.open("never", "a") is None
    assert store.files.list("never") == [] and store.files.uploads("never") == []
