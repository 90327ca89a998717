"""Expiry: a computation in a language that no account can run ends; one that an account may still run waits."""

from __future__ import annotations

import pytest

from store import Store
from tests.store.conftest import age, state_of, submit

RUNS_PYTHON = {"languages": [{"name": "python", "version": "3"}]}
RUNS_OTHERS = {"languages": [{"name": "other", "version": "1"}]}
LOADS_PYTHON = {**RUNS_OTHERS, "loading": ["python"], "failed": []}
LOST_PYTHON = {**RUNS_OTHERS, "loading": [], "failed": ["python"]}
HAS_NOT_SAID = {"languages": []}


def wait_long(store: Store) -> str:
    """Return a computation that has waited for an hour."""
    id = submit(store)
    age(store, "computations", {"_id": id}, "submitted", 3600)
    return id


@pytest.mark.parametrize("account", [RUNS_OTHERS, LOST_PYTHON], ids=["not installed", "cannot be loaded"])
def test_a_cell_that_no_account_can_run_ends_with_a_whole_conversation(store: Store, account: dict) -> None:
    id = wait_long(store)
    store.devices.report("device-1", "here", {"accounts": [account]})
    store.claims.expire()
    assert state_of(store, id) == ("failed", "session_gone")
    found = store.messages.after(id, -1)
    assert found and b'"idle"' in found[0][-1]


def test_the_turns_behind_it_end_too(store: Store) -> None:
    first = submit(store, keep=True)
    session = store.computations.get(first).session
    second = submit(store, session=session, keep=True)
    age(store, "computations", {"_id": first}, "submitted", 3600)
    store.devices.report("device-1", "here", {"accounts": [RUNS_OTHERS]})
    store.claims.expire()
    assert state_of(store, second) == ("failed", "session_gone")


@pytest.mark.parametrize(
    "accounts",
    [[], [HAS_NOT_SAID], [RUNS_OTHERS, HAS_NOT_SAID], [RUNS_OTHERS, RUNS_PYTHON], [RUNS_OTHERS, LOADS_PYTHON]],
    ids=["no account", "none has said", "one has not said", "one of two can", "one of two is about to"],
)
def test_a_cell_that_an_account_may_run_waits(store: Store, accounts: list[dict]) -> None:
    id = wait_long(store)
    store.devices.report("device-1", "here", {"accounts": accounts})
    store.claims.expire()
    assert state_of(store, id) == ("queued", None)


def test_a_cell_that_has_just_come_waits(store: Store) -> None:
    id = submit(store)
    store.devices.report("device-1", "here", {"accounts": [RUNS_OTHERS]})
    store.claims.expire()
    assert state_of(store, id) == ("queued", None)
