"""What clients wish of computations: interrupts, cancellations and inputs on their way to the device."""

from __future__ import annotations

import pytest

from store import ComputationOverError, NotAskingError, Store
from tests.store.conftest import claim, let_lease_run_out, message, state_of, submit

INPUT_REQUEST = b'{"channel":"stdin","header":{"msg_type":"input_request"},"content":{"prompt":"?","password":false}}'


def test_interrupts_are_counted_and_a_cancellation_stays(store: Store) -> None:
    id = submit(store)
    held = claim(store)
    assert store.claims.wishes([held])[0].interrupt == 0
    for _ in range(2):
        store.computations.request_interrupt(id)
    store.computations.request_cancel(id)
    [wish] = store.claims.wishes([held])
    assert (wish.cancel, wish.interrupt, wish.answers, wish.lost) == (True, 2, (), False)
    store.claims.finish(held, "cancelled")
    assert state_of(store, id) == ("cancelled", "cancelled")
    assert store.claims.wishes([held])[0].lost


def test_an_input_request_takes_one_reply(store: Store) -> None:
    id = submit(store)
    held = claim(store)
    with pytest.raises(NotAskingError):
        store.computations.answer(id, "early")
    for value in ("$first", ""):
        store.claims.append(held, [message("x"), INPUT_REQUEST])
        assert store.computations.get(id).asking  # type: ignore[union-attr]
        # Another thread of the code prints while it waits.
        store.claims.append(held, [message("y")])
        store.computations.answer(id, value)
        with pytest.raises(NotAskingError):
            store.computations.answer(id, "late")
    assert store.claims.wishes([held])[0].answers == ("$first", "")


def test_the_device_may_say_itself_whether_the_code_asks(store: Store) -> None:
    id = submit(store)
    held = claim(store)
    store.claims.append(held, [INPUT_REQUEST])
    store.claims.append(held, [message("interrupted")], asking=False)
    with pytest.raises(NotAskingError):
        store.computations.answer(id, "x")
    store.claims.append(held, [message("?")], asking=True)
    store.computations.answer(id, "x")


def test_what_the_code_prints_is_no_input_request(store: Store) -> None:
    id = submit(store)
    held = claim(store)
    store.claims.append(
        held, [message('\\"input_request\\"'), b'{"header":{"msg_type":"stream"},"x":"input_request"}']
    )
    with pytest.raises(NotAskingError):
        store.computations.answer(id, "x")


def test_nobody_asks_in_what_is_over_or_never_was(store: Store) -> None:
    id = submit(store)
    with pytest.raises(NotAskingError):
        store.computations.answer(id, "x")
    held = claim(store)
    store.claims.finish(held, "failed", "kernel_died", messages=[INPUT_REQUEST])
    for absent in (id, "never"):
        with pytest.raises(ComputationOverError):
            store.computations.answer(absent, "x")


def test_a_second_attempt_begins_without_the_wishes_of_the_first(store: Store) -> None:
    id = submit(store)
    held = claim(store)
    store.claims.append(held, [INPUT_REQUEST])
    store.computations.answer(id, "x")
    store.computations.request_interrupt(id)
    let_lease_run_out(store, id)
    store.claims.expire()
    [wish] = store.claims.wishes([claim(store)])
    assert (wish.interrupt, wish.answers) == (0, ())
    with pytest.raises(NotAskingError):
        store.computations.answer(id, "x")
