"""The queue: submitting, its limit, its order."""

from __future__ import annotations

import threading
from contextlib import suppress
from datetime import timedelta

import pytest

from harness.processes import wait_for
from store import QueueFullError, Store, Submission
from tests import threads
from tests.store.conftest import Connect, claim, database_of, state_of, submit, try_claim


def test_a_submitted_computation_is_kept_as_it_was_given(store: Store) -> None:
    code = "$where\n" + "é\0\U0001f600" * 1000
    id = submit(store, code, stdin=False, keep=True)
    held = claim(store)
    assert (held.id, held.code, held.stdin, held.keep, held.attempt) == (id, code, False, True, 1)
    assert held.turn == 0 and held.sequence == -1 and held.message is None and held.uploads == []


def test_times_are_utc_and_rise(store: Store) -> None:
    id = submit(store)
    store.claims.finish(claim(store), "done")
    ended = store.computations.get(id)
    assert ended and ended.started and ended.finished
    assert ended.submitted <= ended.started <= ended.finished
    assert ended.submitted.utcoffset() == timedelta(0)


@pytest.mark.parametrize("limit", [1, 2, 9, 30])
def test_the_queue_takes_as_many_as_the_limit_and_not_one_more(connect: Connect, limit: int) -> None:
    store = connect(queue_length_max=limit)
    for _ in range(limit):
        submit(store)
    for _ in range(2):
        with pytest.raises(QueueFullError):
            submit(store)
    claim(store)
    submit(store)
    with pytest.raises(QueueFullError):
        submit(store)


def test_a_flood_of_submissions_to_a_long_full_queue_asks_the_database_now_and_then(connect: Connect) -> None:
    limit = 150
    store = connect(queue_length_max=limit)
    for _ in range(limit):
        submit(store)
    database = database_of(store).ready()
    database.command("profile", 2)
    try:
        for _ in range(4 * limit):
            with pytest.raises(QueueFullError):
                submit(store)
    finally:
        database.command("profile", 0)
    assert database["system.profile"].count_documents({"ns": f"{database.name}.computations"}) < limit
    claim(store)

    def is_taken() -> bool:
        with suppress(QueueFullError):
            submit(store)
            return True
        return False

    wait_for(is_taken)


def test_a_refused_computation_leaves_nothing(connect: Connect) -> None:
    store = connect(queue_length_max=1)
    submit(store)
    with pytest.raises(QueueFullError):
        submit(store)
    assert database_of(store).collection("computations").count_documents({}) == 1


def test_the_oldest_is_claimed_first_and_positions_say_so(store: Store) -> None:
    ids = [submit(store) for _ in range(20)]
    assert [store.computations.queue_position(id) for id in ids] == list(range(1, 21))
    assert [claim(store).id for _ in range(10)] == ids[:10]
    assert [store.computations.queue_position(id) for id in ids[9:12]] == [None, 1, 2]


def test_a_device_gets_only_its_languages(store: Store) -> None:
    store.computations.submit(Submission("1", "sage"))
    assert try_claim(store) is None
    assert store.claims.claim("d", languages=["sage"], sessions=[], new_sessions=False) is None
    assert store.claims.claim("d", languages=["sage"], sessions=[], new_sessions=True) is not None


def test_devices_that_race_never_get_the_same_computation(connect: Connect) -> None:
    ids = {submit(connect()) for _ in range(60)}
    claimed: list[str] = []

    def take(device: str) -> None:
        store = connect()
        while held := try_claim(store, device):
            claimed.append(held.id)

    threads.run([threading.Thread(target=take, args=(f"device-{number}",)) for number in range(4)])
    assert len(claimed) == 60 and set(claimed) == ids


def test_a_computation_cancelled_while_queued_never_runs(store: Store) -> None:
    first, second = submit(store), submit(store)
    store.computations.request_cancel(first)
    assert state_of(store, first) == ("cancelled", "cancelled")
    assert claim(store).id == second


def test_an_interrupt_of_a_queued_computation_cancels_it(store: Store) -> None:
    id = submit(store)
    store.computations.request_interrupt(id)
    assert state_of(store, id) == ("cancelled", "cancelled") and try_claim(store) is None


def test_a_comm_message_comes_back_as_it_was_given(store: Store) -> None:
    deep: dict = {}
    for _ in range(300):
        deep = {"$set.a": deep}
    message = {"msg_type": "comm_msg", "content": {"data": deep, "n": 2**80}, "metadata": {}, "buffers": [b"\0\1", b""]}
    store.computations.submit(Submission("", "python", message=message))
    assert claim(store).message == message


def test_an_unknown_id_is_none(store: Store) -> None:
    assert store.computations.get("x") is None
    assert store.computations.queue_position("x") is None
    assert store.messages.after("x", -1) is None
