"""Files for jobs: each owner finds its own, and those that nobody has used for longest make room."""

from __future__ import annotations

from datetime import timedelta

import pytest

from store import Store, job_files
from tests.store.conftest import database_of

ONE, OTHER = ("one", "one of yesterday"), ("other",)


def test_an_owner_finds_its_file_again_also_under_yesterday_s_name(store: Store) -> None:
    files = store.job_files
    assert files.get(ONE, "a" * 8) is None and not files.has(ONE, "a" * 8)
    files.put(ONE, "a" * 8, b"\0\xff")
    files.put(ONE[1:], "b" * 8, b"old")
    assert files.get(ONE, "a" * 8) == b"\0\xff" and files.has(ONE, "b" * 8)
    files.put(ONE, "a" * 8, b"new")
    assert files.get(ONE, "a" * 8) == b"new"
    assert files.get(OTHER, "a" * 8) is None and not files.has(OTHER, "b" * 8)


def test_the_files_of_a_client_go_with_everything_of_it(store: Store) -> None:
    owners = [(store.clients.identity(f"203.0.113.{number}"),) for number in (1, 2)]
    for owner in owners:
        store.job_files.put(owner, "a" * 8, b"x")
    store.deletion.client("203.0.113.1")
    assert [store.job_files.has(owner, "a" * 8) for owner in owners] == [False, True]


@pytest.mark.parametrize(("more_bytes", "kept"), [(-1, True), (0, True), (1, False)])
def test_the_file_of_an_owner_that_was_used_longest_ago_makes_room(
    store: Store, monkeypatch: pytest.MonkeyPatch, more_bytes: int, kept: bool
) -> None:
    monkeypatch.setattr(job_files, "OWNER_BYTES_MAX", 3 * (100 + job_files.DOCUMENT_BYTES))
    for owner, id in ((OTHER, "theirs00"), (ONE, "first000"), (ONE, "second00")):
        store.job_files.put(owner, id, b"x" * 100)
    database_of(store).collection("job_files").update_one(
        {"_id": "one first000"}, [{"$set": {"used": {"$subtract": ["$used", 2 * 86_400_000]}}}]
    )
    store.job_files.put(ONE, "third000", b"x" * (100 + more_bytes))
    found = [store.job_files.has(owner, id) for owner, id in ((OTHER, "theirs00"), (ONE, "first000"))]
    assert found == [True, kept] and store.job_files.has(ONE, "second00")


def test_a_file_that_is_read_is_a_used_one(store: Store) -> None:
    store.job_files.put(ONE, "a" * 8, b"x")
    collection = database_of(store).collection("job_files")
    before = collection.find_one({})["used"] - 2 * timedelta(days=1)
    collection.update_one({}, {"$set": {"used": before}})
    assert store.job_files.get(ONE, "a" * 8) == b"x"
    assert collection.find_one({})["used"] > before + timedelta(days=1)


def test_all_files_together_are_bounded(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(job_files, "BYTES_MAX", 3000)
    for number in range(4):
        store.job_files.put((f"owner {number}",), "a" * 8, b"x" * 1000)
    assert [store.job_files.has((f"owner {number}",), "a" * 8) for number in (0, 3)] == [False, True]
