"""The line: clients take turns however many computations each has waiting, and each position comes true."""

from __future__ import annotations

import threading
from collections import deque
from datetime import datetime, timedelta, timezone
from pathlib import Path
from typing import Any
from unittest import mock

import pytest
from hypothesis import given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

import settings as settings_file
import store as stores
from store import OverShareError, PassedOver, Requester, Store, embedded, lane_of
from store.lanes import LANES_OF_CLIENT, Lanes
from tests import threads
from tests.mongod import Databases
from tests.store.conftest import Connect, claim, database_of, let_lease_run_out, state_of, submit, try_claim


def submit_as(store: Store, client: str | None, page: str | None = None, **fields: Any) -> str:
    """Submit for a page of a client; for the operator when there is no client."""
    requester = Requester(client)
    return submit(store, requester=requester, lane=lane_of(requester, page), **fields)


def drain(store: Store) -> list[str]:
    """Claim all that waits; return the ids in that order."""
    ids = []
    while held := try_claim(store):
        ids.append(held.id)
    return ids


def test_who_submits_many_takes_turns_with_who_submits_few(store: Store) -> None:
    many = [submit_as(store, "many") for _ in range(5)]
    few = [submit_as(store, "few") for _ in range(2)]
    one = submit_as(store, "one")
    assert drain(store) == [many[0], few[0], one, many[1], few[1], *many[2:]]


def test_pages_of_a_client_take_turns_too(store: Store) -> None:
    first = [submit_as(store, "class", "page-1") for _ in range(3)]
    second = submit_as(store, "class", "page-2")
    assert drain(store) == [first[0], second, *first[1:]]


def test_what_has_no_lane_is_claimed_in_the_order_in_which_it_came(store: Store) -> None:
    ids = [submit_as(store, None) for _ in range(4)]
    assert drain(store) == ids


def test_a_newcomer_waits_for_one_of_each_that_wait_already(store: Store) -> None:
    waiting = [submit_as(store, "many") for _ in range(30)]
    newcomer = submit_as(store, "one")
    assert store.computations.queue_position(newcomer) == 2
    assert [claim(store).id for _ in range(2)] == [waiting[0], newcomer]


# Submissions of lanes 0 to 3 (4 is the operator, who has none) and, as -1, claims.
@hypothesis_settings(max_examples=25)
@given(steps=st.lists(st.integers(-1, 4), max_size=25), long=st.sampled_from([0, 1000]))
def test_lanes_take_turns_and_every_position_comes_true(
    databases: Databases, mongo_directory: Path, steps: list[int], long: int
) -> None:
    name = databases.take()
    store = stores.connect(settings_file.load(mongo_uri=embedded.uri(mongo_directory), mongo_database=name))
    try:
        line: deque[int | str] = deque()  # lanes, and computations without one
        of_lane: dict[int, deque[str]] = {lane: deque() for lane in range(4)}

        def next_of_model() -> str:
            lane = line.popleft()
            if isinstance(lane, str):
                return lane
            id = of_lane[lane].popleft()
            if of_lane[lane]:
                line.append(lane)
            return id

        for step in steps:
            if step == -1:
                held = try_claim(store)
                assert (held.id if held else None) == (next_of_model() if line else None)
                continue
            id = submit_as(store, str(step) if step < 4 else None)
            if step == 4:
                line.append(id)
                continue
            of_lane[step].append(id)
            if step not in line:
                line.append(step)
        waiting = [*(one for one in line if isinstance(one, str)), *(id for ids in of_lane.values() for id in ids)]
        with mock.patch.multiple("store.long_line", LONG=long, KEPT_S=0.0, KEPT_TIMES=0):
            positions = {id: store.computations.queue_position(id) for id in waiting}
        expected = [next_of_model() for _ in waiting]
        assert drain(store) == expected
        assert [positions[id] for id in expected] == list(range(1, len(expected) + 1))
    finally:
        store.close()
        databases.give_back(name)


def test_in_a_long_line_places_are_told_without_a_query_for_each(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("store.long_line.LONG", 3)
    monkeypatch.setattr("store.long_line.KEPT_S", 3600.0)
    ids = [submit_as(store, f"client {number}") for number in range(6)]
    assert [store.computations.queue_position(id) for id in ids[:2]] == [1, 2]
    assert not store.computations.has_long_line()
    assert store.computations.queue_position(ids[3]) == 4 and store.computations.has_long_line()
    database = database_of(store).ready()
    database.command("profile", 2)
    try:
        assert [store.computations.queue_position(id) for id in ids * 5] == [1, 2, 3, 4, 5, 6] * 5
    finally:
        database.command("profile", 0)
    assert database["system.profile"].count_documents({"ns": f"{database.name}.computations"}) == 1
    assert store.computations.queue_position(submit_as(store, "newcomer")) == 7


def test_a_turn_of_a_session_waits_for_the_turns_before_it(store: Store) -> None:
    ahead = submit_as(store, "other")
    first = submit_as(store, "a", keep=True)
    session = store.computations.get(first).session  # type: ignore[union-attr]
    turns = [submit_as(store, "a", language=None, session=session, keep=True) for _ in range(2)]
    assert [store.computations.queue_position(id) for id in (ahead, first, *turns)] == [1, 2, 3, 4]
    drain(store)
    assert [store.computations.queue_position(id) for id in turns] == [1, 2]


@pytest.mark.parametrize("how", ["cancel", "interrupt"])
def test_when_the_one_in_line_is_cancelled_the_next_of_its_lane_comes(store: Store, how: str) -> None:
    ids = [submit_as(store, "a") for _ in range(3)]
    getattr(store.computations, f"request_{how}")(ids[0])
    getattr(store.computations, f"request_{how}")(ids[1])
    assert state_of(store, ids[0])[0] == "cancelled"
    assert drain(store) == [ids[2]]


def test_one_cancelled_behind_the_one_in_line_leaves_the_others_in_order(store: Store) -> None:
    ids = [submit_as(store, "a") for _ in range(4)]
    store.computations.request_cancel(ids[2])
    assert drain(store) == [ids[0], ids[1], ids[3]]


@pytest.mark.parametrize("field", ["client", "origin", "key", "lane"])
def test_a_claim_passes_over_who_has_enough_of_a_device(store: Store, field: str) -> None:
    full = Requester("a", "https://pages.example.org", "key-1")
    ids = [submit(store, requester=full, lane=lane_of(full, None)) for _ in range(2)]
    other, operators = submit_as(store, "b"), submit_as(store, None)
    name = lane_of(full, None) if field == "lane" else getattr(full, field)
    passed = PassedOver(**{field: frozenset([name, "somebody"])})
    assert [claim(store, passed=passed).id, claim(store, passed=passed).id] == [other, operators]
    assert try_claim(store, passed=passed) is None
    assert drain(store) == ids


def test_what_is_tried_again_and_the_next_of_its_lane_both_run(store: Store) -> None:
    ids = [submit_as(store, "a") for _ in range(3)]
    first = claim(store)
    store.claims.release(first, suspect=False)
    again = {claim(store).id, claim(store).id}
    assert again == {ids[0], ids[1]}
    for id in again:
        let_lease_run_out(store, id)
    store.claims.expire()
    assert set(drain(store)) == {ids[1], ids[2]} and state_of(store, ids[0])[0] == "lost"


def test_a_lane_whose_claimer_died_before_it_brought_the_next_goes_on(store: Store) -> None:
    ids = [submit_as(store, "a") for _ in range(3)]
    died = {"state": "running", "token": "x", "lease_until": datetime.now(timezone.utc) + timedelta(hours=1)}
    database_of(store).collection("computations").update_one({"_id": ids[0]}, {"$set": died})
    assert try_claim(store) is None
    store.claims.expire()
    assert drain(store) == ids[1:]


def test_computations_of_an_older_server_are_claimed(store: Store) -> None:
    id = submit(store)
    database_of(store).collection("computations").update_one({"_id": id}, {"$unset": {"follows": "", "followed": ""}})
    assert claim(store).id == id


def test_one_that_gets_in_line_before_the_next_is_brought_brings_that_one(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    ids = [submit_as(store, "a") for _ in range(2)]
    bring, newcomers = Lanes._bring, []

    def late(lanes: Lanes, lane: str) -> bool:
        if not newcomers:
            newcomers.append("")  # once
            newcomers[0] = submit_as(store, "a")
        return bring(lanes, lane)

    monkeypatch.setattr(Lanes, "_bring", late)
    assert drain(store) == [ids[0], newcomers[0], ids[1]]


def test_submitters_and_devices_that_race_leave_nothing_behind(connect: Connect) -> None:
    submitted: set[str] = set()
    claimed: list[str] = []
    ready = threading.Barrier(5, timeout=30)
    over = threading.Event()

    def submits(client: str) -> None:
        store = connect()
        ready.wait()
        for _ in range(25):
            submitted.add(submit_as(store, client))

    def takes(device: str) -> None:
        store = connect()
        ready.wait()
        while (held := try_claim(store, device)) or not over.is_set():
            if held:
                claimed.append(held.id)

    submitters = [threading.Thread(target=submits, args=(client,)) for client in ("a", "a", "b")]
    takers = [threading.Thread(target=takes, args=(f"device-{number}",)) for number in range(2)]
    for thread in (*submitters, *takers):
        thread.start()
    try:
        threads.join(submitters)
    finally:
        over.set()
    threads.join(takers)
    assert len(claimed) == len(set(claimed)) == 75 and set(claimed) == submitted


def test_a_client_has_no_more_lanes_than_a_class_has_pages() -> None:
    lanes = {lane_of(Requester("a"), f"page-{number}") for number in range(2000)}
    assert len(lanes) == LANES_OF_CLIENT
    assert lane_of(Requester("a"), "page-1") != lane_of(Requester("b"), "page-1")
    assert lane_of(Requester(None), "page-1") is None


# --- shares -----------------------------------------------------------------------------------------------------------
@pytest.mark.parametrize("most", [1, 2, 5])
def test_a_page_has_as_many_waiting_as_its_share_and_not_one_more(connect: Connect, most: int) -> None:
    store = connect(page_waiting_max=most)
    for _ in range(most):
        submit_as(store, "a", "page")
    before = database_of(store).collection("computations").count_documents({})
    for _ in range(2):
        with pytest.raises(OverShareError) as refused:
            submit_as(store, "a", "page")
        assert refused.value.share == "waiting" and str(most) in str(refused.value)
    assert database_of(store).collection("computations").count_documents({}) == before
    submit_as(store, "b")
    claim(store)
    submit_as(store, "a", "page")
    with pytest.raises(OverShareError):
        submit_as(store, "a", "page")


def test_a_client_has_the_shares_of_its_pages_up_to_that_of_a_class(connect: Connect) -> None:
    store = connect(page_waiting_max=3, client_waiting_max=7)
    for number in range(7):
        submit_as(store, "a", f"page-{number % 3}")
    with pytest.raises(OverShareError, match="address"):
        submit_as(store, "a", "page-1")
    submit_as(store, "b")


@pytest.mark.parametrize("field", ["origin", "key"])
@pytest.mark.parametrize("most", [1, 2, 9])
def test_an_origin_and_a_key_have_shares_over_all_clients(connect: Connect, field: str, most: int) -> None:
    store = connect(**{f"{field}_waiting_max": most})

    def submit_from(client: str, name: str | None) -> str:
        requester = Requester(client, **{field: name})
        return submit(store, requester=requester, lane=lane_of(requester, None))

    for number in range(most):
        submit_from(f"client-{number}", "x")
    with pytest.raises(OverShareError):
        submit_from("another", "x")
    submit_from("another", "y")
    submit_from("a third", None)
    claim(store)
    submit_from("another", "x")


def test_a_session_has_as_many_turns_waiting_as_a_page(connect: Connect) -> None:
    store = connect(page_waiting_max=2)
    session = store.computations.get(submit_as(store, "a", keep=True)).session  # type: ignore[union-attr]
    for _ in range(2):
        submit_as(store, "a", language=None, session=session, keep=True)
    with pytest.raises(OverShareError):
        submit_as(store, "a", language=None, session=session, keep=True)


def test_no_share_holds_for_the_operator(connect: Connect) -> None:
    store = connect(page_waiting_max=1, client_waiting_max=1, origin_waiting_max=1)
    for _ in range(5):
        submit(store, requester=Requester("a", "https://pages.example.org"))
    assert len(drain(store)) == 5
