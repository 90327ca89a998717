"""Budgets of CPU time: charged once for all processes, whole again with time, overdrawn at the limit and not before."""

from __future__ import annotations

import threading
from datetime import datetime, timedelta, timezone

import pytest

from store import Requester, Store
from store.rules import Key
from tests import threads
from tests.store.conftest import Connect, age, database_of

A, B = Requester("a", "https://pages.example.org", None), Requester("b", "https://pages.example.org", None)


def left_s(store: Store, requester: Requester) -> dict[str, int]:
    """Return what is left of each budget, in whole CPU seconds."""
    found = store.budgets.look(requester, datetime.now(timezone.utc))
    return {kind: round(budget.left_s) for kind, budget in found.items()}


def test_a_new_client_has_the_whole_budget(connect: Connect) -> None:
    store = connect(client_cpu_s_per_hour=100.0, origin_cpu_s_per_hour=500.0)
    assert left_s(store, A) == {"client": 100, "origin": 500}
    assert left_s(store, Requester(None)) == {} and store.budgets.overdrawn() == {}


def test_what_a_client_uses_is_taken_off_its_budget_and_its_origin_s(connect: Connect) -> None:
    store = connect(client_cpu_s_per_hour=100.0, origin_cpu_s_per_hour=500.0)
    store.budgets.charge({A: 30.0, B: 20.0})
    store.budgets.charge({A: 10.0})
    another = connect(client_cpu_s_per_hour=100.0, origin_cpu_s_per_hour=500.0)
    assert left_s(another, A) == {"client": 60, "origin": 440}
    assert left_s(another, B) == {"client": 80, "origin": 440}


@pytest.mark.parametrize(("cpu_s", "is_overdrawn"), [(99.0, False), (101.0, True), (1000.0, True)])
def test_a_budget_is_overdrawn_when_all_of_it_is_used_and_not_before(
    connect: Connect, cpu_s: float, is_overdrawn: bool
) -> None:
    store = connect(client_cpu_s_per_hour=100.0)
    store.budgets.charge({A: cpu_s})
    overdrawn = store.budgets.overdrawn()
    assert set(overdrawn) == ({"client:a"} if is_overdrawn else set())
    if is_overdrawn:
        again_s = (overdrawn["client:a"] - datetime.now(timezone.utc)).total_seconds()
        assert again_s == pytest.approx((cpu_s - 100) * 36, abs=5)
        assert store.budgets.look(A, datetime.now(timezone.utc))["client"].again_s == pytest.approx(again_s, abs=5)


def test_a_budget_comes_back_with_time_and_never_exceeds_itself(connect: Connect) -> None:
    store = connect(client_cpu_s_per_hour=100.0)
    store.budgets.charge({A: 150.0})
    for hours, expected in ((0.25, -25), (0.5, 25), (0.5, 75), (5, 100)):
        age(store, "budgets", {"_id": "client:a"}, "whole", hours * 3600)
        assert left_s(store, A)["client"] == expected
    store.budgets.charge({A: 10.0})
    assert left_s(store, A)["client"] == 90


def test_a_key_has_its_own_budget_or_that_of_the_settings(connect: Connect) -> None:
    store = connect(key_cpu_s_per_hour=200.0)
    store.keys.make(Key("course", "page", cpu_s_per_hour=10.0))
    store.keys.make(Key("book", "page"))
    store.budgets.charge({Requester("a", None, "course"): 5.0, Requester("a", None, "book"): 5.0})
    assert left_s(store, Requester(None, None, "course")) == {"key": 5}
    assert left_s(store, Requester(None, None, "book")) == {"key": 195}
    store.budgets.charge({Requester("a", None, "course"): 6.0})
    assert set(store.budgets.overdrawn()) == {"key:course"}


def test_devices_that_charge_at_once_lose_nothing(connect: Connect) -> None:
    def charge() -> None:
        store = connect(client_cpu_s_per_hour=1000.0)
        for _ in range(20):
            store.budgets.charge({A: 1.0})

    threads.run([threading.Thread(target=charge) for _ in range(4)])
    assert left_s(connect(client_cpu_s_per_hour=1000.0), A)["client"] == 920


def test_mongodb_forgets_budgets_that_are_whole(store: Store) -> None:
    store.budgets.charge({A: 1.0})
    budgets = database_of(store).collection("budgets")
    assert budgets.index_information()["whole"]["expireAfterSeconds"] == 0
    found = budgets.find_one({"_id": "client:a"})
    assert found and found["whole"] < datetime.now(timezone.utc) + timedelta(seconds=2)


def test_looking_for_what_is_overdrawn_reads_no_other_budgets(store: Store) -> None:
    store.budgets.charge({Requester(f"client-{number}"): 1.0 for number in range(200)})
    store.budgets.charge({A: 1e6})
    database = database_of(store).ready()
    database.command("profile", 2)
    try:
        assert len(store.budgets.overdrawn()) == 2
    finally:
        database.command("profile", 0)
    [entry] = database["system.profile"].find({"ns": f"{database.name}.budgets"})
    assert entry["docsExamined"] <= 5, entry["planSummary"]
