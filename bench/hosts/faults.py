"""What is done to the hosts: cut off from each other, made slow, added and taken away; each is healed in the end."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

from bench.chaos.visitors import Visitors
from bench.hosts.site import CENTRE, START_S, Site
from harness.processes import wait_for

DELAY_SHARE, LOSS = 1 / 120, 0.02  # of the silence after which a supervisor is given up: 0.1 s
SLOW_S = 20.0
PROBES = 3  # cells that run while somebody is cut off
WORKERS = 4


@dataclass
class Found:
    """What a fault has shown. ``figures``: seconds; ``wrong``: what was not as promised."""

    figures: dict[str, float] = field(default_factory=dict)
    wrong: list[str] = field(default_factory=list)

    def __str__(self) -> str:
        return ", ".join([*(f"{name} {value:.1f} s" for name, value in self.figures.items()), *self.wrong])


def cut_device_from_database(site: Site, visitors: Visitors, settings: dict[str, Any]) -> Found:
    """Cut a device off from the database, but not from its hosts, for longer than lease and grace."""
    return _cut(site, visitors, settings, [("devices-1", CENTRE)])


def cut_host_from_device(site: Site, visitors: Visitors, settings: dict[str, Any]) -> Found:
    """Cut a host for cells off from one device; the other one still reaches it."""
    return _cut(site, visitors, settings, [("devices-1", "cells-1")])


def cut_device_off(site: Site, visitors: Visitors, settings: dict[str, Any]) -> Found:
    """Cut a device off from all others."""
    return _cut(site, visitors, settings, [("devices-2", name) for name in site.network.hosts if name != "devices-2"])


def cut_host_off(site: Site, visitors: Visitors, settings: dict[str, Any]) -> Found:
    """Cut a host for cells off from all others."""
    return _cut(site, visitors, settings, [("cells-2", name) for name in site.network.hosts if name != "cells-2"])


def slow_and_lossy(site: Site, visitors: Visitors, settings: dict[str, Any]) -> Found:
    """Delay what passes between all hosts, and lose some of it."""
    found = Found()
    pairs = _pairs(site)
    delay_s = settings["heartbeat_timeout_s"] * DELAY_SHARE
    for one, other in pairs:
        site.network.change(one, other, delay_s, LOSS)
    began = time.monotonic()
    probed = 0
    while probed < PROBES or time.monotonic() < began + SLOW_S:
        _probe(visitors, found)
        probed += 1
    for one, other in pairs:
        site.network.change(one, other)
    found.figures["a cell meanwhile, on average"] = (time.monotonic() - began) / probed
    return found


def add_and_take_away(site: Site, visitors: Visitors, settings: dict[str, Any]) -> Found:
    """Add a host for cells with a device while cells run, and take it away in order."""
    found = Found()
    site.add_cells_host("cells-3", ["devices-1"])
    began = time.monotonic()
    site.start_device("device-3", "devices-1", ["cells-3"], WORKERS)
    name = wait_for(lambda: _device_of(site, "cells-3"), START_S)
    found.figures["the new host was ready after"] = time.monotonic() - began
    wait_for(lambda: _ran(site, name), START_S)  # of what visitors submit
    found.figures["it had run a cell after"] = time.monotonic() - began
    before = time.monotonic()
    if code := site.end_device("device-3"):
        found.wrong.append(f"the device that was taken away ended with {code}")
    found.figures["it was away after"] = time.monotonic() - before
    for one in site.store.report.rows(1, ["device", "state"]):
        if one["device"] == name and one["state"] != "done":
            found.wrong.append(f"{one['computations']} cells of the host that was taken away ended {one['state']}")
    return found


FAULTS: dict[str, Callable[[Site, Visitors, dict[str, Any]], Found]] = {
    fault.__name__: fault
    for fault in (
        cut_device_from_database, cut_host_from_device, cut_device_off, cut_host_off, slow_and_lossy, add_and_take_away,
    )
}  # fmt: skip


def _cut(site: Site, visitors: Visitors, settings: dict[str, Any], pairs: Sequence[tuple[str, str]]) -> Found:
    """Cut hosts off for longer than anything that was there before may count on, without a word to either."""
    found = Found()
    for one, other in pairs:
        site.network.change(one, other, loss=1.0)
    began = time.monotonic()
    until = began + settings["lease_s"] + settings["heartbeat_timeout_s"] + settings["session_grace_s"]
    longest_s, probed = 0.0, 0
    while probed < PROBES or time.monotonic() < until:
        at = time.monotonic()
        _probe(visitors, found)
        longest_s, probed = max(longest_s, time.monotonic() - at), probed + 1
    found.figures["the slowest new cell meanwhile"] = longest_s
    for one, other in pairs:
        site.network.change(one, other)
    healed = time.monotonic()
    site.wait_until_ready(2, 4)
    found.figures["all accounts were served again after"] = time.monotonic() - healed
    _probe(visitors, found)
    return found


def _probe(visitors: Visitors, found: Found) -> None:
    probe = visitors.run("print(1)", "probe", "1\n")
    if probe.state != "done":
        found.wrong.append(f"a new cell ended {probe.state}/{probe.reason}")


def _pairs(site: Site) -> list[tuple[str, str]]:
    names = list(site.network.hosts)
    return [(one, other) for index, one in enumerate(names) for other in names[index + 1 :]]


def _device_of(site: Site, host: str) -> str:
    """Return the device that runs cells on a host; empty while there is none."""
    for one in site.store.devices.alive():
        if any(host in account["account"] and account["state"] == "ready" for account in one["accounts"]):
            return str(one["device"])
    return ""


def _ran(site: Site, device: str) -> int:
    rows = site.store.report.rows(1, ["device"])
    return sum(row["computations"] for row in rows if row["device"] == device)
