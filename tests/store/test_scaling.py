"""What KEDA asks the database, to decide how many pods run, counts what waits and what runs, and scans nothing."""

from __future__ import annotations

import yaml

from harness.server import ROOT
from store import Store
from store.database import Database
from tests.store.conftest import submit, try_claim


def test_the_scaler_counts_what_waits_and_what_runs_and_scans_nothing(store: Store, database: Database) -> None:
    text = (ROOT / "deploy" / "kubernetes" / "keda" / "scaled-object.yaml").read_text()
    scaled, _authentication = yaml.safe_load_all(text)
    (trigger,) = scaled["spec"]["triggers"]
    metadata = trigger["metadata"]
    assert trigger["type"] == "mongodb" and all(isinstance(value, str) for value in metadata.values())
    collection, query = database.collection(metadata["collection"]), yaml.safe_load(metadata["query"])
    over, runs, waits = (submit(store) for _ in range(3))
    store.computations.request_cancel(over)
    claim = try_claim(store)
    assert claim is not None and claim.id == runs
    assert {found["_id"] for found in collection.find(query)} == {runs, waits}
    plan = str(collection.find(query).explain()["queryPlanner"]["winningPlan"])
    assert "IXSCAN" in plan and "COLLSCAN" not in plan
