"""Finds the layer that the kernel refuses when no session can be made at all, and the kernel's own words."""

from __future__ import annotations

import os
import re
from collections.abc import Sequence

from untrusted.sandbox import syscalls
from untrusted.sandbox.plan import LAYERS

# The first is needed for all others.
_NAMESPACES = {
    "user_namespace": 0,
    "mount_namespace": syscalls.CLONE_NEWNS,
    "pid_namespace": syscalls.CLONE_NEWPID,
    "network_namespace": syscalls.CLONE_NEWNET,
    "ipc_namespace": syscalls.CLONE_NEWIPC,
    "uts_namespace": syscalls.CLONE_NEWUTS,
    "cgroup_namespace": syscalls.CLONE_NEWCGROUP,
}
_PREFIXES = re.compile(r"a session could not be locked down: (?:\w+Error: )?|\[Errno \d+\] ")


def blame(said: str, layers: Sequence[str]) -> tuple[str, str]:
    """Return the layer that is to blame for what was said when no session could be made, and why.

    ``layers``: those that were to be tried, one of which is returned. Called in a process with one thread.
    """
    words = _PREFIXES.sub("", said)
    for layer in LAYERS:
        if words.startswith(f"{layer}: ") and layer in layers:
            return layer, words.partition(": ")[2]
    for layer, flag in _NAMESPACES.items():
        if layer in layers and (error := _refusal(syscalls.CLONE_NEWUSER | flag)):
            return layer, f"unshare: {os.strerror(error)}"
    # All namespaces can be had, and the root of sessions is the next that is made.
    return ("mount_namespace" if "mount_namespace" in layers else layers[0]), words


def _refusal(flags: int) -> int:
    """Return the kernel's error when a process asks for these namespaces; 0 when it gives them."""
    child = os.fork()
    if child == 0:
        try:
            syscalls.unshare(flags)
            os._exit(0)
        except OSError as error:
            os._exit(error.errno or 1)
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
