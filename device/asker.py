"""Questions about code: taken from the store, passed across the wall, their answers checked and stored."""

from __future__ import annotations

import logging
from collections import deque

from device import contents
from device.account import Account
from device.ledger import Ledger
from device.link import TooLong
from device.refusal import Improper, Nonsense, printable
from store import Question, Store
from wire import Answered, Ask

ASKED_MAX = 64  # questions on their way at once; the rest wait in the store
log = logging.getLogger(__name__)


class Asker:
    """``take`` and ``flush`` may raise StoreUnavailable."""

    def __init__(self, device_id: str, store: Store, ledger: Ledger, accounts: list[Account]) -> None:
        self._id, self._store, self._ledger, self._accounts = device_id, store, ledger, accounts
        self._asked: dict[int, tuple[Account, Question]] = {}
        self._answers: deque[tuple[Question, str, bytes]] = deque()
        self._requests = 0

    def take(self, most: int = ASKED_MAX) -> None:
        """Pass on the questions that wait, at most so many."""
        languages = sorted({language for account in self._accounts for language in account.languages})
        if not languages:
            return
        for _ in range(min(most, ASKED_MAX - len(self._asked))):
            question = self._store.questions.claim(self._id, list(self._ledger.kept), languages)
            if question is None:
                break
            self._put(question)
        self.flush()

    def flush(self) -> None:
        """Store the answers that have come."""
        while self._answers:
            self._store.questions.answer(*self._answers[0])
            self._answers.popleft()

    def answered(self, account: Account, frame: Answered) -> None:
        """Take the answer to a question. Raises Nonsense."""
        found = self._asked.pop(frame.request, None)
        if found is None or found[0] is not account:
            raise Nonsense("an answer to a question that was not asked")
        question, status, content = found[1], frame.status, b"{}"
        if frame.status == "ok":
            try:
                content = contents.check_answer(question.kind, frame.content)
            except Improper as improper:
                log.warning("a kernel gave an answer that is none: %s", printable(str(improper)))
                status = "error"
        self._answers.append((question, status, content))

    def lost(self, account: Account) -> None:
        """Forget what an account that is lost was asked."""
        for request, (asked, question) in list(self._asked.items()):
            if asked is account:
                del self._asked[request]
                self._answers.append((question, "gone", b"{}"))

    def _put(self, question: Question) -> None:
        session = self._ledger.kept.get(question.session) if question.session else None
        able = [account for account in self._accounts if question.language in account.languages]
        account = session.account if session else able[0] if able and not question.session else None
        if account is None:
            self._answers.append((question, "gone", b"{}"))
            return
        self._requests += 1
        alias = session.alias if session else ""
        try:
            account.send(
                Ask(self._requests, alias, question.language, question.kind,  # type: ignore[arg-type]
                    question.code, question.cursor_pos, question.detail_level)
            )  # fmt: skip
        except TooLong:
            self._answers.append((question, "error", b"{}"))
            return
        self._asked[self._requests] = (account, question)
