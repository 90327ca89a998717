"""Messages: in order, without gaps, however they were cut into batches."""

from __future__ import annotations

import json

import pytest

from store import Store, messages
from tests.store.conftest import claim, database_of, message, submit, texts


def test_messages_come_back_as_they_were_written(store: Store) -> None:
    id = submit(store)
    held = claim(store)
    odd = b'{"header":{},"content":{"$set":{"a.b":123456789012345678901234567890}, "x":"\\ud83d\\u0000"}}'
    store.claims.append(held, [odd])
    found = store.messages.after(id, -1)
    assert found and found[0] == [b'{"sequence":0,"attempt":1,' + odd[1:]]


def test_any_place_inside_batches_can_be_resumed(store: Store) -> None:
    id = submit(store)
    held = claim(store)
    said = [f"{number}" for number in range(10)]
    for first, end in ((0, 3), (3, 4), (4, 9), (9, 10)):
        store.claims.append(held, [message(text) for text in said[first:end]])
    for after in range(-1, 10):
        assert texts(store, id, after) == said[after + 1 :]


def test_ten_large_messages_are_split_into_documents_that_mongodb_takes(store: Store) -> None:
    id = submit(store)
    held = claim(store)
    said = [f"{number}" * (5 << 20) for number in range(10)]
    store.claims.append(held, [message(text) for text in said])
    assert texts(store, id) == said
    assert database_of(store).collection("messages").count_documents({"computation": id}) == 5


def test_a_reader_may_stop_after_so_many_bytes(store: Store) -> None:
    id = submit(store)
    held = claim(store)
    for number in range(5):
        store.claims.append(held, [message(f"{number}" * 1000)])
    found = store.messages.after(id, 0, bytes_max=2000)
    assert found and [json.loads(text)["sequence"] for text in found[0]] == [1, 2] and found[1].sequence == 4


@pytest.mark.parametrize(("extra", "fine"), [(-1, True), (0, True), (1, False)])
def test_the_limit_of_one_message(store: Store, monkeypatch: pytest.MonkeyPatch, extra: int, fine: bool) -> None:
    monkeypatch.setattr("store.messages.BATCH_BYTES_MAX", 1000)
    submit(store)
    held = claim(store)
    text = message("x" * (1000 + extra - len(message(""))))
    if fine:
        store.claims.append(held, [text, text])
    else:
        with pytest.raises(ValueError, match="1000 bytes"):
            store.claims.append(held, [text])
    assert held.sequence == (1 if fine else -1)


def test_what_is_no_object_is_refused(store: Store) -> None:
    submit(store)
    held = claim(store)
    with pytest.raises(ValueError, match="JSON object"):
        store.claims.append(held, [b"[1]"])
    store.claims.finish(held, "done", messages=[message("a")])
    assert texts(store, held.id) == ["a"]


def test_nothing_to_append_changes_nothing(store: Store) -> None:
    id = submit(store)
    store.claims.append(claim(store), [])
    assert texts(store, id) == []


@pytest.mark.parametrize("long", [False, True])
def test_the_last_messages_can_be_read_from_any_place_wherever_they_are_kept(store: Store, long: bool) -> None:
    id = submit(store)
    held = claim(store)
    said = ["a", "b", "c", "d" * (messages.INSIDE_BYTES_MAX if long else 1), "e"]
    store.claims.append(held, [message(text) for text in said[:2]])
    store.claims.finish(held, "done", messages=[message(text) for text in said[2:]])
    for after in range(-1, 5):
        assert texts(store, id, after) == said[after + 1 :]
    assert database_of(store).collection("messages").count_documents({"computation": id}) == (2 if long else 1)


def test_what_ends_with_few_words_is_one_document(store: Store) -> None:
    id = submit(store)
    store.claims.finish(claim(store), "done", messages=[message("a"), message("b")])
    assert texts(store, id) == ["a", "b"] and database_of(store).collection("messages").count_documents({}) == 0
