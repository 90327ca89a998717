"""Permalinks: code is kept under its id until there is no room for it."""

from __future__ import annotations

from typing import Any

import pytest

from store import ClientFullError, Permalink, Store
from tests.store.conftest import Connect, database_of


def test_a_permalink_gives_its_code_back(store: Store) -> None:
    code = "$é\r\n\0\U0001f600"
    id = store.permalinks.create(code, "python")
    assert store.permalinks.get(id) == Permalink(code, "python")
    assert store.permalinks.create(code, "python") == id
    assert len({id, store.permalinks.create(code, "sage"), store.permalinks.create(code + " ", "python")}) == 3
    assert len(id) == 16 and store.permalinks.get("x" * 16) is None


@pytest.mark.parametrize("bounds", [{"permalinks_max": 3}, {"permalinks_bytes_max": 2500}])
def test_a_permalink_too_many_costs_the_one_that_nobody_used_for_longest(
    connect: Connect, bounds: dict[str, Any]
) -> None:
    store = connect(**bounds, client_permalinks_day_bytes_max=2048)
    ids = [store.permalinks.create(f"{number}" * 600, "python") for number in range(3)]
    assert all(store.permalinks.get(id) for id in ids)
    for id in (ids[0], ids[2]):
        database_of(store).collection("permalinks").update_one({"_id": id}, {"$currentDate": {"used": True}})
    ids.append(store.permalinks.create("3" * 600, "python"))
    assert [store.permalinks.get(id) is not None for id in ids] == [True, False, True, True]


def test_a_permalink_that_was_read_is_a_used_one(connect: Connect) -> None:
    store = connect(permalinks_max=2)
    old, new = (store.permalinks.create(code, "python") for code in ("a", "b"))
    permalinks = database_of(store).collection("permalinks")
    for id, days in ((old, 30), (new, 20)):
        permalinks.update_one({"_id": id}, [{"$set": {"used": {"$subtract": ["$used", days * 86_400_000]}}}])
    assert store.permalinks.get(old)
    store.permalinks.create("c", "python")
    assert store.permalinks.get(old) and store.permalinks.get(new) is None


@pytest.mark.parametrize(("more_bytes", "refused"), [(-1, False), (0, False), (1, True)])
def test_a_client_s_permalinks_of_a_day_are_bounded_to_the_byte(
    connect: Connect, more_bytes: int, refused: bool
) -> None:
    overhead = 256 + len("python")
    store = connect(client_permalinks_day_bytes_max=2 * overhead + 1000)
    store.permalinks.create("a" * 500, "python", client="a")
    for _ in range(3):  # the same again costs nothing
        store.permalinks.create("a" * 500, "python", client="a")
    if refused:
        with pytest.raises(ClientFullError, match="tomorrow"):
            store.permalinks.create("b" * (500 + more_bytes), "python", client="a")
    else:
        store.permalinks.create("b" * (500 + more_bytes), "python", client="a")
    store.permalinks.create("c" * 500, "python", client="b")
