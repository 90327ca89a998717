"""Far more visitors than can be served: some are, the others are told so, and nothing that was taken is lost.

Nothing runs beside it (tests/parts.py), for it compares two moments of the machine.
"""

from __future__ import annotations

import asyncio

import pytest

from bench.crowd import Crowd
from bench.machine import a_processor_apart
from bench.overload import overload
from bench.siege import returns
from harness.server import serve

SECONDS, TIMES = 2.5, 5
SHARE_MIN = 0.1  # of the peak; what is reached where nobody else computes stands in docs/speed.md


@pytest.mark.timeout(300)
def test_five_times_as_many_visitors_as_can_be_served_keep_nobody_from_being_served() -> None:
    """J9"""
    settings = "cell_wall_s = 6.0\ncell_cpu_s = 4.0\nqueue_length_max = 150\n"
    with a_processor_apart() as keep_to_it, serve(settings) as server:
        keep_to_it()
        crowd = Crowd(server.url)
        found = asyncio.run(overload(server, crowd, SECONDS, TIMES, visitors=(24,), closed_s=SECONDS))
        assert not crowd.bad and not crowd.under_way, crowd.ends
        assert set(crowd.refused) == {"503"} and not crowd.faults, (crowd.refused, crowd.faults)
        assert found.share > SHARE_MIN, found
        assert found.before_s and found.after_s and returns(server.url)
