"""Runs a whole server under visitors, and does one fault after another to it, chosen by a seed.

``python -m bench.chaos [--seed N] [--seconds S] [--visitors N] [--faults A B] [--quick]``, as root. Each computation
that was acknowledged must end in time, with the right output or a reason, and service must return by itself: if not,
the exit code is 1; 3 where it cannot be tried. A table says for each fault how long that took;
``bench/results/chaos.json`` has all of it. The database's disk and the supervisors' are small ones in memory; its
clock, and no other, is set by ``clock.c``, where there is a C compiler. ``--quick``: short leases, heartbeats.
"""

from __future__ import annotations

import argparse
import json
import random
import shlex
import shutil
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from bench.chaos.faults import FAULTS, OF_CLOCK, Scene, code_directory, set_clock
from bench.chaos.parts import Parts
from bench.chaos.visitors import Acknowledged, Visitors
from harness.server import can_mount, serve
from host.accounts import UNTRUSTED_CODE
from store.embedded import mongod_program

RESULTS = Path(__file__).parents[1] / "results"
EXIT_NOT_HERE = 3
DISK_BYTES, CODE_BYTES = 1 << 30, 16 << 20
DISK = {"disk_free_bytes_min": 400 << 20, "disk_free_bytes_end": 256 << 20}
CALM_S, CALM_QUICK_S = 3.0, 1.0  # before each fault
QUICK = {"lease_s": 3.0, "heartbeat_s": 0.5, "heartbeat_timeout_s": 3.0, "redial_s_max": 4.0, "mongo_timeout_s": 1.0}
ORDINARY = {"lease_s": 15.0, "heartbeat_s": 2.0, "heartbeat_timeout_s": 12.0, "redial_s_max": 30.0}
# What a machine that is busy with other things may take beyond leases and heartbeats: to start parts, to run cells.
STARTS_S = 30.0


@dataclass
class Round:
    """What one fault did. ``service_s``: from its end until a new cell was done; ``ended_s``: until all had ended."""

    fault: str
    lasted_s: float
    service_s: float
    ended_s: float = 0.0
    in_flight: int = 0
    ends: dict[str, int] = field(default_factory=dict)


def main(arguments: list[str]) -> int:
    """Run the faults for a while; return the exit code."""
    options = _options(arguments)
    names: list[str] = options.faults
    if shutil.which("cc") is None:
        print("there is no C compiler: the clock is left alone", flush=True)
        names = [name for name in names if name not in OF_CLOCK]
    if not can_mount():
        print("chaos makes disks of its own, which only root can, and not in every container", flush=True)
        return EXIT_NOT_HERE
    print(f"seed {options.seed}", flush=True)
    rounds, visitors = run(options.seed, options.seconds, names, options.visitors, options.quick)
    wrong = judge(rounds, visitors, bound_s(options.quick))
    RESULTS.mkdir(exist_ok=True)
    found = {"seed": options.seed, "rounds": [asdict(one) for one in rounds], "wrong": wrong,
             "ends": _ends(visitors.all)}  # fmt: skip
    (RESULTS / "chaos.json").write_text(json.dumps(found, indent=1) + "\n")
    _print(rounds, visitors, wrong)
    return 1 if wrong else 0


def run(
    seed: int, seconds: float, names: list[str], count: int, quick: bool
) -> tuple[list[Round], Visitors]:
    """Do faults to a server for so many seconds, each at least once; return what each did, and the visitors."""
    chance, settings = random.Random(seed), QUICK if quick else ORDINARY
    lines = "".join(f"{name} = {value}\n" for name, value in {**settings, **DISK}.items())
    with _namespace() as (also, clock), serve(lines, disk_bytes=DISK_BYTES, also=also) as server:
        parts = Parts(server)
        scene = Scene(server, parts, chance, settings["lease_s"], settings["heartbeat_timeout_s"],
                      code_directory(server, UNTRUSTED_CODE), clock)  # fmt: skip
        visitors = Visitors(server.url, seed, count)
        rounds, begun, left = list[Round](), time.monotonic(), list[str]()
        while left or not rounds or time.monotonic() - begun < seconds:
            left = left or chance.sample(names, len(names))
            time.sleep(CALM_QUICK_S if quick else CALM_S)
            rounds.append(_round(left.pop(0), scene, visitors))
            print(f"{time.monotonic() - begun:6.0f} s  {rounds[-1].fault}", flush=True)
        visitors.stop(bound_s(quick))
    for one in rounds:
        one.ends = dict(one.ends)
    return rounds, visitors


def _round(name: str, scene: Scene, visitors: Visitors) -> Round:
    in_flight = [one for one in visitors.all if one.ended is None]
    began = time.monotonic()
    FAULTS[name](scene)
    healed = time.monotonic()
    probe = visitors.run("print(1)", "probe", "1\n")
    service_s = time.monotonic() - healed
    # Those that the fault met, also those that came in the middle of it.
    met = in_flight + [one for one in visitors.all if began <= one.since <= healed]
    end = healed + bound_s(quick=scene.lease_s == QUICK["lease_s"])
    while any(one.ended is None for one in met) and time.monotonic() < end:
        time.sleep(0.05)
    ended = [one.ended or end for one in met]
    return Round(name, healed - began, service_s if probe.state == "done" else float("inf"),
                 max([0.0, *(at - healed for at in ended)]), len(met), _ends(met))  # fmt: skip


def bound_s(quick: bool) -> float:
    """Return how long after a fault all that it met must have ended: leases have run out, parts are back."""
    settings = QUICK if quick else ORDINARY
    return 2 * settings["lease_s"] + settings["heartbeat_timeout_s"] + settings["redial_s_max"] + STARTS_S


def judge(rounds: list[Round], visitors: Visitors, within_s: float) -> list[str]:
    """Return what was not as it was promised."""
    wrong = list(visitors.faults)
    wrong += [f"{one.kind} {one.id} has not ended" for one in visitors.all if one.ended is None]
    for one in rounds:
        if max(one.service_s, one.ended_s) > within_s:
            wrong.append(f"{one.fault}: not over within {within_s:g} s")
    return wrong


@contextmanager
def _namespace() -> Iterator[tuple[str, Path | None]]:
    """Yield what gives a server a small disk for supervisors, and a mongod whose clock a file sets; and that file."""
    also = f"mkdir -p {UNTRUSTED_CODE} && mount -t tmpfs -o size={CODE_BYTES},mode=0755 tmpfs {UNTRUSTED_CODE} && "
    if shutil.which("cc") is None:
        yield also, None
        return
    with tempfile.TemporaryDirectory(prefix="chaos-", dir="/tmp") as name:
        folder = Path(name)
        folder.chmod(0o755)
        clock, library, wrapper = (folder / name for name in ("clock", "clock.so", "mongod"))
        set_clock(clock, 0)
        source = Path(__file__).with_name("clock.c")
        subprocess.run(["cc", "-shared", "-fPIC", "-O1", "-o", library, source, "-ldl"], check=True)
        program = shlex.quote(mongod_program())
        wrapper.write_text(f'#!/bin/sh\nexec env LD_PRELOAD={library} CHAOS_CLOCK={clock} {program} "$@"\n')
        wrapper.chmod(0o755)
        # The services look there for a mongod before they take that of their environment.
        yield f"{also}mount -t tmpfs tmpfs /usr/local/sbin && cp {wrapper} /usr/local/sbin/ && ", clock


def _ends(computations: list[Acknowledged]) -> dict[str, int]:
    ends = Counter(one.state if one.reason is None else f"{one.state}/{one.reason}" for one in computations)
    return dict(ends.most_common())


def _print(rounds: list[Round], visitors: Visitors, wrong: list[str]) -> None:
    print(f"\n{'fault':20} {'lasted':>8} {'service after':>14} {'all ended after':>16} {'met':>5}  ends")
    for one in rounds:
        ends = ", ".join(f"{count} {name}" for name, count in one.ends.items())
        times = f"{one.lasted_s:6.1f} s {one.service_s:12.1f} s {one.ended_s:14.1f} s"
        print(f"{one.fault:20} {times} {one.in_flight:5}  {ends}")
    print(f"\n{len(visitors.all)} acknowledged: {_ends(visitors.all)}")
    print("\n".join(wrong) if wrong else "all ended as promised")


def _options(arguments: list[str]) -> Any:
    parser = argparse.ArgumentParser(prog="python -m bench.chaos", description="Do faults to a server under visitors.")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--seconds", type=float, default=180.0, help="at least so long; each fault comes at least once")
    parser.add_argument("--visitors", type=int, default=12)
    about = f"of {', '.join(FAULTS)}; without it all"
    parser.add_argument("--faults", nargs="+", choices=FAULTS, default=list(FAULTS), metavar="FAULT", help=about)
    parser.add_argument("--quick", action="store_true", help="short leases and heartbeats")
    return parser.parse_args(arguments)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
