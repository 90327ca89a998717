"""A session that this device opened: where it lives, what runs in it, how long it may still live."""

from __future__ import annotations

import uuid
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from contract import Reason
from device.inbox import Inbox

if TYPE_CHECKING:
    from device.account import Account
    from device.run import Run

LATE_FRAMES_MAX = 1000  # that may still be on their way when a session is closed


@dataclass(eq=False)
class Session:
    """A session, from Open to Closed. Times: seconds of the monotonic clock.

    ``alias`` is its name across the wall, a new one each time: nothing that an earlier attempt still says can be taken
    for the next one's. ``run``: what its frames are about now; ``inbox``: those that wait. ``ours``: whether the store
    counts it as this device's.
    ``hinted``: whether a next turn may wait until it is idle; of turns submitted before it was ours no hint came.
    """

    id: str
    account: Account
    language: str
    keep: bool
    born: float
    alias: str = field(default_factory=lambda: str(uuid.uuid4()))
    run: Run | None = None
    inbox: Inbox = field(default_factory=Inbox)
    hinted: bool = True
    idle_since: float = 0.0
    ours: bool = True
    closing_since: float | None = None
    close_reason: Reason = "session_gone"
    late_frames: int = 0

    @property
    def idle(self) -> bool:
        """Whether it could take its next turn."""
        return self.run is None and self.closing_since is None

    def overdue(self, now: float, idle_s: float, life_s: float) -> bool:
        """Whether it has been idle, or alive, for too long."""
        return self.idle and (now - self.idle_since > idle_s or now - self.born > life_s)
