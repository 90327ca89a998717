"""Besieged by all attackers of ``bench/attackers.py`` at once, neighbours come to their results."""

from __future__ import annotations

import pytest

from bench.attackers import ATTACKS
from bench.siege import DISK_BYTES, SETTINGS, besiege
from harness.server import can_mount, serve

SECONDS = 7.0  # from when all have begun

pytestmark = [
    pytest.mark.root,
    pytest.mark.timeout(300),  # attackers are told to end, and what they still wait for is waited for
    pytest.mark.skipif(not can_mount(), reason="no disk can be mounted here: the siege is left out"),
]


def test_besieged_neighbours_come_to_their_results_and_the_disk_never_fills():
    with serve(SETTINGS, disk_bytes=DISK_BYTES) as server:
        siege = besiege(server, SECONDS, list(ATTACKS))
    assert siege.alone.ends["right"] > 0 and not siege.alone.bad, siege.alone
    assert siege.besieged.ends["right"] > 0 and not siege.besieged.bad, siege.besieged
    assert siege.ready
    assert siege.disk.least_free_bytes > 0
    # What waits in the queue when the siege ends has asked and got nothing: that is no fault.
    assert all(got["asked"] > 0 for got in siege.got.values()), siege.got
