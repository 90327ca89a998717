"""Why an untrusted account cannot be used now: one sentence for the host, in the log and on /readyz."""

from __future__ import annotations


class Trouble(Exception):
    """The account cannot be used now; it will be dialled again. The message stands behind the account's name."""


class PortTaken(Trouble):
    """The port that was chosen is in use over there; another one may be free."""
