"""Devices: who reported lately is alive."""

from __future__ import annotations

import pytest

from store.schema import KNOWN
from tests.store.conftest import Connect, age


@pytest.mark.parametrize(("silent_s", "alive"), [(25, True), (35, False)])
def test_a_device_is_alive_for_three_heartbeats(connect: Connect, silent_s: float, alive: bool) -> None:
    store = connect(heartbeat_s=10.0, heartbeat_timeout_s=30.0, lease_s=30.0)
    status = {"accounts": [{"account": "a@b", "free": 3, "sentence": "$x", "layers": []}]}
    store.devices.report("device-1", "other host", {})
    store.devices.report("device-1", "host", status)
    age(store, "devices", {}, "reported", silent_s)
    found = store.devices.alive()
    assert len(found) == alive
    if alive:
        reported = found[0].pop("reported")
        assert reported.utcoffset() is not None
        assert found == [{"device": "device-1", "host": "host", "schema": KNOWN, **status}]
