"""A server under visitors, parts of which are stopped and cut off: all that was acknowledged ends as promised."""

from __future__ import annotations

import pytest

from bench.chaos.__main__ import bound_s, judge, run
from harness.server import can_mount

FAULTS = ["stop_device", "half_open", "hang_database"]  # bench/chaos has more, and more time

pytestmark = [
    pytest.mark.root,
    pytest.mark.skipif(not can_mount(), reason="no disk can be mounted here: the server of this test has small ones"),
]


@pytest.mark.timeout(300)
def test_what_was_acknowledged_ends_in_time_and_service_returns_by_itself():
    rounds, visitors = run(seed=1, seconds=0, names=FAULTS, count=6, quick=True)
    assert judge(rounds, visitors, bound_s(quick=True)) == [], rounds
    assert {one.fault for one in rounds} == set(FAULTS) and len(visitors.all) > 20
