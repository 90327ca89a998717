"""Hands claimed computations over to the accounts: each begins when there is room and its uploads are read."""

from __future__ import annotations

import logging
from collections.abc import Iterator, Sequence

from device.account import Account
from device.errors import FrameTooLongError
from device.registry import Runs
from device.runs import Run, Session
from device.shares import weight
from settings import Settings
from store import NOBODY, Store

UPLOAD_PIECE_BYTES = 1 << 20  # read in one round
log = logging.getLogger(__name__)


class Handover:
    """The runs that were claimed and have not begun.

    Its methods may raise StoreUnavailableError; the next call of ``begin`` goes on.
    """

    def __init__(self, store: Store, settings: Settings, runs: Runs, accounts: Sequence[Account]) -> None:
        self._store, self._settings, self._runs, self._accounts = store, settings, runs, accounts
        self._waiting: list[Run] = []

    @property
    def waiting(self) -> int:
        """How many runs have not begun; they will need room."""
        return len(self._waiting)

    def take(self, run: Run, now: float) -> None:
        """Take a run that was claimed just now, and begin it if it can begin."""
        self._waiting.append(run)
        self._begin_if_possible(run, now)

    def begin(self, now: float) -> None:
        """Begin the runs that can begin."""
        for run in list(self._waiting):
            self._begin_if_possible(run, now)

    def _begin_if_possible(self, run: Run, now: float) -> None:
        if run.over or self._runs.by_id.get(run.claim.id) is not run:
            self._waiting.remove(run)
            return
        if not self._read_uploads(run):
            run.due = now  # what is left of them is read in the next round
            return
        session = self._session_for(run, now)
        if session is not None:
            self._hand_over(run, session, now)
            self._waiting.remove(run)
        elif run.claim.turn > 0:
            self._runs.end(run, "failed", "session_gone")  # the next call forgets it
        elif now - run.claimed > self._settings.heartbeat_timeout_s:
            self._runs.give_back(run, suspect=False)  # no room came; another device may have some

    def _session_for(self, run: Run, now: float) -> Session | None:
        claim = run.claim
        if claim.turn > 0:
            kept = self._runs.kept.get(claim.session)
            return kept if kept is not None and kept.idle else None
        able = (account for account in self._accounts if account.free > 0 and claim.language in account.languages)
        account = max(able, key=lambda account: account.free, default=None)
        if account is None:
            return None
        requester = claim.requester if claim.lane is not None else NOBODY
        return Session(claim.session, account, claim.language, claim.keep, now, requester)

    def _hand_over(self, run: Run, session: Session, now: float) -> None:
        self._runs.begin(run, session, now)
        uploads, run.uploads = run.uploads, []
        try:
            for name, data in uploads:
                session.upload(run.claim.id, name, data)
            session.execute(run.claim, weight(run, self._runs.by_id.values()))
        except FrameTooLongError as error:
            log.warning("cell=%s cannot be handed over: %s", run.claim.id, error)
            self._runs.stop(run, "failed", "protocol", now)

    def _read_uploads(self, run: Run) -> bool:
        """Read on in what came with a computation; return whether there is no more. Before it begins: it may fail."""
        if not run.claim.uploads or run.uploads:
            return True
        try:
            run.reading = run.reading or self._uploads(run)
            next(run.reading)
        except StopIteration:
            return True
        except BaseException:
            run.reading = None  # from the beginning, then
            raise
        return False

    def _uploads(self, run: Run) -> Iterator[None]:
        uploads: list[tuple[str, bytes]] = []
        for name, file in self._store.files.uploads(run.claim.id):
            data = bytearray()
            while piece := file.read(UPLOAD_PIECE_BYTES):
                data += piece
                yield
            uploads.append((name, bytes(data)))
        run.uploads = uploads
