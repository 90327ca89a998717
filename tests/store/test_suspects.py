"""What ran when the machinery died is tried again behind what waits, and only where it is asked for."""

from __future__ import annotations

from store import Store
from tests.store.conftest import Connect, claim, let_lease_run_out, state_of, submit, try_claim


def lose(store: Store, id: str) -> None:
    """Let a computation run, and its device die."""
    held = claim(store)
    assert held.id == id and not held.suspect
    let_lease_run_out(store, id)
    assert store.claims.expire() == [id]


def test_a_suspect_is_tried_behind_what_waits_and_before_what_comes_later(store: Store) -> None:
    suspect, waiting = submit(store), submit(store)
    lose(store, suspect)
    later = submit(store)
    order = [waiting, suspect, later]
    assert [store.computations.queue_position(id) for id in order] == [1, 2, 3]
    held = [claim(store) for _ in order]
    assert [one.id for one in held] == order
    assert [one.suspect for one in held] == [False, True, False]
    assert store.computations.get(suspect).attempt == 2


def test_a_device_may_pass_suspects_over(store: Store) -> None:
    suspect = submit(store)
    lose(store, suspect)
    later = submit(store)

    def claim_other():
        return store.claims.claim(
            "device-1", languages=["python"], sessions=[], new_sessions=True, suspects=False
        )

    assert claim_other().id == later
    assert claim_other() is None
    assert claim(store).id == suspect


def test_what_a_device_gives_back_in_order_keeps_its_place_and_is_no_suspect(store: Store) -> None:
    first, second = submit(store), submit(store)
    store.claims.release(claim(store), suspect=False)
    held = claim(store)
    assert (held.id, held.suspect, held.attempt) == (first, False, 2)
    assert claim(store).id == second


def test_a_suspect_stays_one_until_it_ends(store: Store) -> None:
    id = submit(store)
    held = claim(store)
    store.claims.release(held)
    assert try_claim(store).suspect
    assert store.computations.get(id).state == "running"


def test_what_dies_in_company_is_forgiven_once_and_runs_alone_then(connect: Connect) -> None:
    store = connect(attempts_max=2)
    ids = [submit(store), submit(store)]
    for held in [claim(store) for _ in ids]:
        store.claims.release(held)
    suspects = [claim(store) for _ in ids]
    assert not any(held.company or held.alone for held in suspects)
    store.claims.note_company(suspects)
    store.claims.release(suspects[0])
    let_lease_run_out(store, suspects[1].id)
    store.claims.expire()
    assert [state_of(store, id) for id in ids] == [("queued", None)] * 2
    assert try_claim(store, alone=False) is None and try_claim(store, suspects=False) is None
    alone = [claim(store) for _ in ids]
    assert [(held.attempt, held.alone, held.company) for held in alone] == [(3, True, False)] * 2
    for held in alone:
        store.claims.release(held)
    assert [state_of(store, id) for id in ids] == [("lost", "lost")] * 2


def test_what_is_handed_back_in_order_keeps_its_company_from_counting(store: Store) -> None:
    ids = [submit(store), submit(store)]
    for held in [claim(store) for _ in ids]:
        store.claims.release(held)
    suspects = [claim(store) for _ in ids]
    store.claims.note_company(suspects)
    store.claims.release(suspects[0], suspect=False, counts=False)
    held = claim(store)
    assert (held.suspect, held.company, held.alone) == (True, False, False)
