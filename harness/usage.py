"""Measure CPU and memory of a running server, part by part, and of the whole machine."""

from __future__ import annotations

import os
import threading
import time
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

import settings
from host import descendants

TICKS_S = os.sysconf("SC_CLK_TCK")
LOOK_S = 2.0
# What a command line says about the part that a process and everything below it belong to.
PARTS = {
    "mongod": "mongod",
    "uwsgi": "web",
    "trusted_db.py": "device",
    "sshd": "supervisor",
    "-m untrusted": "supervisor",
}


@dataclass
class Usage:
    """``cores``: CPU seconds per second of each part, and of the ``machine``; ``memory_bytes``: the most, all parts."""

    cores: dict[str, float] = field(default_factory=dict)
    memory_bytes: int = 0


class Watch:
    """Watch processes and all below them between ``with`` and its end, for ``seconds`` at most; fill in ``usage``.

    CPU of a process that ended counts when its parent waited for it, which nobody does for most of a session: without
    the control group of all sessions, their own CPU is not among the figures. Memory is the proportional set size
    (shared pages count once), which only its owner and root may read.
    """

    def __init__(self, pids: dict[str, int], group: Path | None, seconds: float, usage: Usage) -> None:
        self._pids = pids
        self._group = group
        self._seconds = seconds
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._look, daemon=True)
        self.usage = usage

    def __enter__(self) -> Watch:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._ended.set()
        self._thread.join()

    def _look(self) -> None:
        began, before = time.monotonic(), cpu_by_part_s(self._pids, self._group)
        while not self._ended.wait(LOOK_S) and time.monotonic() < began + self._seconds:
            now, elapsed_s = cpu_by_part_s(self._pids, self._group), time.monotonic() - began
            self.usage.cores = {name: max(0.0, now[name] - before.get(name, 0.0)) / elapsed_s for name in now}
            server = self._pids.get("server")
            if server is not None:
                total = sum(map(_memory_bytes, [server, *descendants.find(server)]))
                self.usage.memory_bytes = max(self.usage.memory_bytes, total)


def cpu_by_part_s(pids: dict[str, int], group: Path | None) -> dict[str, float]:
    """Return the CPU seconds of each part until now, and of the ``machine``; see ``Watch``."""
    found = {"machine": machine_cpu_s()}
    for name, pid in pids.items():
        _add_tree(found, pid, name, group)
    if group:
        found["sessions"] = _group_cpu_s(group)
    return found


def sessions_group(data: Path) -> Path | None:
    """Return the control group that counts the CPU of a server's sessions; None where there is none."""
    groups = settings.load(data / "singlecell_config.py").cgroup_directory
    # Of cgroup v1 the group of that controller, of v2 the only one.
    named = dict(part.rpartition("=")[::2] for part in groups.split(",")) if groups else {}
    directory = named.get("cpuacct") or named.get("")
    return Path(directory) if directory else None


def machine_cpu_s() -> float:
    """Return the CPU seconds of the whole machine until now."""
    fields = Path("/proc/stat").read_text().splitlines()[0].split()[1:]
    busy = [int(value) for number, value in enumerate(fields[:8]) if number not in (3, 4)]  # but idle and iowait
    return sum(busy) / TICKS_S


def _add_tree(found: dict[str, float], pid: int, part: str, group: Path | None) -> None:
    with suppress(OSError):  # it ended in between
        if group and is_in(pid, group.name):
            return  # the group counts it
        command = Path(f"/proc/{pid}/cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace")
        if part in ("server", "device"):  # without an account of its own the supervisor is the device's child
            part = next((name for word, name in PARTS.items() if word in command), part)
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
        # utime, stime, and those of the children that it waited for: proc(5), fields 14 to 17.
        found[part] = found.get(part, 0.0) + sum(map(int, fields[11:15])) / TICKS_S
        for task in Path(f"/proc/{pid}/task").iterdir():
            for child in (task / "children").read_text().split():
                _add_tree(found, int(child), part, group)


def is_in(pid: int, name: str) -> bool:
    """Return whether a process is in a group of this name; that of the server's own parts has a longer one."""
    return any(name in line.split("/") for line in Path(f"/proc/{pid}/cgroup").read_text().splitlines())


def _group_cpu_s(group: Path) -> float:
    """Return the CPU of everything that ever was in a group; there are two versions of them."""
    if (group / "cpuacct.usage").exists():
        return int((group / "cpuacct.usage").read_text()) / 1e9
    return int((group / "cpu.stat").read_text().split()[1]) / 1e6


def _memory_bytes(pid: int) -> int:
    with suppress(OSError):
        for line in Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines():
            if line.startswith("Pss:"):
                return int(line.split()[1]) * 1024
    return 0
