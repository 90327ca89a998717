"""The database: its indexes are made by the first who connects."""

from __future__ import annotations

import pytest

from tests.mongod import new_name
from tests.store.conftest import Connect, database_of


@pytest.fixture
def database_name() -> str:
    """A new database: nobody knows that its indexes are there."""
    return new_name()


def test_the_index_that_an_older_server_left_is_dropped(connect: Connect) -> None:
    first = connect()
    first.ping()
    computations = database_of(first).collection("computations")
    kept = set(computations.index_information())
    computations.create_index([("submitted", 1), ("order", 1)], name="queue")
    for _ in range(2):
        connect().ping()
        assert set(computations.index_information()) == kept
    assert {"_id_", "line", "turns"} <= kept
