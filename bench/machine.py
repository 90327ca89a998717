"""Make the control groups for a measurement, where root can have them."""

from __future__ import annotations

import os
import pwd
from collections.abc import Iterator
from contextlib import contextmanager

from host import cgroups
from host.layout import Account

UNTRUSTED = "nobody"  # the account that harness/supervisor.py starts supervisors in


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
