"""Claims: what a dead device held runs again or ends, and what it still writes is never seen."""

from __future__ import annotations

import pytest

from store import LostClaimError, Store
from store import messages as batches
from tests.store.conftest import (
    Connect,
    age,
    claim,
    database_of,
    let_lease_run_out,
    message,
    state_of,
    submit,
    texts,
    try_claim,
)


def test_a_renewed_lease_does_not_run_out(store: Store) -> None:
    id = submit(store)
    held = claim(store)
    let_lease_run_out(store, id)
    [wish] = store.claims.renew([held])
    assert not wish.lost
    assert store.claims.expire() == []


def test_a_computation_whose_device_died_runs_again_with_rising_sequences(store: Store) -> None:
    id = submit(store)
    first = claim(store, "device-1")
    store.claims.append(first, [message("a"), message("b")])
    let_lease_run_out(store, id)
    assert store.claims.expire() == [id]
    assert state_of(store, id) == ("queued", None)
    second = claim(store, "device-2")
    assert (second.attempt, second.sequence) == (2, 1)
    store.claims.finish(second, "done", messages=[message("c")])
    assert texts(store, id) == ["a", "b", "c"]
    found = store.messages.after(id, 1)
    assert found and found[0][0].startswith(b'{"sequence":2,"attempt":2,')
    assert found[1].attempt == 2 and found[1].device == "device-2"


def test_attempts_end_at_the_limit(connect: Connect) -> None:
    store = connect(attempts_max=3)
    id = submit(store)
    for attempt in (1, 2, 3):
        assert claim(store).attempt == attempt
        let_lease_run_out(store, id)
        assert store.claims.expire() == [id]
    assert state_of(store, id) == ("lost", "lost") and try_claim(store) is None


def test_a_released_computation_runs_again_at_once(store: Store) -> None:
    id = submit(store)
    store.claims.release(claim(store))
    assert claim(store).attempt == 2
    assert state_of(store, id)[0] == "running"


def test_a_computation_to_be_cancelled_does_not_run_again(store: Store) -> None:
    id = submit(store)
    claim(store)
    store.computations.request_cancel(id)
    let_lease_run_out(store, id)
    store.claims.expire()
    assert state_of(store, id) == ("cancelled", "cancelled")


def test_a_lost_claim_writes_nothing(store: Store) -> None:
    id = submit(store)
    lost = claim(store, "device-1")
    store.claims.append(lost, [message("a")])
    let_lease_run_out(store, id)
    store.claims.expire()
    for state in ("queued", "running"):
        before = store.computations.get(id)
        for act in (
            lambda: store.claims.append(lost, [message("x")]),
            lambda: store.claims.finish(lost, "done", messages=[message("x")]),
            lambda: store.claims.release(lost),
        ):
            with pytest.raises(LostClaimError):
                act()
        assert store.claims.renew([lost])[0].lost
        with pytest.raises(LostClaimError), store.files.write(lost, "x.txt") as writer:
            writer.write(b"x")
        assert store.computations.get(id) == before and before.state == state
        assert texts(store, id) == ["a"] and store.files.list(id) == []
        assert database_of(store).collection("messages").count_documents({"computation": id}) == 1
        assert database_of(store).collection("files.chunks").count_documents({}) == 0
        if state == "queued":
            claim(store, "device-2")


def test_a_claim_that_a_crash_forgot_writes_nothing_and_the_computation_runs_again(store: Store) -> None:
    id = submit(store)
    computations = database_of(store).collection("computations")
    before = computations.find_one({"_id": id})
    forgotten = claim(store, "device-1")
    # Nothing of it was on the disk yet.
    computations.replace_one({"_id": id}, before)  # type: ignore[arg-type]
    assert store.claims.renew([forgotten])[0].lost
    with pytest.raises(LostClaimError):
        store.claims.finish(forgotten, "done", messages=[message("x")])
    again = claim(store, "device-1")
    with pytest.raises(LostClaimError):
        store.claims.append(forgotten, [message("x")])
    store.claims.finish(again, "done", messages=[message("a")])
    assert texts(store, id) == ["a"]


def test_a_batch_that_a_dead_device_left_is_never_seen(store: Store) -> None:
    id = submit(store)
    dead = claim(store, "device-1")
    store.claims.append(dead, [message("a")])
    # It died between the batch and the update that makes it valid.
    batches.write(database_of(store), dead, [message("x"), message("y"), message("z")])
    assert texts(store, id) == ["a"]
    let_lease_run_out(store, id)
    store.claims.expire()
    alive = claim(store, "device-2")
    for text in ("b", "c", "d", "e"):
        store.claims.append(alive, [message(text)])
    store.claims.finish(alive, "done")
    assert texts(store, id) == ["a", "b", "c", "d", "e"]
    for after in range(5):
        assert texts(store, id, after) == ["b", "c", "d", "e"][after:]


def test_a_write_whose_outcome_is_unknown_is_stored_once(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    id = submit(store)
    held = claim(store)
    store.claims.append(held, [message("a")])
    for stored in (False, True):
        told = held.sequence
        if stored:
            store.claims.append(held, [message("b"), message("c")])
        else:
            batches.write(database_of(store), held, [message("b"), message("c")])
        # What the device knows when the answer was lost on its way.
        held.sequence, held.unsure = told, True
    store.claims.append(held, [message("b"), message("c"), message("d")])
    assert texts(store, id) == ["a", "b", "c", "d"]
    store.claims.finish(held, "done", messages=[message("e")])
    held.unsure = True
    store.claims.finish(held, "done", messages=[message("e")])
    assert texts(store, id) == ["a", "b", "c", "d", "e"] and state_of(store, id) == ("done", None)


def test_the_claims_of_many_computations_are_renewed_together(store: Store) -> None:
    ids = [submit(store) for _ in range(3)]
    held = [claim(store) for _ in ids]
    store.claims.finish(held[1], "done")
    assert [(wish.claim, wish.lost) for wish in store.claims.renew(held)] == [
        (held[0], False), (held[1], True), (held[2], False),
    ]  # fmt: skip
    assert store.claims.renew([]) == []


def test_where_and_when_a_computation_ran_is_kept(store: Store) -> None:
    id = submit(store)
    store.claims.finish(claim(store), "done", usage={"wall_s": 1.5, "cpu_s": 0.5, "memory_bytes": 2**33})
    document = database_of(store).collection("computations").find_one({"_id": id})
    assert document and document["device"] == "device-1" and document["host"] and document["locked"]
    ended = store.computations.get(id)
    assert ended and ended.usage == {"wall_s": 1.5, "cpu_s": 0.5, "memory_bytes": 2**33}


def test_a_claim_of_a_device_with_a_slow_clock_is_not_expired(store: Store) -> None:
    # Only MongoDB's clock counts: nothing of a lease is computed here.
    id = submit(store)
    claim(store)
    age(store, "computations", {"_id": id}, "locked", 3600)
    assert store.claims.expire() == []
