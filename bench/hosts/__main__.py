"""Runs two devices and two hosts for cells on hosts of namespaces, cuts these off from each other, and judges.

``python -m bench.hosts [--quick] [--faults A B] [--seed N] [--visitors N]``, as root. Web part and database are on one
host, each device on one, cells on two, behind sshds of their own; each device has an account on both. The clock of one
device's host is an hour fast, that of one host for cells an hour slow. Every computation that was acknowledged must end
in time, once, with the right output or a reason, and while one is cut off cells must run over the others: if not, the
exit code is 1. All of it is in namespaces of its own, which end with it. ``--quick``: short leases and heartbeats.
"""

from __future__ import annotations

import argparse
import json
import sys
import time
from collections import Counter
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from bench.chaos.visitors import Visitors
from bench.hosts.faults import FAULTS, Found
from bench.hosts.machines import is_apart, run_apart, why_not
from bench.hosts.site import Site

RESULTS = Path(__file__).parents[1] / "results"
QUICK = {"lease_s": 4.0, "heartbeat_s": 0.5, "heartbeat_timeout_s": 3.0, "redial_s_max": 4.0, "mongo_timeout_s": 1.0,
         "session_grace_s": 2.0}  # fmt: skip
ORDINARY = {"lease_s": 15.0, "heartbeat_s": 2.0, "heartbeat_timeout_s": 12.0, "redial_s_max": 30.0,
            "session_grace_s": 30.0}  # fmt: skip
STARTS_S = 60.0  # what a machine that is busy with other things may take beyond leases and heartbeats
HOUR_S = 3600
# What may come of a computation: with short heartbeats a busy machine may seem cut off twice.
ENDS = (("done", None), ("failed", "session_gone"), ("lost", "lost"))
WORKERS = 6


@dataclass
class Round:
    """What one fault did. ``ended_s``: from its end until all that it had met had ended."""

    fault: str
    lasted_s: float
    ended_s: float
    met: int
    found: Found


def main(arguments: list[str]) -> int:
    """Run the faults; return the exit code."""
    options = _options(arguments)
    if reason := why_not():
        print(f"hosts: {reason}")
        return 3
    if not is_apart():
        return run_apart("bench.hosts", arguments)
    settings = QUICK if options.quick else ORDINARY
    bound_s = 2 * settings["lease_s"] + settings["heartbeat_timeout_s"] + settings["redial_s_max"] + STARTS_S
    site = set_up(settings)
    visitors = Visitors(site.url, options.seed, options.visitors)
    rounds = [_round(name, site, visitors, settings, bound_s) for name in options.faults]
    visitors.stop(bound_s)
    wrong = _judge(site, rounds, visitors, bound_s)
    RESULTS.mkdir(exist_ok=True)
    found = {"rounds": [asdict(one) for one in rounds], "wrong": wrong, "ends": _ends(visitors)}
    (RESULTS / "hosts.json").write_text(json.dumps(found, indent=1) + "\n")
    print(f"{len(visitors.all)} acknowledged: {_ends(visitors)}")
    print("\n".join(wrong) if wrong else "all ended as promised")
    return 1 if wrong else 0


def set_up(settings: dict[str, Any]) -> Site:
    """Return a site of five hosts whose devices run cells."""
    began = time.monotonic()
    site = Site(settings)
    site.add_device_host("devices-1")
    site.add_device_host("devices-2", HOUR_S)
    site.add_cells_host("cells-1", ["devices-1", "devices-2"])
    site.add_cells_host("cells-2", ["devices-1", "devices-2"], -HOUR_S)
    for number in (1, 2):
        site.start_device(f"device-{number}", f"devices-{number}", ["cells-1", "cells-2"], WORKERS)
    site.wait_until_ready(2, 4)
    print(f"{time.monotonic() - began:6.1f} s  {', '.join(site.network.hosts)} are ready", flush=True)
    return site


def _round(name: str, site: Site, visitors: Visitors, settings: dict[str, Any], bound_s: float) -> Round:
    in_flight = [one for one in visitors.all if one.ended is None]
    began = time.monotonic()
    found = FAULTS[name](site, visitors, settings)
    healed = time.monotonic()
    met = in_flight + [one for one in visitors.all if began <= one.since <= healed]
    while any(one.ended is None for one in met) and time.monotonic() < healed + bound_s:
        time.sleep(0.05)
    ended_s = max([0.0, *((one.ended or healed + bound_s) - healed for one in met)])
    done = Round(name, healed - began, ended_s, len(met), found)
    print(f"{name}: lasted {done.lasted_s:.1f} s, all {len(met)} ended {ended_s:.1f} s after; {found}", flush=True)
    return done


def _judge(site: Site, rounds: list[Round], visitors: Visitors, bound_s: float) -> list[str]:
    """Return what was not as it was promised."""
    wrong = list(visitors.faults)
    wrong += [f"{one.kind} {one.id} has not ended" for one in visitors.all if one.ended is None]
    wrong += [f"{one.fault}: not over within {bound_s:g} s" for one in rounds if one.ended_s >= bound_s]
    wrong += [f"{one.fault}: {sentence}" for one in rounds for sentence in one.found.wrong]
    for one in visitors.all:
        if (one.state, one.reason) not in ENDS:
            wrong.append(f"{one.kind} {one.id} ended {one.state}/{one.reason}")
    for name, process in {**site.devices, "web": site.web, "database": site.database}.items():
        if process.exit_code is not None:
            wrong.append(f"{name} has ended\n{process.tail()}")
    return wrong


def _ends(visitors: Visitors) -> dict[str, int]:
    ends = Counter(f"{one.state}{f'/{one.reason}' if one.reason else ''} at {one.attempt}" for one in visitors.all)
    return dict(ends.most_common())


def _options(arguments: list[str]) -> Any:
    parser = argparse.ArgumentParser(prog="python -m bench.hosts", description="Cut hosts off from each other.")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--visitors", type=int, default=8)
    about = f"of {', '.join(FAULTS)}; without it all"
    parser.add_argument("--faults", nargs="+", choices=FAULTS, default=list(FAULTS), metavar="FAULT", help=about)
    parser.add_argument("--quick", action="store_true", help="short leases and heartbeats")
    return parser.parse_args(arguments)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
