"""The siege of ``bench/siege.py``, in short: attackers at work together, and neighbours that come to their results."""

from __future__ import annotations

import pytest

from bench.siege import DISK_BYTES, SETTINGS, besiege
from harness.server import can_mount, serve

SECONDS = 20.0
# The kinds of attack that this test makes; bench/siege.py makes all.
KINDS = ["disk"]

pytestmark = [
    pytest.mark.root,
    pytest.mark.skipif(not can_mount(), reason="no disk can be mounted here: the siege is left out"),
]


def test_besieged_neighbours_come_to_their_results_and_the_disk_never_fills():
    with serve(SETTINGS, disk_bytes=DISK_BYTES) as server:
        siege = besiege(server, SECONDS, KINDS)
    assert siege.alone.ends["right"] > 0 and not siege.alone.bad, siege.alone
    assert siege.besieged.ends["right"] > 0 and not siege.besieged.bad, siege.besieged
    assert siege.ready
    assert siege.disk.least_free_bytes > 0
    assert all(sum(got.values()) > 0 for got in siege.got.values()), siege.got
