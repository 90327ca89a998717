"""Drops the indexes that no query of this version uses any more; each costs a write of every computation."""

from __future__ import annotations

from pymongo.errors import OperationFailure

from store.database import Database, Documents
from store.migrations.migration import Migration

RETIRED = {"computations": ("queue", "waiting")}
_INDEX_NOT_FOUND = 27  # MongoDB's code of an error


def batch(database: Database, _at_once: int) -> int:
    """Drop them; return how many there were. Raises PyMongoError."""
    dropped = 0
    for name, retired in RETIRED.items():
        collection = database.collection(name)
        for index in collection.index_information().keys() & set(retired):
            dropped += _drop(collection, index)
    return dropped


def _drop(collection: Documents, index: str) -> int:
    try:
        collection.drop_index(index)
    except OperationFailure as error:
        if error.code != _INDEX_NOT_FOUND:  # another process dropped it at the same time
            raise
        return 0
    return 1


MIGRATION = Migration(2, "The indexes that older versions used are dropped.", batch, contracts=True)
