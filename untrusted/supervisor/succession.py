"""Keeps the sessions of a device that has gone, for a while, until the next one comes with the key.

A device has gone when our standard input ends, which dies with it, or when it has been silent for too long.
"""

from __future__ import annotations

import logging
import os
import sys

from untrusted.supervisor.descriptors import Descriptors
from untrusted.supervisor.heirs import Heir, Heirs
from untrusted.supervisor.sessions import Sessions
from wire import StartConfig

WORD_BYTES_MAX = 64
log = logging.getLogger(__name__)


class Succession:
    """The part of the supervisor that outlives a device.

    ``over``: whether the supervisor is to end. ``waits``: whether there is no device.
    """

    def __init__(self, config: StartConfig, sessions: Sessions, descriptors: Descriptors) -> None:
        self._grace_s, self._sessions, self._descriptors = config.session_grace_s, sessions, descriptors
        self._heirs = _open(config)
        self._brought: Heir | None = None  # who brought the present device
        self._coming: Heir | None = None  # who waits until all sessions rest
        self._until: float | None = None
        self.over = False
        if self._heirs is not None:
            descriptors.add(self._heirs.descriptor)
        self._listen()

    @property
    def waits(self) -> bool:
        """Whether the device has gone and no other has come yet."""
        return self._until is not None

    def _listen(self) -> None:
        try:
            self._descriptors.add(sys.stdin.fileno())
        except PermissionError:  # it is a file, which has ended already
            self.over = True

    def hear(self, events: set[int]) -> bool:
        """Hear who comes, and return whether the device has just gone."""
        has_gone = False
        if sys.stdin.fileno() in events:
            if os.read(sys.stdin.fileno(), WORD_BYTES_MAX):
                self.over = True  # nothing is ever sent there after the start configuration but the word to end
            self._descriptors.forget(sys.stdin.fileno())
            has_gone = True
        if self._brought is not None and self._brought.descriptor in events:
            self._forget_bringer()
            has_gone = True
        # Who has come for a device that has just gone is met in the next round: in this one there is no place yet.
        if not has_gone and self._heirs is not None and self._heirs.descriptor in events:
            self._meet(self._heirs)
        return has_gone and not self.waits

    def part(self, why: str, now: float) -> None:
        """Let kept sessions rest for the next device, if there are any; else all is over."""
        self._sessions.part(now)
        if self._heirs is None or not len(self._sessions):
            self.over = True
        elif not self.over:
            log.warning("%s; kept sessions wait for the next device for %g s", why, self._grace_s)
            self._until = now + self._grace_s

    def _meet(self, heirs: Heirs) -> None:
        heir = heirs.meet()
        if heir is None:
            return
        if not self.waits or self._coming is not None:
            heir.close()
        elif not heirs.is_alike(heir):
            log.warning("the next device has other code, settings or environments; the kept sessions end")
            self.over = True
            heir.close()
        elif heir.tell(None):
            self._coming = heir
            self._sessions.keep_only(heir.sessions)
        else:
            heir.close()

    def next_heir(self, now: float) -> Heir | None:
        """Return whose device comes next, when all sessions rest; when nobody comes in time all is over."""
        if self._coming is not None and self._sessions.rest:
            return self._coming
        nobody_comes = self._coming is None and not len(self._sessions)
        self.over = self.over or nobody_comes or (self._until is not None and now > self._until)
        return None

    def refuse(self, sentence: str) -> None:
        """Tell who comes that it cannot be, and wait on."""
        if self._coming is not None:
            self._coming.tell({"error": sentence})
            self._coming.close()
            self._coming = None

    def go_on(self, answer: dict) -> bool:
        """Take who comes for ours; return whether its device is there still."""
        heir, self._coming = self._coming, None
        if heir is None or not heir.tell(answer):
            if heir is not None:
                heir.close()
            return False
        self._forget_bringer()
        self._descriptors.forget(sys.stdin.fileno())
        heir.take_streams()
        self._listen()
        self._brought, self._until = heir, None
        self._descriptors.add(heir.descriptor)
        log.info("the next device has come; %d kept sessions go on", len(self._sessions))
        return True

    def _forget_bringer(self) -> None:
        if self._brought is not None:
            self._descriptors.forget(self._brought.descriptor)
            self._brought.close()
            self._brought = None


def _open(config: StartConfig) -> Heirs | None:
    if not config.heir_digest or not config.session_grace_s:
        return None
    try:
        return Heirs(config)
    except OSError as error:
        log.warning("kept sessions end with their device: no socket can be made here: %s", error)
        return None
