"""Who is looked at when: sessions that compute often, others seldom, and none because others have news."""

from __future__ import annotations

from collections import Counter

import pytest

from untrusted.supervisor.looks import BATCH_S, IDLE_LOOKS_PER_S, IDLE_WATCH_S, WATCH_S, Looks

WITHOUT_LOSS = int(IDLE_LOOKS_PER_S * IDLE_WATCH_S)  # so many idle ones are looked at as often as few


def looked_at(looks: Looks, busy: set[str], from_s: float, to_s: float) -> tuple[Counter[str], int]:
    """Wait and look as the loop does; return how often each session was looked at, and the rounds it took."""
    counts, rounds, now = Counter[str](), 0, from_s
    while (now := now + looks.wait_s(now)) < to_s:
        found = looks.take(now)
        counts.update(found)
        rounds += 1
        for session in found:
            looks.put(session, session in busy, now)
    return counts, rounds


def idle(looks: Looks, count: int) -> list[str]:
    """Have so many sessions become idle one after another, within a second; return their names."""
    names = [f"idle{n}" for n in range(count)]
    for n, name in enumerate(names):
        looks.put(name, False, n / count)
    return names


@pytest.mark.parametrize("count", [1, WITHOUT_LOSS - 1, WITHOUT_LOSS])
def test_an_idle_session_is_looked_at_seldom_and_a_busy_one_often(count: int):
    looks = Looks()
    names = idle(looks, count)
    looks.put("busy", True, 1.0)
    counts, rounds = looked_at(looks, {"busy"}, 1.0, 11.0)
    assert counts["busy"] >= 10 / (WATCH_S + BATCH_S) - 1
    assert min(counts[name] for name in names) >= 10 / (IDLE_WATCH_S + BATCH_S) - 1
    assert max(counts[name] for name in names) <= 10 / IDLE_WATCH_S + 1
    assert rounds <= 10 / BATCH_S + 1


@pytest.mark.parametrize("count", [WITHOUT_LOSS + 1, 1000])
def test_many_idle_sessions_are_looked_at_no_more_often_together(count: int):
    looks = Looks()
    names = idle(looks, count)
    counts, _ = looked_at(looks, set(), 1.0, 11.0)
    assert sum(counts.values()) <= 10 * IDLE_LOOKS_PER_S + count  # each is due once from before
    assert min(counts[name] for name in names) >= 10 // (count / IDLE_LOOKS_PER_S + BATCH_S) - 1


def test_what_no_kernel_bounds_is_looked_at_as_often_beside_many():
    looks = Looks(WATCH_S)
    names = idle(looks, 1000)
    counts, _ = looked_at(looks, set(), 1.0, 3.0)
    assert min(counts[name] for name in names) >= 2 / (WATCH_S + BATCH_S) - 1


def test_a_turn_that_begins_in_an_idle_session_is_looked_at_soon():
    looks = Looks()
    looks.put("s", False, 0.0)
    looks.put("s", True, 0.01)
    assert looks.wait_s(0.01) == WATCH_S
    looks.put("s", True, 0.1)  # what else happens in it puts nothing off
    assert looks.take(0.1099) == [] and looks.take(0.1101) == ["s"]


def test_who_is_forgotten_is_waited_for_no_more():
    looks = Looks()
    for name, is_busy in (("a", True), ("b", False)):
        looks.put(name, is_busy, 0.0)
        looks.forget(name)
    assert looks.wait_s(0.0) == float("inf") and looks.take(100.0) == []
