"""All long bodies together take half of a web process's time, however many they are."""

from __future__ import annotations

import heapq

import pytest

from web import request_body
from web.request_body import HalfTime

WORK_S, TIMES = 0.005, 1000


@pytest.mark.parametrize("bodies", [1, 2, 10])
def test_the_work_on_long_bodies_takes_half_of_the_time(bodies: int, monkeypatch: pytest.MonkeyPatch) -> None:
    half_time, now_s = HalfTime(), 100.0
    ready = [(now_s, body) for body in range(bodies)]  # when each has rested
    pauses_s: list[float] = []
    monkeypatch.setattr(request_body.time, "monotonic", lambda: now_s)
    monkeypatch.setattr(request_body.time, "sleep", pauses_s.append)
    for _ in range(TIMES):
        at, body = heapq.heappop(ready)
        now_s = max(now_s, at) + WORK_S  # the process does one thing at a time
        half_time.rest(WORK_S)
        heapq.heappush(ready, (now_s + pauses_s[-1], body))
    last_s = max(at for at, _ in ready)
    assert (last_s - 100.0) / (TIMES * WORK_S) == pytest.approx(2.0, rel=0.02)


def test_after_a_while_without_work_the_next_rests_for_its_own_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    half_time, now_s, pauses_s = HalfTime(), 100.0, list[float]()
    monkeypatch.setattr(request_body.time, "monotonic", lambda: now_s)
    monkeypatch.setattr(request_body.time, "sleep", pauses_s.append)
    half_time.rest(3.0)
    now_s = 200.0
    half_time.rest(WORK_S)
    assert pauses_s == pytest.approx([3.0, WORK_S])
