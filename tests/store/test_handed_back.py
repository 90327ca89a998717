"""What devices that are ended in order hand back runs again however often; what dies with a device does not."""

from __future__ import annotations

from tests.store.conftest import Connect, claim, let_lease_run_out, state_of, submit


def test_being_handed_back_uses_up_no_attempt(connect: Connect) -> None:
    store = connect(attempts_max=2)
    id = submit(store)
    for handed_back in range(5):
        held = claim(store)
        assert (held.attempt, held.handed_back) == (handed_back + 1, handed_back)
        store.claims.release(held, suspect=False, counts=False)
    claim(store)
    let_lease_run_out(store, id)
    store.claims.expire()
    assert state_of(store, id) == ("queued", None)
    store.claims.release(claim(store))
    assert state_of(store, id) == ("lost", "lost")
