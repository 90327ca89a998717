"""Reads what /proc tells of a process: who it is, what it has used, what it holds."""

from __future__ import annotations

import os
from contextlib import suppress
from typing import NamedTuple

_TICKS_PER_S = os.sysconf("SC_CLK_TCK")
_PAGE_BYTES = os.sysconf("SC_PAGE_SIZE")
_RUNSC = b"runsc-sandbox"  # what it calls itself


class Process(NamedTuple):
    """A process as /proc/PID/stat shows it."""

    parent: int
    still: bool  # it cannot go on: init while its worker runs
    started: int
    cpu_s: float
    threads: int
    resident_bytes: int


def read_process(pid: str) -> Process | None:
    """Return what there is to know of a process; None when it has ended."""
    try:
        with open(f"/proc/{pid}/stat", "rb") as file:
            # The command's name stands in parentheses and may hold any character, parentheses too.
            fields = file.read().rpartition(b")")[2].split()
    except OSError:
        return None
    # proc(5); the first field here is the third there.
    still, cpu_s = fields[0] == b"D", (int(fields[11]) + int(fields[12])) / _TICKS_PER_S
    return Process(int(fields[1]), still, int(fields[19]), cpu_s, int(fields[17]), int(fields[21]) * _PAGE_BYTES)


def open_guest_memory(pid: int) -> int | None:
    """Return a handle of the file that a process of runsc keeps its guest's memory in."""
    with suppress(OSError):
        with open(f"/proc/{pid}/cmdline", "rb") as file:
            if not file.read(len(_RUNSC)).startswith(_RUNSC):
                return None
        for name in os.listdir(f"/proc/{pid}/fd"):
            if os.readlink(f"/proc/{pid}/fd/{name}").startswith("/memfd:runsc-memory"):
                return os.open(f"/proc/{pid}/fd/{name}", os.O_PATH | os.O_CLOEXEC)
    return None


def private_share(pid: int, process: Process, without_files_in_memory: bool) -> int:
    """Return the proportional set size of a process in bytes; all that is resident where it does not let us see."""
    try:
        with open(f"/proc/{pid}/smaps_rollup") as file:
            rows = (line.split() for line in file if line.startswith("Pss"))
            sizes = {name.rstrip(":"): int(size) << 10 for name, size, _unit in rows}
        return sizes["Pss"] - (sizes.get("Pss_Shmem", 0) if without_files_in_memory else 0)
    except (OSError, KeyError):  # it ends just now
        return process.resident_bytes
