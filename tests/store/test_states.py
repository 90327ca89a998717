"""States: every allowed move works, every other is refused and changes nothing."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from store import MOVES, OVER, Claim, ComputationOverError, LostClaimError, Store
from store.states import ending
from tests.store.conftest import claim, let_lease_run_out, state_of, submit, try_claim

STATES = ("queued", "running", *sorted(OVER))


def make(store: Store, state: str) -> Claim:
    """Return the claim (for a queued computation: one that never was) of a computation in this state."""
    id = submit(store)
    if state == "queued":
        return Claim(id, "s", 0, "python", "", False, True, None, [], 1, "device-1", "token", -1)
    held = claim(store)
    if state != "running":
        store.claims.finish(held, state, "memory" if state == "failed" else None)
    return held


OPERATIONS: dict[str, tuple[Callable[[Store, Claim], object], str]] = {
    "finish": (lambda store, held: store.claims.finish(held, "done"), "finish"),
    "fail": (lambda store, held: store.claims.finish(held, "failed", "memory"), "fail"),
    "cancel": (lambda store, held: store.claims.finish(held, "cancelled"), "cancel"),
    "lose": (lambda store, held: store.claims.finish(held, "lost"), "lose"),
    "release": (lambda store, held: store.claims.release(held), "retry"),
}


@pytest.mark.parametrize("state", STATES)
@pytest.mark.parametrize("operation", OPERATIONS)
def test_a_device_ends_only_what_runs(store: Store, state: str, operation: str) -> None:
    act, move = OPERATIONS[operation]
    held = make(store, state)
    before = store.computations.get(held.id)
    if state in MOVES[move][0]:
        act(store, held)
        assert state_of(store, held.id)[0] == MOVES[move][1]
    else:
        with pytest.raises(LostClaimError):
            act(store, held)
        assert store.computations.get(held.id) == before


@pytest.mark.parametrize("state", STATES)
def test_only_what_is_queued_is_claimed(store: Store, state: str) -> None:
    held = make(store, state)
    again = try_claim(store)
    assert (again is not None) == (state in MOVES["claim"][0])
    assert state_of(store, held.id)[0] == ("running" if state == "queued" else state)


@pytest.mark.parametrize("state", STATES)
def test_only_what_runs_expires(store: Store, state: str) -> None:
    held = make(store, state)
    if state == "running":
        let_lease_run_out(store, held.id)
    assert store.claims.expire() == ([held.id] if state == "running" else [])
    assert state_of(store, held.id)[0] == ("queued" if state == "running" else state)


@pytest.mark.parametrize("state", STATES)
def test_what_is_over_cannot_be_stopped(store: Store, state: str) -> None:
    held = make(store, state)
    for act in (store.computations.request_interrupt, store.computations.request_cancel):
        if state in OVER:
            with pytest.raises(ComputationOverError):
                act(held.id)
    if state == "queued":
        store.computations.request_cancel(held.id)
        assert state_of(store, held.id) == ("cancelled", "cancelled")
    elif state == "running":
        store.computations.request_cancel(held.id)
        assert state_of(store, held.id) == ("running", None)


@pytest.mark.parametrize(
    ("state", "reason"),
    [("queued", None), ("running", None), ("gone", None), ("failed", None), ("failed", "bad luck"), ("done", "memory")],
)
def test_an_end_that_the_table_does_not_have_is_refused(store: Store, state: str, reason: str | None) -> None:
    held = make(store, "running")
    with pytest.raises(ValueError, match=r"computation ends as|no reason"):
        store.claims.finish(held, state, reason)
    assert state_of(store, held.id)[0] == "running"


def test_each_end_has_its_reason() -> None:
    assert [ending(state, None)[1] for state in ("done", "cancelled", "lost")] == [None, "cancelled", "lost"]
    assert ending("failed", "time_wall") == ("fail", "time_wall")


def test_the_table_leaves_no_last_state() -> None:
    assert not OVER & {state for sources, _ in MOVES.values() for state in sources}
