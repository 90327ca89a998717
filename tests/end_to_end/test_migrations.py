"""A server brings its database to this version's shape by itself."""

from __future__ import annotations

from typing import Any

from pymongo import MongoClient

from harness.processes import wait_for
from harness.server import Server
from store import address, schema
from store.migrations import MIGRATIONS


def test_a_device_runs_what_expands_and_nothing_that_contracts(server: Server) -> None:
    expanding = [one.number for one in MIGRATIONS if not one.contracts]
    with MongoClient[dict[str, Any]](address.uri(server.data / "mongo")) as mongo:
        wait_for(lambda: sorted(schema.read(mongo["singlecell"])["done"]) == expanding)
        assert schema.read(mongo["singlecell"])["oldest"] == 0
