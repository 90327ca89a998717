"""Runs inside a worker what a reader submits; ``docs/messages.md`` says which messages it sends."""

from __future__ import annotations

from untrusted.kernel.kernel import Kernel

__all__ = ["Kernel"]
