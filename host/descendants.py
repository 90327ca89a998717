"""Find and end the processes below us, whoever started them and whatever account they changed to."""

from __future__ import annotations

import ctypes
import os
import signal
from collections import defaultdict
from collections.abc import Container
from contextlib import suppress

_PR_SET_PDEATHSIG = 1
_PR_SET_CHILD_SUBREAPER = 36
_libc = ctypes.CDLL(None, use_errno=True)


def adopt_orphans() -> None:
    """Become the parent of every descendant whose own parent ends: none gets out of sight."""
    _libc.prctl(_PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)


def die_with_parent(parent: int) -> None:
    """Be killed when our parent process, ``parent``, ends."""
    _libc.prctl(_PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)
    if os.getppid() != parent:  # it ended before the call
        os._exit(1)


def find(ancestor: int) -> list[int]:
    """Return the ids of all living processes below one; zombies do not count."""
    children: dict[int, list[int]] = defaultdict(list)
    for name in os.listdir("/proc"):
        if name.isdigit() and (parent := _living_parent(int(name))):
            children[parent].append(int(name))
    found, frontier = [], [ancestor]
    while frontier:
        below = children[frontier.pop()]
        found += below
        frontier += below
    return found


def kill(pids: list[int]) -> None:
    """Kill processes; those that have ended meanwhile do not matter."""
    for pid in pids:
        with suppress(ProcessLookupError, PermissionError):
            os.kill(pid, signal.SIGKILL)


def reap(keep: Container[int] = ()) -> None:
    """Collect the exit codes of children that have ended; at the first of ``keep``, whom others wait for, stop."""
    with suppress(ChildProcessError):
        while (ended := os.waitid(os.P_ALL, 0, os.WEXITED | os.WNOHANG | os.WNOWAIT)) and ended.si_pid not in keep:
            os.waitpid(ended.si_pid, 0)


def _living_parent(pid: int) -> int:
    try:
        with open(f"/proc/{pid}/stat", "rb") as file:
            # The name may hold any character, parentheses too.
            state, parent = file.read().rpartition(b")")[2].split()[:2]
    except OSError:
        return 0
    return 0 if state == b"Z" else int(parent)
