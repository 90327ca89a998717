"""A server under visitors, parts of which are stopped and cut off: all that was acknowledged ends as promised."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from pymongo import MongoClient

from bench.chaos.__main__ import bound_s, judge, run
from bench.chaos.visitors import Visitors
from harness.processes import wait_for
from harness.server import Server, can_mount
from store import address

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


@pytest.mark.timeout(300)
def test_what_the_server_has_forgotten_is_told_as_missing_and_visitors_go_on(roomy: Server) -> None:
    visitors, within_s = Visitors(roomy.url, seed=1, count=0), bound_s(quick=False)
    mongo = MongoClient[dict[str, Any]](address.uri(roomy.data / "mongo"))
    with mongo, ThreadPoolExecutor() as pool:
        forgotten = pool.submit(visitors.run, "import time\ntime.sleep(600)", "single", "")
        wait_for(lambda: visitors.all)
        mongo["singlecell"]["computations"].delete_one({"_id": visitors.all[0].id})
        assert forgotten.result(within_s).state == "missing"
    lost = visitors.all[0]
    assert visitors.run("n", "turn", "0\n", session=lost.session, keep=True).state == "missing"
    assert visitors.run("print(1)", "probe", "1\n").state == "done"
    assert [wrong.partition(": 404 ")[0] for wrong in judge([], visitors, within_s)] == [
        f"missing: single {lost.id}", f"missing: turn in session {lost.session}",
    ]  # fmt: skip
