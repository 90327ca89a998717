"""From the queue across the wall: claims what the accounts have room for, and hands it over."""

from __future__ import annotations

import logging
from collections.abc import Collection, Iterator, Sequence

import msgspec

from device.account import Account
from device.connect.connection import FrameTooLongError
from device.runs import Run, Runs, Session
from settings import Settings
from store import Claim, Store
from wire import CHUNK_BYTES, Deliver, Execute, Upload

CLAIMS_A_ROUND = 8  # then what runs has its turn
UPLOAD_PIECE_BYTES = 1 << 20  # read in one round
log = logging.getLogger(__name__)


class Dispatcher:
    """Claims and begins. Every method may raise StoreUnavailableError; what is claimed then begins with the next call."""

    def __init__(
        self, device_id: str, store: Store, settings: Settings, runs: Runs, accounts: list[Account]
    ) -> None:
        self._id, self._store, self._settings, self._runs = device_id, store, settings, runs
        self._accounts = accounts
        self._waiting: list[Run] = []  # claimed, and nothing sent yet

    def claim(self, now: float) -> bool:
        """Begin what can begin; return whether there may be more in the queue."""
        self.begin_waiting(now)
        for _ in range(CLAIMS_A_ROUND):
            idle = [session.id for session in self._runs.idle]
            if not self._take_on(self._claim_one(now, idle), now):
                return False
        return True

    def claim_hinted(self, now: float, submitted: int, turns: Sequence[str], rested: Collection[str]) -> bool:
        """Begin what hints tell of: new computations, next turns of sessions; return as ``claim`` does.

        ``submitted``: how many; ``turns``: a session for each; ``rested``: sessions that have just become idle. When
        this finds all that it looks for, nobody asks whether there is more: that has its own hint.
        """
        self.begin_waiting(now)
        for session in self._idle_of(turns):
            session.hinted = turns.count(session.id) > 1
            self._take_on(self._store.computations.claim_turn(self._id, session.id), now)
        for session in self._idle_of(rested):
            if session.hinted:
                claim = self._store.computations.claim
                found = claim(self._id, languages=[], sessions=[session.id], new_sessions=False)
                session.hinted = self._take_on(found, now)  # and perhaps one more
        for _ in range(min(submitted, CLAIMS_A_ROUND)):
            if not self._take_on(self._claim_one(now, []), now):
                return False
        return submitted > CLAIMS_A_ROUND

    def _idle_of(self, ids: Collection[str]) -> Iterator[Session]:
        # One by one: the next turn that begins makes its session busy.
        for id in ids:
            session = self._runs.kept.get(id)
            if session is not None and session.idle:
                yield session

    def _take_on(self, claim: Claim | None, now: float) -> bool:
        """Begin what was claimed, if anything was; return whether it was."""
        if claim is None:
            return False
        log.info(
            "cell=%s queued→running session=%s turn=%d attempt=%d",
            claim.id, claim.session, claim.turn, claim.attempt,
        )  # fmt: skip
        if claim.id in self._runs.by_id:
            # Its lease had run out, and we were the first to find it queued again.
            self._runs.drop(self._runs.by_id[claim.id], now)
        run = self._runs.by_id[claim.id] = Run.of(claim, self._settings, now)
        self._waiting.append(run)
        self.begin_waiting(now)
        return True

    def _claim_one(self, now: float, turns_of: Sequence[str]) -> Claim | None:
        """Claim a next turn of these sessions, else a first turn where there is room for its session or can be made."""
        claim = self._store.computations.claim
        asked: set[frozenset[str]] = set()
        for account in self._with_room():
            languages = frozenset(account.languages)
            if languages not in asked:
                found = claim(
                    self._id, languages=sorted(languages), sessions=turns_of, new_sessions=True,
                    suspects=self._runs.takes_suspects,
                )  # fmt: skip
                if found is not None:
                    return found
                asked.add(languages)
        if turns_of and not asked:
            found = claim(self._id, languages=[], sessions=turns_of, new_sessions=False)
            if found is not None:
                return found
        return None if self._waiting else self._claim_for_room(set().union(*asked), now)

    def _claim_for_room(self, served: set[str], now: float) -> Claim | None:
        """Claim what waits for a worker, and let a session that computes nothing make room for it.

        ``served``: languages for which there is room, so that nothing waits for a worker in one of them.
        """
        for session in self._dispensable(now):
            languages = set(session.account.languages) - served
            if not languages:
                continue
            served |= languages
            found = self._store.computations.claim(
                self._id, languages=sorted(languages), sessions=[], new_sessions=True,
                suspects=self._runs.takes_suspects,
            )  # fmt: skip
            if found is not None:
                # One in an account that speaks other languages would make no room for it.
                able = [other for other in self._dispensable(now) if found.language in other.account.languages]
                account = able[0].account
                lacking = account.lacking(sum(asking.account is account for asking in self._runs.asking(now)))
                more = [other for other in able[1:] if other.account is account and other.idle]
                for giving_way in [able[0], *more[: lacking - 1]]:
                    self._give_up(giving_way, now)
                return found
        return None

    def _dispensable(self, now: float) -> list[Session]:
        return self._runs.dispensable(now, self._settings.session_idle_gives_way)

    def _give_up(self, session: Session, now: float) -> None:
        run = session.run
        if run is None:
            self._runs.close(session, now)
        else:
            run.overtime = "crowded"
            self._runs.stop(run, "failed", "time_wall", now)

    def _with_room(self) -> list[Account]:
        """Return the accounts that can take a session now, the one with most room first."""
        # What was claimed and has not begun will need the room.
        return sorted(
            (account for account in self._accounts if account.free > len(self._waiting)),
            key=lambda account: account.free,
            reverse=True,
        )

    # --- beginning ----------------------------------------------------------------------------------------------
    def begin_waiting(self, now: float) -> None:
        """Begin the runs that were claimed, as far as there is room."""
        for run in list(self._waiting):
            if run.over or self._runs.by_id.get(run.claim.id) is not run:
                self._waiting.remove(run)
                continue
            if not self._read_uploads(run):
                run.due = now  # what is left of them has to be read, in the next round
                continue
            session = self._session_for(run, now)
            if session is not None:
                self._begin(run, session, now)
                self._waiting.remove(run)
            elif run.claim.turn > 0:
                self._runs.end(run, "failed", "session_gone")
            elif now - run.claimed > self._settings.heartbeat_timeout_s:
                self._runs.give_back(run, suspect=False)  # no room came; another device may have some

    def _session_for(self, run: Run, now: float) -> Session | None:
        claim = run.claim
        if claim.turn > 0:
            kept = self._runs.kept.get(claim.session)
            return kept if kept is not None and kept.idle else None
        able = (account for account in self._accounts if account.free > 0 and claim.language in account.languages)
        account = max(able, key=lambda account: account.free, default=None)
        return None if account is None else Session(claim.session, account, claim.language, claim.keep, now)

    def _begin(self, run: Run, session: Session, now: float) -> None:
        claim = run.claim
        if claim.turn == 0:
            session.account.open(session)
            if claim.keep:
                self._runs.kept[session.id] = session
        session.run, run.session, run.began = run, session, now
        try:
            for name, data in run.uploads:
                self._send_upload(session, claim, name, data)
            run.uploads = []
            session.account.send(_job(session, claim))
        except FrameTooLongError as error:
            log.warning("cell=%s cannot be handed over: %s", claim.id, error)
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

    def _send_upload(self, session: Session, claim: Claim, name: str, data: bytes) -> None:
        for start in range(0, len(data) or 1, CHUNK_BYTES):
            end = start + CHUNK_BYTES
            session.account.send(Upload(session.alias, claim.id, name, data[start:end], end >= len(data)))


def _job(session: Session, claim: Claim) -> Execute | Deliver:
    last = not claim.keep
    message = claim.message
    if message is None:
        return Execute(session.alias, claim.id, claim.code, claim.stdin, last, claim.user_expressions)
    return Deliver(
        session.alias, claim.id, message["msg_type"], msgspec.json.encode(message["content"]),
        msgspec.json.encode(message.get("metadata") or {}), list(message.get("buffers") or ()), last,
    )  # fmt: skip
