"""What the device says when the untrusted side sends what it may not."""

from __future__ import annotations


class Nonsense(Exception):
    """The untrusted side sent something that it may not; its connection is cut. The message is for the log."""
