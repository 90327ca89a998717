"""What the device says when the untrusted side sends what it may not.

Two kinds, because two parties speak through one connection: the supervisor, and the code in a session, which shares its
kernel's memory and can make it say anything. Code that talks nonsense must not cost its neighbours their sessions.
"""

from __future__ import annotations

from contract import Reason


class ConnectError(Exception):
    """The account cannot be used now; it will be dialled again. The message stands behind the account's name."""


class PortTakenError(ConnectError):
    """The port that was chosen is in use over there; another one may be free."""


SHOWN_CHARS = 300


class SupervisorProtocolError(Exception):
    """The supervisor itself sent what it may not: its connection is cut. The message is for the log."""


class KernelProtocolError(Exception):
    """Code in a session had its kernel say what it may not: that session ends. The message is for the log."""

    def __init__(self, sentence: str, reason: Reason = "protocol") -> None:
        super().__init__(sentence)
        self.reason = reason


def printable(untrusted_text: str) -> str:
    """Return a text fit for a log: one line, of bounded length, nothing that a terminal would obey."""
    shown = untrusted_text[:SHOWN_CHARS]
    return "".join(character if character.isprintable() else "?" for character in shown)
