"""Asks Linux for all that keeps a session from doing harm: namespaces, mounts, limits, filters."""

from __future__ import annotations

from untrusted.sandbox import syscalls


class SandboxError(RuntimeError):
    """A layer of the sandbox could not be put on; the process must not go on without it."""


def die_with_parent(signal_number: int) -> None:
    """Ask the kernel to send this process the signal when its parent ends. Raises OSError."""
    syscalls.prctl(syscalls.PR_SET_PDEATHSIG, signal_number)
