"""Attack a server in every way at once and see what its other visitors notice.

``python -m bench.siege [--seconds 600] [--only disk,input,…] [--attackers 1] [--one-address]`` starts a server as
``make run`` does, as root with its data on a small disk in memory, lets neighbours run cells alone for a while and then
beside the attackers.
It prints what each attacker got, the neighbours' times, their cells that were refused for a while, failed or wrong, and
the disk over time; it ends with 1 if any failed or was wrong.
"""

from __future__ import annotations

import argparse
import hashlib
import os
import sys
import threading
import time
from collections import Counter
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import requests

from bench.attackers import ATTACKS, Attack
from bench.latency import quantile_ms
from bench.machine import favoured
from harness.server import Server, can_mount, serve

MIB = 1 << 20
DISK_BYTES = 3072 * MIB
SETTINGS = f"""
disk_free_bytes_min = {768 * MIB}
disk_free_bytes_end = {512 * MIB}
stored_bytes_max = {384 * MIB}
client_stored_bytes_max = {128 * MIB}
permalinks_bytes_max = {64 * MIB}
"""
NEIGHBOURS = 2
ALONE_SHARE, ALONE_S_MIN = 0.1, 2.0
CELL_DEADLINE_S = 120.0
ANSWER_S = 90.0
RETURN_S = 60.0


@dataclass
class Visits:
    """What neighbours saw: seconds of each cell that ended right, ends, and refusals that they waited out."""

    times_s: list[float] = field(default_factory=list)
    ends: Counter[str] = field(default_factory=Counter)
    refusals: Counter[str] = field(default_factory=Counter)
    longest_pause_s: float = 0.0
    _last_right: float = field(default_factory=time.monotonic)

    @property
    def bad(self) -> int:
        """How many cells did not come to their right result."""
        return sum(self.ends.values()) - self.ends["right"]

    def right(self, elapsed_s: float) -> None:
        """Note a cell that came to its result."""
        now = time.monotonic()
        self.longest_pause_s = max(self.longest_pause_s, now - self._last_right)
        self._last_right = now
        self.times_s.append(elapsed_s)
        self.ends["right"] += 1

    def __str__(self) -> str:
        times = [f"{name} {quantile_ms(self.times_s, share):.0f} ms" for name, share in (("p50", 0.5), ("p95", 0.95))
                 if self.times_s]  # fmt: skip
        return (
            f"{', '.join(times)}; ends {dict(self.ends)}; refused for a while {dict(self.refusals)}; "
            f"longest without a result {self.longest_pause_s:.1f} s"
        )


def right(answer: requests.Response) -> dict[str, Any]:
    """Return what was answered. Raises ValueError: it is no answer to what was asked."""
    if not answer.ok:
        raise ValueError(f"{answer.request.method} was answered with {answer.status_code}: {answer.text}")
    found: dict[str, Any] = answer.json()
    return found


def visit(url: str, number: int, visits: Visits, address: str) -> None:
    """Run one cell as a page at this address does: what is refused for a while is tried again."""
    headers = {"X-Forwarded-For": address}
    text = f"cell {number} of {threading.get_ident()}"
    code, expected = f"import hashlib\nhashlib.sha256({text!r}.encode()).hexdigest()", hashlib.sha256(text.encode())
    began = time.monotonic()
    while time.monotonic() < began + CELL_DEADLINE_S:
        try:
            body = {"code": code}
            answer = requests.post(f"{url}/computations?wait=30", json=body, headers=headers, timeout=ANSWER_S)
            if answer.status_code in (429, 503):
                visits.refusals[answer.json()["detail"][:50]] += 1
                time.sleep(min(2.0, float(answer.headers.get("Retry-After", 1))))
                continue
            cell = right(answer)
            messages, there = cell["messages"], cell["links"]["messages"]
            while not cell["finished"]:
                after = messages[-1]["sequence"] if messages else -1
                cell = right(requests.get(f"{there}?after={after}&wait=30", headers=headers, timeout=ANSWER_S))
                messages += cell["messages"]
        except (requests.RequestException, ValueError) as error:
            visits.ends[f"failed: {type(error).__name__}: {error}"[:200]] += 1
            return
        results = [one["content"] for one in messages if one["header"]["msg_type"] == "execute_result"]
        if cell["state"] != "done" or not results:
            visits.ends[f"failed: {cell['state']}"] += 1
        elif results[0]["data"]["text/plain"] != repr(expected.hexdigest()):
            visits.ends["wrong"] += 1
        else:
            visits.right(time.monotonic() - began)
        return
    visits.ends["failed: refused for too long"] += 1


def neighbours(url: str, seconds: float) -> Visits:
    """Let neighbours run cells one after the other for so long; return what they saw."""
    visits, until = Visits(), time.monotonic() + seconds

    def go_on(address: str) -> None:
        with suppress(OSError):  # a visitor has a processor of their own; here they would wait for the server's
            os.setpriority(os.PRIO_PROCESS, threading.get_native_id(), -15)
        number = 0
        while time.monotonic() < until:
            visit(url, number, visits, address)
            number += 1
            time.sleep(0.05)

    threads = [threading.Thread(target=go_on, args=(f"192.0.2.{number}",)) for number in range(NEIGHBOURS)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return visits


class Disk:
    """The bytes that are used and free on the server's disk, over time."""

    def __init__(self, data: Path) -> None:
        self._data, self._ended = data, threading.Event()
        self.used_bytes: list[int] = []
        self.least_free_bytes = sys.maxsize
        self._thread = threading.Thread(target=self._look, daemon=True)
        self._thread.start()

    def stop(self) -> None:
        """Look no more."""
        self._ended.set()
        self._thread.join()

    def _look(self) -> None:
        while not self._ended.wait(0.5):
            disk = os.statvfs(self._data)
            self.used_bytes.append((disk.f_blocks - disk.f_bfree) * disk.f_frsize)
            self.least_free_bytes = min(self.least_free_bytes, disk.f_bavail * disk.f_frsize)


@dataclass(frozen=True)
class Siege:
    """What a siege came to. ``got``: by attack; ``ready``: whether the server is when the attackers have gone."""

    alone: Visits
    besieged: Visits
    got: dict[str, dict[str, int]]
    disk: Disk
    ready: bool


def besiege(
    server: Server, seconds: float, kinds: list[str], attackers_max: int | None = None, *, one_address: bool = False
) -> Siege:
    """Let neighbours run cells alone, then beside all attackers of these kinds (or these attackers).

    ``attackers_max``: how many visitors attack in each way; as many as each attack says when it is None.
    ``one_address``: whether those who attack in one way do it from one address.
    """
    disk = Disk(server.data)
    alone = neighbours(server.url, max(ALONE_S_MIN, seconds * ALONE_SHARE))
    names = [name for kind, attacks in ATTACKS.items() for name in attacks if {kind, name} & set(kinds)]
    attacks = [
        Attack(name, server.url, 20 * number, attackers_max, one_address=one_address)
        for number, name in enumerate(names)
    ]
    try:
        for attack in attacks:
            attack.has_begun()
        besieged = neighbours(server.url, seconds)
    finally:
        for attack in attacks:
            attack.end()
        got = {attack.name: attack.stop() for attack in attacks}
    ready = returns(server.url)
    disk.stop()
    return Siege(alone, besieged, got, disk, ready)


def returns(url: str) -> bool:
    """Return whether the server is ready within a while."""
    until = time.monotonic() + RETURN_S
    while time.monotonic() < until:
        with suppress(requests.RequestException):
            if requests.get(f"{url}/readyz", timeout=ANSWER_S).status_code == 200:
                return True
        time.sleep(0.5)
    return False


def main() -> int:
    """Besiege a server of our own; print the tables."""
    parser = argparse.ArgumentParser(prog="python -m bench.siege")
    parser.add_argument("--seconds", type=float, default=600.0, help="how long the attackers go on")
    parser.add_argument("--only", default=",".join(ATTACKS), help="kinds of attack, or single attacks")
    parser.add_argument("--attackers", type=int, help="how many visitors attack in each way, at most")
    parser.add_argument("--one-address", action="store_true", help="those who attack in one way have one address")
    options = parser.parse_args()
    kinds = options.only.split(",")
    known = {*ATTACKS, *(name for attacks in ATTACKS.values() for name in attacks)}
    if not set(kinds) <= known:
        parser.error(f"--only: there are {', '.join(sorted(known))}")
    if options.attackers is not None and options.attackers < 1:
        parser.error("--attackers: at least 1")
    small = os.geteuid() == 0 and can_mount()
    if not small:
        print("no disk can be mounted here: the data lie on the machine's own")
    with serve(SETTINGS, disk_bytes=DISK_BYTES if small else None) as server, favoured():
        siege = besiege(server, options.seconds, kinds, options.attackers, one_address=options.one_address)
    print(f"neighbours alone:     {siege.alone}\nneighbours besieged:  {siege.besieged}")
    for name, got in siege.got.items():
        print(f"{name:20} {got}")
    used = siege.disk.used_bytes
    steps = [used[len(used) * step // 20] >> 20 for step in range(20)] if used else []
    print(f"MiB used on the disk over time: {steps}, at most {max(used, default=0) >> 20}, "
          f"free at least {siege.disk.least_free_bytes >> 20}; ready afterwards: {siege.ready}")  # fmt: skip
    return 1 if siege.besieged.bad or siege.alone.bad or not siege.ready else 0


if __name__ == "__main__":
    sys.exit(main())
