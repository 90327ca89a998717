"""One claimed computation on its way: what it has said and is not stored yet, what clients wished, its files."""

from __future__ import annotations

from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from typing import Any

from device.account import Account
from device.intake import Conversation
from store import Claim, FileWriter, Reason


@dataclass
class Ending:
    """How it ended, when it has."""

    state: str
    reason: Reason | None
    usage: dict[str, Any] | None = None


@dataclass(eq=False)
class Run:
    """A claim, the account that runs it, and what waits to be stored."""

    claim: Claim
    account: Account
    conversation: Conversation
    pending: list[bytes] = field(default_factory=list)
    ending: Ending | None = None
    interrupts_sent: int = 0
    answers_sent: int = 0
    cancelled: bool = False
    given_up: bool = False
    writing: tuple[AbstractContextManager[FileWriter, bool | None], FileWriter] | None = None

    @property
    def dirty(self) -> bool:
        """Whether there is something to store."""
        return bool(self.pending) or self.ending is not None or self.given_up

    @property
    def last(self) -> bool:
        """Whether its session ends with it."""
        return not self.claim.keep
