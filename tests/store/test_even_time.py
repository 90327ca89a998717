"""Times in the database tell of deaths only while it is there and its clock goes evenly."""

from __future__ import annotations

import time
from datetime import datetime, timedelta, timezone

import pytest

from harness.processes import wait_for
from store import Store
from store.even_time import EvenTime, Moment
from tests.store.conftest import Connect, age, claim, let_lease_run_out, state_of, submit

LEASE_S = 12.0
BEGIN = datetime(2026, 1, 1, tzinfo=timezone.utc)


class Clocks:
    """Our clock and MongoDB's, and what is seen of them."""

    def __init__(self) -> None:
        self.own_s, self.set_by_s = 100.0, 0.0
        self._even_time = EvenTime(LEASE_S, lambda: self.own_s)

    def look(self, after_s: float = 2.0, answer_s: float = 0.0) -> Moment:
        """Look after so many seconds, at a database that takes a while to answer."""
        self.own_s += after_s

        def ask() -> datetime:
            self.own_s += answer_s
            return BEGIN + timedelta(seconds=self.own_s + self.set_by_s)

        return self._even_time.look(ask)

    def even_after_s(self) -> float:
        """Return how long it takes, with a look each second, until times tell something again."""
        for seconds in range(1, 100):
            if self.look(1.0).is_even:
                return seconds
        raise AssertionError("never")


def test_times_tell_from_the_first_look_and_those_in_the_future_after_a_lease() -> None:
    clocks = Clocks()
    looks = [clocks.look() for _ in range(8)]
    assert all(look.is_even for look in looks)
    assert [look.knows_future for look in looks] == [False] * 6 + [True] * 2


@pytest.mark.parametrize(("away_s", "is_even"), [(LEASE_S / 2, True), (LEASE_S / 2 + 0.1, False)])
def test_after_the_database_was_away_for_long_they_tell_nothing_for_a_lease(away_s: float, is_even: bool) -> None:
    clocks = Clocks()
    clocks.look()
    assert clocks.look(away_s).is_even == is_even
    assert clocks.even_after_s() == (1 if is_even else LEASE_S)


@pytest.mark.parametrize("by_s", [2.1, -2.1, 3600, -3600])
def test_after_the_clock_was_set_they_tell_nothing_for_a_lease(by_s: float) -> None:
    clocks = Clocks()
    clocks.look()
    clocks.set_by_s = by_s
    assert not clocks.look().is_even
    assert clocks.even_after_s() == LEASE_S


def test_slow_answers_and_a_clock_that_is_a_little_off_are_no_fault() -> None:
    clocks = Clocks()
    for number in range(50):
        clocks.set_by_s += 0.1
        assert clocks.look(1.0, answer_s=number % 3).is_even


def test_a_time_is_past_when_it_is_old_or_from_before_the_clock_was_set_back() -> None:
    lease = timedelta(seconds=LEASE_S)
    for knows_future in (False, True):
        moment = Moment(BEGIN, lease, is_even=True, knows_future=knows_future)
        assert moment.is_past(BEGIN - lease - timedelta(milliseconds=1), lease)
        assert not moment.is_past(BEGIN - lease, lease) and not moment.is_past(BEGIN + 2 * lease, lease)
        assert moment.is_past(BEGIN + 2 * lease + timedelta(milliseconds=1), lease) == knows_future


# --- what follows from it -------------------------------------------------------------------------------------------
@pytest.fixture
def store(connect: Connect) -> Store:
    """A store in which a lease is short."""
    return connect(lease_s=1.0, heartbeat_s=0.1)


def test_nobody_is_taken_for_dead_right_after_the_database_was_away(store: Store) -> None:
    store.claims.expire()
    id = submit(store)
    claim(store)
    let_lease_run_out(store, id)
    looked = time.monotonic()
    wait_for(lambda: time.monotonic() - looked > 0.6)  # for longer than half a lease nobody reached it
    assert store.claims.expire() == [] and state_of(store, id) == ("running", None)
    assert wait_for(store.claims.expire) == [id]
    assert time.monotonic() - looked > 1.6


def test_what_a_device_held_that_died_after_the_clock_was_set_back_ends(store: Store) -> None:
    began = time.monotonic()
    first = submit(store, keep=True)
    session = store.computations.get(first).session  # type: ignore[union-attr]
    store.devices.report("device-1", "host", {})
    store.claims.finish(claim(store), "done")
    turn, single = submit(store, keep=True, session=session), submit(store)
    claim(store)
    for collection, field in (("sessions", "used"), ("devices", "reported")):
        age(store, collection, {}, field, -3600)
    age(store, "computations", {"_id": single}, "lease_until", -3600)
    expired, alive = store.claims.expire(), store.devices.alive()
    if time.monotonic() - began < 1.0:  # on a busy machine the lease may have gone by, after which it is known
        assert expired == []
    assert alive == [] and (expired or wait_for(store.claims.expire)) == [single]
    assert state_of(store, turn) == ("failed", "session_gone")
