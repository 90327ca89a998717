"""The device: one loop between the store and the untrusted accounts. ``step()`` does one round."""

from __future__ import annotations

import logging
import os
import socket
import threading
import time
import uuid
from collections import deque
from collections.abc import Callable
from contextlib import suppress
from typing import Any

import zmq

from device.account import Account
from device.held import HeldSession
from device.intake import Conversation
from device.refusal import Nonsense
from device.relay import Relay
from device.run import Run
from store import Claim, LostClaim, Question, Store, StoreUnavailable
from wire import CHUNK_BYTES, Answer, Ask, Close, Interrupt, Open, Upload
from wire import Run as RunFrame

TOPICS = ("submitted", "wish", "question")
SWEEP_S = 60.0
STORE_PAUSE_S_FIRST, STORE_PAUSE_S_MAX = 0.2, 5.0
log = logging.getLogger(__name__)


class Device:
    """Claims what its accounts can take, relays what they say, renews, ends."""

    def __init__(self, store: Store, settings: Any, account_names: list[str], workers: int) -> None:
        self.id = f"{socket.gethostname()}-{uuid.uuid4().hex[:12]}"
        self._store, self._settings, self._workers = store, settings, workers
        self._context = zmq.Context()
        self._wake_reader, self._wake_writer = os.pipe2(os.O_NONBLOCK | os.O_CLOEXEC)
        share = max(1, workers // max(1, len(account_names)))
        self.accounts = [Account(name, settings, self._context, share, self._wake) for name in account_names or [""]]
        self.runs: dict[str, Run] = {}
        self.sessions: dict[str, HeldSession] = {}
        self.gone: deque[str] = deque()  # sessions whose end is not stored yet
        self._relay = Relay(self)
        self._asked: dict[int, tuple[Account, Question]] = {}
        self._requests = 0
        self._leaving = ""  # the session that was told to give way
        self._hints: deque[tuple[str, str]] = deque()
        self._look = True  # there may be something to claim
        self._due = dict.fromkeys(("claim", "renew", "report", "sweep"), 0.0)
        self._store_back_at, self._store_pause_s = 0.0, 0.0
        self._stop_listening = threading.Event()
        threading.Thread(target=self._listen, name="hints", daemon=True).start()

    # --- hints --------------------------------------------------------------------------------------------------
    def _listen(self) -> None:
        for topic, subject in self._store.hints.listen(TOPICS, self._stop_listening):
            self._hints.append((topic, subject))
            self._wake()

    def _wake(self) -> None:
        with suppress(BlockingIOError):  # it is awake already
            os.write(self._wake_writer, b"x")

    # --- one round ----------------------------------------------------------------------------------------------
    def step(self) -> None:
        """Do one round; wait for something to happen first, at most until something is due."""
        self._wait()
        now = time.monotonic()
        for account in self.accounts:
            self._hear(account, now)
            if account.keep_up(now):
                self.lost(account)
        topics = self._hinted()
        if now >= self._store_back_at:
            try:
                self._with_store(now, topics)
                if self._store_pause_s:
                    log.warning("the database answers again")
                self._store_pause_s = 0.0
            except StoreUnavailable as error:
                if not self._store_pause_s:
                    log.warning("%s; queued cells wait, running ones go on", error)
                self._store_pause_s = min(max(2 * self._store_pause_s, STORE_PAUSE_S_FIRST), STORE_PAUSE_S_MAX)
                self._store_back_at = time.monotonic() + self._store_pause_s
                self._look = True

    def _wait(self) -> None:
        poller = zmq.Poller()
        poller.register(self._wake_reader, zmq.POLLIN)
        for account in self.accounts:
            if account.socket is not None:
                poller.register(account.socket, zmq.POLLIN)
        next_due = max(min(self._due.values()), self._store_back_at)
        poller.poll(1000 * min(max(0.0, next_due - time.monotonic()), self._settings.poll_interval_s))

    def _hinted(self) -> set[str]:
        with suppress(BlockingIOError):
            os.read(self._wake_reader, 4096)
        topics = set()
        while self._hints:
            topics.add(self._hints.popleft()[0])
        return topics

    def _with_store(self, now: float, topics: set[str]) -> None:
        self._relay.flush()
        if "wish" in topics:
            self._heed(self._store.computations.wishes([run.claim for run in self.runs.values()]))
            self._end_asked()
        if self._is_due("renew", now, self._settings.lease_s / 3):
            self._heed(self._store.computations.renew([run.claim for run in self.runs.values()]))
            self._store.computations.expire()
            self._end_asked()
            self._end_overdue(now)
        if self._is_due("report", now, self._settings.heartbeat_s):
            self.report()
        if self._is_due("sweep", now, SWEEP_S):
            self._store.sweep()
        if "question" in topics:
            self._take_questions()
        if self._is_due("claim", now, self._settings.poll_interval_s) or "submitted" in topics or self._look:
            self._look = False
            self._claim(now)

    def _is_due(self, what: str, now: float, period_s: float) -> bool:
        if now < self._due[what]:
            return False
        self._due[what] = now + period_s
        return True

    def report(self) -> None:
        """Say that this device is alive, and how its accounts are. Raises StoreUnavailable."""
        status = {"accounts": [account.report() for account in self.accounts]}
        self._store.devices.report(self.id, socket.gethostname(), status)

    # --- claiming -----------------------------------------------------------------------------------------------
    def _claim(self, now: float) -> None:
        while True:
            account = max(self.accounts, key=lambda account: account.free)
            idle = [session.id for session in self.sessions.values() if not session.busy]
            if account.free <= 0:
                self._make_room(idle)
            if account.free <= 0 and not idle:
                return
            claim = self._store.computations.claim(
                self.id, languages=account.languages, sessions=idle, new_sessions=account.free > 0
            )
            if claim is None:
                return
            self._start(claim, account)

    def _make_room(self, idle: list[str]) -> None:
        """Let the session that has been idle for longest give way when others wait; credit comes when it is dead."""
        if not idle or self._leaving in self.sessions or not self._settings.session_idle_gives_way:
            return
        languages = sorted({language for account in self.accounts for language in account.languages})
        if self._store.computations.new_session_waits(languages):
            longest = min((self.sessions[session] for session in idle), key=lambda session: session.idle_since)
            self._leaving = longest.id
            idle.remove(longest.id)
            self._close(longest)
            log.info("session=%s gives way to one that waits", longest.id)

    def _start(self, claim: Claim, account: Account) -> None:
        log.info("cell=%s session=%s attempt=%d queued→running", claim.id, claim.session, claim.attempt)
        held = self.sessions.get(claim.session)
        if claim.turn == 0:
            account.opened += 1
            account.send(Open(claim.session, claim.language))
            if claim.keep:
                self.sessions[claim.session] = HeldSession(claim.session, account, claim.language)
        elif held is None:
            self._store.computations.finish(claim, "failed", "session_gone")
            return
        else:
            account, held.busy = held.account, True
        run = self.runs[claim.id] = Run(claim, account, Conversation(claim, self._settings))
        for name, file in self._store.files.uploads(claim.id):
            self._send_upload(account, claim, name, file)
        if claim.message is not None:
            account.send(self._relay.comm_frame(claim, run.last))
        else:
            account.send(RunFrame(claim.session, claim.id, claim.code, claim.stdin, run.last))

    def _send_upload(self, account: Account, claim: Claim, name: str, file: Any) -> None:
        data = file.read(CHUNK_BYTES)
        while True:
            following = file.read(CHUNK_BYTES) if data else b""
            account.send(Upload(claim.session, claim.id, name, data, not following))
            if not following:
                return
            data = following

    # --- wishes -------------------------------------------------------------------------------------------------
    def _heed(self, wishes: list[Any]) -> None:
        for wish in wishes:
            run = self.runs.get(wish.claim.id)
            if run is None or run.ending:
                continue
            session, computation = run.claim.session, run.claim.id
            if wish.lost:
                self.drop(run)
            elif wish.cancel and not run.cancelled:
                run.cancelled = True
                run.account.send(Close(session))
            for _ in range(run.interrupts_sent, wish.interrupt):
                run.account.send(Interrupt(session, computation))
            for answer in wish.answers[run.answers_sent :]:
                run.account.send(Answer(session, computation, answer))
            run.interrupts_sent = max(run.interrupts_sent, wish.interrupt)
            run.answers_sent = max(run.answers_sent, len(wish.answers))

    def _end_asked(self) -> None:
        if self.sessions:
            for session in self._store.sessions.ending(self.id):
                if session in self.sessions:
                    self._close(self.sessions[session])

    def _end_overdue(self, now: float) -> None:
        for session in list(self.sessions.values()):
            if session.overdue(now, self._settings):
                self._close(session)

    def _close(self, session: HeldSession) -> None:
        session.busy = True  # it takes no further turn
        session.account.send(Close(session.id))

    # --- questions ----------------------------------------------------------------------------------------------
    def _take_questions(self) -> None:
        languages = sorted({language for account in self.accounts for language in account.languages})
        while question := self._store.questions.claim(self.id, list(self.sessions), languages):
            held = self.sessions.get(question.session) if question.session else None
            able = [account for account in self.accounts if question.language in account.languages]
            account = held.account if held else able[0] if able and not question.session else None
            if account is None:
                self._store.questions.answer(question, "gone")
                continue
            self._requests += 1
            self._asked[self._requests] = (account, question)
            account.send(
                Ask(self._requests, question.session or "", question.language, question.kind,  # type: ignore[arg-type]
                    question.code, question.cursor_pos, question.detail_level)
            )  # fmt: skip

    def answered(self, account: Account, request: int, status: str, content: bytes) -> None:
        """Pass on the answer to a question. Raises Nonsense, StoreUnavailable."""
        asked = self._asked.pop(request, None)
        if asked is None or asked[0] is not account:
            raise Nonsense("an answer to a question that was not asked")
        self._store.questions.answer(asked[1], status, content)

    # --- accounts -----------------------------------------------------------------------------------------------
    def _hear(self, account: Account, now: float) -> None:
        try:
            free = account.free
            for frame in account.receive(now):
                self._relay.take(account, frame, now)
            if account.free > free:
                self._look = True
        except Nonsense as nonsense:
            log.error("%s sent nonsense and is cut off: %s", account.name or "the child process", nonsense)
            account.lose(f"its supervisor sent nonsense: {nonsense}")
            self.lost(account, nonsense=True)

    def lost(self, account: Account, nonsense: bool = False) -> None:
        """Deal with what ran on an account that is gone."""
        for run in [run for run in self.runs.values() if run.account is account and run.ending is None]:
            self._relay.abandon(run, nonsense)
        for session in [session for session in self.sessions.values() if session.account is account]:
            self._relay.session_gone(session.id)
        for request in [request for request, (asked, _question) in self._asked.items() if asked is account]:
            del self._asked[request]

    def drop(self, run: Run) -> None:
        """Forget a computation that is another device's now; kill what runs of it."""
        self.runs.pop(run.claim.id, None)
        run.account.send(Close(run.claim.session))
        log.warning("cell=%s the claim was lost", run.claim.id)

    def session_rests(self, session: str, now: float) -> None:
        """Note that a session computes nothing now, and may take its next turn."""
        held = self.sessions.get(session)
        if held is not None:
            held.rest(now)
            self._look = True

    # --- the end ------------------------------------------------------------------------------------------------
    def run(self, stopped: Callable[[], bool]) -> None:
        """Go on until asked to stop; then hand back what runs and end the supervisors."""
        try:
            while not stopped():
                self.step()
        finally:
            self.close()

    def close(self) -> None:
        """Hand back what runs, end everything on the other side."""
        self._stop_listening.set()
        for account in self.accounts:
            account.close()
        for run in list(self.runs.values()):
            try:
                self._relay.store(run) if run.ending else self._store.computations.release(run.claim)
            except (StoreUnavailable, LostClaim) as error:
                log.warning("cell=%s could not be handed back: %s", run.claim.id, error)
        for session in self.sessions.values():
            try:
                self._store.sessions.end(session.id, "session_gone")
            except StoreUnavailable as error:
                log.warning("session=%s its end could not be stored: %s", session.id, error)
        self._context.destroy(linger=0)
