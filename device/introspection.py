"""Questions about code: taken from the store, passed across the wall, their answers checked and stored."""

from __future__ import annotations

import logging
import time
from collections import deque

from device.account import Account
from device.checking.pool import Checkers, Job
from device.checking.results import Findings, Packed, Room, check_answer
from device.connect.connection import INLINE_BYTES_MAX, ROUND_S, FrameTooLongError
from device.errors import SupervisorProtocolError, printable
from device.runs import Runs
from settings import Settings
from store import Introspection, Store
from wire import Introspect, IntrospectReply

ASKED_MAX = 64  # questions on their way at once; the rest wait in the store
log = logging.getLogger(__name__)


class Introspector:
    """``take`` and ``flush`` may raise StoreUnavailableError."""

    def __init__(
        self,
        device_id: str,
        store: Store,
        settings: Settings,
        runs: Runs,
        accounts: list[Account],
        checkers: Checkers,
    ) -> None:
        self._id, self._store, self._settings = device_id, store, settings
        self._runs, self._accounts, self._checkers = runs, accounts, checkers
        self._asked: dict[int, tuple[Account, Introspection]] = {}
        self._answers: deque[tuple[Introspection, str, bytes]] = deque()
        self._requests = 0

    def take(self, most: int = ASKED_MAX) -> None:
        """Pass on the questions that wait, at most so many."""
        languages = sorted({language for account in self._accounts for language in account.languages})
        if not languages:
            return
        for _ in range(min(most, ASKED_MAX - len(self._asked))):
            question = self._store.introspections.claim(self._id, list(self._runs.kept), languages)
            if question is None:
                break
            self._put(question)
        self.flush()

    def flush(self) -> None:
        """Store the answers that have come, for a while."""
        until = time.monotonic() + ROUND_S
        while self._answers and time.monotonic() < until:
            self._store.introspections.answer(*self._answers[0])
            self._answers.popleft()

    @property
    def waits(self) -> bool:
        """Whether there are answers to store."""
        return bool(self._answers)

    def answered(self, account: Account, frame: IntrospectReply, now: float) -> None:
        """Take the answer to a question. Raises SupervisorProtocolError."""
        found = self._asked.pop(frame.request, None)
        if found is None or found[0] is not account:
            raise SupervisorProtocolError("an answer to a question that was not asked")
        question = found[1]
        if frame.status != "ok":
            self._answers.append((question, frame.status, b"{}"))
        elif len(frame.content) <= INLINE_BYTES_MAX:
            self._found(question, check_answer(question.kind, frame.content))
        else:

            def take(job: Job, now: float) -> None:
                if job.findings is not None:
                    self._found(question, job.findings)

            job = Job(question.kind, frame.content, Room(0, 0), self._settings.check_cpu_s, 0.0, take)
            self._checkers.put(job, now)

    def _found(self, question: Introspection, findings: Findings | Packed) -> None:
        right = findings.verdict == "right"
        if not right:
            log.warning("a kernel gave an answer that is none: %s", printable(findings.sentence))
        self._answers.append((question, "ok" if right else "error", findings.answer if right else b"{}"))

    def lost(self, account: Account) -> None:
        """Forget what an account that is lost was asked."""
        for request, (asked, question) in list(self._asked.items()):
            if asked is account:
                del self._asked[request]
                self._answers.append((question, "gone", b"{}"))

    def _put(self, question: Introspection) -> None:
        session = self._runs.kept.get(question.session) if question.session else None
        able = [account for account in self._accounts if question.language in account.languages]
        account = session.account if session else able[0] if able and not question.session else None
        if account is None:
            self._answers.append((question, "gone", b"{}"))
            return
        self._requests += 1
        alias = session.alias if session else ""
        try:
            account.send(
                Introspect(self._requests, alias, question.language, question.kind,  # type: ignore[arg-type]
                    question.code, question.cursor_pos, question.detail_level)
            )  # fmt: skip
        except FrameTooLongError:
            self._answers.append((question, "error", b"{}"))
            return
        self._asked[self._requests] = (account, question)
