"""Names what goes wrong between the device and an untrusted account, by whose fault it is.

A supervisor and the code in its sessions speak through one connection. That code shares its kernel's memory and can
make it say anything, and this must not cost the neighbours their sessions: a kernel's fault ends one session, a
supervisor's fault ends the connection.
"""

from __future__ import annotations

from collections.abc import Sequence

from contract import Reason

SHOWN_CHARS = 300  # of a foreign text that is shown


class ConnectError(Exception):
    """An account cannot be used now; the device connects again later. The message stands behind the account's name."""


class RefusedError(ConnectError):
    """The supervisor says itself why it cannot run there. ``layers``: those that the host does not give."""

    def __init__(self, sentence: str, layers: Sequence[str] = ()) -> None:
        super().__init__(sentence)
        self.layers = tuple(layers)


class StuckError(ConnectError):
    """The supervisor does not do what it is told: it ends, with all that it holds."""


class PortTakenError(ConnectError):
    """The port that the device chose is in use over there; another one may be free."""


class SupervisorProtocolError(Exception):
    """The supervisor itself sent what it may not: its connection is cut. The message is for the log."""


class KernelProtocolError(Exception):
    """Code in a session had its kernel say what it may not: that session ends. The message is for the log."""

    def __init__(self, sentence: str, reason: Reason = "protocol") -> None:
        super().__init__(sentence)
        self.reason = reason


class FrameTooLongError(ValueError):
    """A frame is longer than the wall lets through; what makes it so long came from a client."""


def printable(untrusted_text: str, chars_max: int = SHOWN_CHARS) -> str:
    """Return a text fit for a log: one line, of bounded length, nothing that a terminal would obey."""
    shown = untrusted_text[:chars_max]
    return "".join(character if character.isprintable() else "?" for character in shown)
