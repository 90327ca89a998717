"""What may have come into the queue decides what a device looks for there."""

from __future__ import annotations

import pytest

from device.claim_trigger import Claimable, ClaimTrigger

INTERVAL_S = 5.0


@pytest.fixture
def trigger() -> ClaimTrigger:
    """A trigger whose device has looked at the whole queue at the time 0, and has one interval until the next look."""
    trigger = ClaimTrigger(INTERVAL_S)
    assert trigger.due == 0.0
    assert trigger.take(0.0, is_full=False).anything
    assert trigger.due == INTERVAL_S
    return trigger


def test_without_any_event_nothing_is_looked_for(trigger):
    assert trigger.take(1.0, is_full=True) == Claimable()


def test_hints_lead_to_what_they_tell_of_and_are_heard_once(trigger):
    trigger.hear({"submitted": ["a", "b"], "turn": ["s", "t", "s"], "wish": ["a"]})
    found = trigger.take(1.0, is_full=False)
    assert (found.anything, found.submitted, dict(found.turns)) == (False, 2, {"s": 2, "t": 1})
    assert trigger.take(1.0, is_full=False) == Claimable()


@pytest.mark.parametrize("is_full", [False, True])
def test_an_idle_session_leads_to_its_next_turn_and_without_room_to_anything(trigger, is_full):
    trigger.note_idle("s")
    found = trigger.take(1.0, is_full=is_full)
    assert (found.anything, found.idle) == (is_full, {"s"})
    assert trigger.take(1.0, is_full=is_full) == Claimable()


def test_a_look_that_is_asked_for_is_due_at_once_and_moves_no_other(trigger):
    trigger.look()
    assert trigger.due == 0.0
    assert trigger.take(1.0, is_full=False).anything
    assert trigger.due == INTERVAL_S


@pytest.mark.parametrize(("beyond_s", "anything"), [(-0.1, False), (0.0, True), (0.1, True)])
def test_the_whole_queue_is_looked_at_once_in_an_interval(trigger, beyond_s, anything):
    now = INTERVAL_S + beyond_s
    assert trigger.take(now, is_full=False).anything == anything
    assert trigger.due == (now + INTERVAL_S if anything else INTERVAL_S)


def test_a_postponed_look_comes_one_interval_later(trigger):
    trigger.look()
    trigger.postpone(1.0)
    assert trigger.due == 1.0 + INTERVAL_S
    assert not trigger.take(1.0 + INTERVAL_S - 0.1, is_full=False).anything
    assert trigger.take(1.0 + INTERVAL_S, is_full=False).anything
