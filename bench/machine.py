"""Make the control groups for a measurement, and have it go before others, where root can do that."""

from __future__ import annotations

import os
import pwd
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from host import cgroups
from host.layout import Account

MEASURING_NICE = -19
UNTRUSTED = "nobody"  # the account that harness/supervisor.py starts supervisors in


@contextmanager
def favoured() -> Iterator[None]:
    """Let this process, and the programs of its terminal, go before others in the block, where root may say so.

    Visitors have processors of their own; here they would wait for the server's. Linux weighs programs by terminal
    first (autogroups), and only within one by their priority; what attacks has a terminal of its own, so to speak.
    """
    _be_nice(MEASURING_NICE)
    try:
        yield
    finally:
        _be_nice(0)


def _be_nice(nice: int) -> None:
    with suppress(OSError):
        os.setpriority(os.PRIO_PROCESS, 0, nice)
    with suppress(OSError):
        Path("/proc/self/autogroup").write_text(str(nice))


@contextmanager
def a_processor_apart() -> Iterator[Callable[[], None]]:
    """Leave the last processor to this process: what starts in the block has the others, until it calls what it gets.

    Visitors have processors of their own; where there is only one, they share it.
    """
    all_of_them = os.sched_getaffinity(0)
    last = max(all_of_them)
    os.sched_setaffinity(0, all_of_them - {last} or all_of_them)
    try:
        yield lambda: os.sched_setaffinity(0, {last})
    finally:
        os.sched_setaffinity(0, all_of_them)


@contextmanager
def control_groups() -> Iterator[cgroups.Groups]:
    """Give groups for one supervisor, and remove them; none for an ordinary account, or where the machine has none."""
    if os.geteuid() != 0:
        yield cgroups.NONE
        return
    entry = pwd.getpwnam(UNTRUSTED)
    groups = cgroups.make_groups(Account(UNTRUSTED, entry.pw_uid, entry.pw_gid, is_ours=False))
    try:
        yield groups
    finally:
        groups.remove()
