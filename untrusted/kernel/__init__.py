"""The kernel that runs inside a worker; see ``docs/messages.md`` for what it says."""

from __future__ import annotations

from untrusted.kernel.kernel import Kernel

__all__ = ["Kernel"]
