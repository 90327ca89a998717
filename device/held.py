"""The sessions that this device holds: where each lives, whether it computes, how long it may still live."""

from __future__ import annotations

import time
from dataclasses import dataclass, field
from typing import Any

from device.account import Account


@dataclass
class HeldSession:
    """A kept session on an account. Times: seconds of the monotonic clock."""

    id: str
    account: Account
    language: str
    busy: bool = True
    idle_since: float = 0.0
    born: float = field(default_factory=time.monotonic)

    def rest(self, now: float) -> None:
        """Note that it computes nothing now."""
        self.busy, self.idle_since = False, now

    def overdue(self, now: float, settings: Any) -> bool:
        """Whether it has been idle, or alive, for too long."""
        return not self.busy and (
            now - self.idle_since > settings.session_idle_s or now - self.born > settings.session_life_s
        )
