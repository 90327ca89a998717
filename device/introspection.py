"""Passes introspection requests from the store across the wall, and checks and stores the replies."""

from __future__ import annotations

import logging
import time
from collections import deque
from collections.abc import Sequence

from device.account import Account
from device.checking.pool import Checkers, Job
from device.checking.results import Findings, Packed, Room, check_introspect_reply
from device.connect.connection import INLINE_BYTES_MAX, ROUND_S
from device.errors import FrameTooLongError, SupervisorProtocolError, printable
from device.registry import Runs
from device.runs import SessionAccount
from settings import Settings
from store import Introspection, Store
from wire import Introspect, IntrospectReply

OPEN_MAX = 64  # requests on their way at once; the rest wait in the store
log = logging.getLogger(__name__)


class Introspector:
    """The part of the device that passes introspection requests on and stores the replies.

    ``take`` and ``flush`` may raise StoreUnavailableError.
    """

    def __init__(
        self, device_id: str, store: Store, settings: Settings, runs: Runs, accounts: Sequence[Account],
        checkers: Checkers,
    ) -> None:  # fmt: skip
        self._id, self._store, self._settings = device_id, store, settings
        self._runs, self._accounts, self._checkers = runs, accounts, checkers
        self._open: dict[int, tuple[SessionAccount, Introspection]] = {}
        self._replies: deque[tuple[Introspection, str, bytes]] = deque()
        self._requests = 0

    def take(self, most: int = OPEN_MAX) -> None:
        """Pass on the requests that wait in the store, at most so many."""
        languages = sorted({language for account in self._accounts for language in account.languages})
        if not languages:
            return
        for _ in range(min(most, OPEN_MAX - len(self._open))):
            request = self._store.introspections.claim(self._id, list(self._runs.kept), languages)
            if request is None:
                break
            self._send(request)
        self.flush()

    def flush(self) -> None:
        """Store for a while the replies that have come."""
        until = time.monotonic() + ROUND_S
        while self._replies and time.monotonic() < until:
            self._store.introspections.reply(*self._replies[0])
            self._replies.popleft()

    @property
    def waits(self) -> bool:
        """Whether there are replies to store."""
        return bool(self._replies)

    def receive(self, account: Account, frame: IntrospectReply, now: float) -> None:
        """Take a reply. Raises SupervisorProtocolError."""
        found = self._open.pop(frame.request, None)
        if found is None or found[0] is not account:
            raise SupervisorProtocolError("an IntrospectReply to no request")
        request = found[1]
        if frame.status != "ok":
            self._reply(request, frame.status)
        elif len(frame.content) <= INLINE_BYTES_MAX:
            self._reply_checked(request, check_introspect_reply(request.kind, frame.content))
        else:

            def take(job: Job, now: float) -> None:
                if job.findings is not None:
                    self._reply_checked(request, job.findings)

            job = Job(request.kind, frame.content, Room(0, 0), self._settings.check_cpu_s, 0.0, take)
            self._checkers.put(job, now)

    def lose(self, account: Account) -> None:
        """End the requests that a lost account had."""
        for number, (receiver, request) in list(self._open.items()):
            if receiver is account:
                del self._open[number]
                self._reply(request, "gone")

    def _reply(self, request: Introspection, status: str, content: bytes = b"{}") -> None:
        self._replies.append((request, status, content))

    def _reply_checked(self, request: Introspection, findings: Findings | Packed) -> None:
        if findings.verdict == "right":
            self._reply(request, "ok", findings.reply)
        else:
            log.warning("a kernel sent an introspection reply that is refused: %s", printable(findings.sentence))
            self._reply(request, "error")

    def _send(self, request: Introspection) -> None:
        session = self._runs.kept.get(request.session) if request.session else None
        able = [account for account in self._accounts if request.language in account.languages]
        account: SessionAccount | None
        account = session.account if session else able[0] if able and not request.session else None
        if account is None:
            self._reply(request, "gone")
            return
        self._requests += 1
        alias = session.alias if session else ""
        try:
            account.send(
                Introspect(self._requests, alias, request.language, request.kind,  # type: ignore[arg-type]
                    request.code, request.cursor_pos, request.detail_level)
            )  # fmt: skip
        except FrameTooLongError:
            self._reply(request, "error")
            return
        self._open[self._requests] = (account, request)
