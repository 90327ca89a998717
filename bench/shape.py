"""Measure how throughput grows with devices and with web processes, each of them held to a share of a processor.

``python -m bench shape [SECONDS]`` runs, as root where there are control groups of version 1, short cells in a closed
loop beside 1, 2 and 4 devices, each with a supervisor of its own, then with 1, 2 and 4 web processes. A device and its
supervisor with the zygote, or a web process, have a control group of their own, whose quota is what they may use: so
the shape shows where there are fewer processors than programs. Sessions and the database have what is left. Writes
``bench/results/shape.json``.
"""

from __future__ import annotations

import json
import os
import platform
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from bench.loops import closed, loop
from bench.spread import device_of, devices
from harness.server import ROOT, Server, serve
from harness.usage import is_in, sessions_group
from host import descendants

RESULT = ROOT / "bench" / "results" / "shape.json"
GROUPS = Path("/sys/fs/cgroup/cpu")
PERIOD_US = 20_000
# Of one processor: so many cells cost less than two processors give even with four of a kind.
DEVICE_SHARE, WEB_SHARE = 0.1, 0.05
COUNTS = (1, 2, 4)
CLIENTS, WARM_S, SECONDS = 16, 3.0, 10.0
SETTINGS = "workers = 8\npool_ready = 4\n"


def main(arguments: list[str]) -> None:
    """Measure and print the table."""
    if os.geteuid() != 0 or not (GROUPS / "cpu.cfs_quota_us").exists():
        raise SystemExit("bench: shape needs root and control groups of version 1")
    seconds = float(arguments[0]) if arguments else SECONDS
    table: dict[str, Any] = {"machine": f"{platform.machine()}, Linux {platform.release()}", "seconds": seconds}
    with serve(SETTINGS) as server:
        for count in COUNTS:
            with devices(server, count - 1) as more:
                own = [device_of(server), *(process.pid for process in more)]
                parts = zip(own, supervisors(server), strict=True)
                groups = [family(server, device) + family(server, supervisor) for device, supervisor in parts]
                table[f"{count} devices"] = measured(server, f"{count} devices", groups, DEVICE_SHARE, seconds)
    for count in COUNTS:
        with serve(f"{SETTINGS}web_processes = {count}\n") as server:
            groups = [[pid] for pid in web_processes(server)]
            table[f"{count} web"] = measured(server, f"{count} web processes", groups, WEB_SHARE, seconds)
    for kind in ("devices", "web"):
        first = table[f"{COUNTS[0]} {kind}"]["cells_per_s"]
        print(kind, [round(table[f"{count} {kind}"]["cells_per_s"] / first, 2) for count in COUNTS], flush=True)
    RESULT.parent.mkdir(exist_ok=True)
    RESULT.write_text(json.dumps(table, indent=1) + "\n")


def measured(
    server: Server, name: str, groups: Sequence[Sequence[int]], share: float, seconds: float
) -> dict[str, Any]:
    """Run short cells while each of the groups of processes is held to its share; return the row."""
    with held(groups, share):
        closed(server.url, CLIENTS, WARM_S)
        return loop(server, name, closed, CLIENTS, seconds)


@contextmanager
def held(groups: Sequence[Sequence[int]], share: float) -> Iterator[None]:
    """Hold each of the groups of processes to a share of a processor, until the block ends."""
    made = [GROUPS / f"bench-shape-{os.getpid()}-{number}" for number in range(len(groups))]
    try:
        for directory, pids in zip(made, groups, strict=True):
            directory.mkdir()
            (directory / "cpu.cfs_period_us").write_text(str(PERIOD_US))
            (directory / "cpu.cfs_quota_us").write_text(str(int(share * PERIOD_US)))
            for pid in pids:
                (directory / "cgroup.procs").write_text(str(pid))
        yield
    finally:
        for directory in made:
            if directory.exists():
                for pid in (directory / "cgroup.procs").read_text().split():
                    (GROUPS / "cgroup.procs").write_text(pid)
                directory.rmdir()


def family(server: Server, pid: int) -> list[int]:
    """Return a process and all below it, but for sessions, which have groups of their own."""
    group = sessions_group(server.data)
    return [one for one in (pid, *descendants.find(pid)) if group is None or not is_in(one, group.name)]


def supervisors(server: Server) -> list[int]:
    """Return the supervisors of all devices."""
    zygotes = {pid for pid in server.process.descendants() if b"untrusted.worker.zygote" in command(pid)}
    return sorted({parent(pid) for pid in zygotes} - zygotes)


def web_processes(server: Server) -> list[int]:
    """Return uWSGI's workers, without their master."""
    uwsgi = {pid for pid in server.process.descendants() if b"/uwsgi\0" in command(pid)}
    return sorted(uwsgi - {parent(pid) for pid in uwsgi})


def command(pid: int) -> bytes:
    """Return the words of a process's command, each with a NUL behind it; none when it is gone."""
    try:
        return Path(f"/proc/{pid}/cmdline").read_bytes()
    except OSError:
        return b""


def parent(pid: int) -> int:
    """Return the parent of a process."""
    return int(Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[1])
