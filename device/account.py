"""Connects to one untrusted account, speaks with its supervisor, and connects again after a pause when it is lost."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Iterator
from functools import partial
from typing import Any

import zmq

from device import handshake
from device.connect import address
from device.connect.connection import Connection, LongOutput
from device.connect.connector import Connector, FindKept, Started, StartProcess
from device.connect.process import Process
from device.errors import ConnectError, RefusedError, SupervisorProtocolError
from device.handshake import AccountLanguages, describe
from device.redial import Redial
from device.runs import Session
from settings import Settings
from store import KeptSession
from wire import Credit, Frame, Hello, Languages, Open, Up

log = logging.getLogger(__name__)


class Account:
    """An untrusted account, the connection to its supervisor, and all sessions that are open in it.

    ``name`` is "" when the supervisor is a child process of this very account. ``identity``: what all devices know it
    by. ``sessions``: by alias, from Open to
    Closed. ``refusal``: what its supervisor said at the last start, when that was that it cannot run. ``changed``:
    whether what it can run has changed since this was last looked at. ``receiving``: the session whose file of several
    pieces is on its way, one at a time. ``last_file``: when a piece of a file came last; the ends of other sessions
    with files may wait behind it. ``closed_at``: when a session was closed last; credit for its place comes after that.
    ``heir_key``: what the next device shows to its supervisor. ``inherited``: the kept sessions of an earlier device
    that its supervisor goes on with, after each beginning until the store has made them this device's.
    Times: seconds of the monotonic clock.
    """

    def __init__(
        self, name: str, settings: Settings, context: zmq.Context, workers: int, start_process: StartProcess,
        find_kept: FindKept, wake: Callable[[], None],
    ) -> None:  # fmt: skip
        self.name, self.label, self.identity = name, name or "the child process", address.identity(name)
        self._start_process, self._find_kept = start_process, find_kept
        self._settings, self._context, self._workers, self._wake = settings, context, workers, wake
        self.state, self.sentence = "connecting", f"{self.label}: the device has not connected to it yet"
        self.hello: Hello | None = None
        self.refusal: RefusedError | None = None
        self._languages: AccountLanguages | None = None
        self.changed = False
        self.connection: Connection | None = None
        self.sessions: dict[str, Session] = {}
        self.receiving: Session | None = None
        self.last_file = 0.0
        self.closed_at = 0.0
        self.heir_key = ""
        self.inherited: list[KeptSession] | None = None
        self._connector: Connector | None = None
        self._ending: threading.Thread | None = None
        self._redial = Redial(settings.redial_s_first, settings.redial_s_max)
        self._connect_at = self._ready_since = 0.0
        self._granted = self._opened = 0

    @property
    def is_here(self) -> bool:
        """Whether it is on this machine, as far as its name tells."""
        return not self.name or address.parse(self.name).is_here

    @property
    def free(self) -> int:
        """How many sessions it can take now."""
        if self.state != "ready" or self.connection is None or self.connection.blocked or not self.languages:
            return 0
        return self._granted - self._opened

    @property
    def full(self) -> bool:
        """Whether it has no room. One that cannot be spoken to for the moment is not full."""
        return self.state == "ready" and self.connection is not None and not self.connection.blocked and self.free <= 0

    @property
    def resting(self) -> int:
        """How many of its sessions take no place at most, because they wait for an answer; its credit tells."""
        return len(self.sessions) + self._granted - self._opened - self._workers

    def lacking(self, asking: int) -> int:
        """Return how many of its sessions must end for one more to have room, where so many wait for an answer.

        They are more than one when sessions that gave their places to others have been answered.
        """
        here = sum(session.closing_since is None for session in self.sessions.values())
        return max(1, here - min(asking, self.resting) + 1 - self._workers)

    @property
    def languages(self) -> list[str]:
        """The languages that it runs now."""
        return self._languages.ready if self._languages is not None else []

    def report(self) -> dict[str, Any]:
        """Return what /readyz shows of it."""
        hello = handshake.report(self.hello) if self.hello else {"layers": [], "limiter": ""}
        languages = self._languages.report() if self._languages else {"languages": [], "loading": [], "failed": []}
        own = {"account": self.label, "state": self.state, "sentence": self.sentence}
        pool = self.connection.pool_ready if self.connection else {}
        sessions = {"sessions": len(self.sessions), "pool": [[name, count] for name, count in sorted(pool.items())]}
        return own | hello | languages | sessions | {"capacity": self._workers, "free": self.free}

    # --- the connection -----------------------------------------------------------------------------------------
    def keep_up(self, now: float) -> None:
        """Connect when it is time, ask for signs of life when connected. Raises ConnectError when it is lost."""
        if self.connection is not None:
            self.connection.keep_alive(now)
        elif self._connector is None:
            if now >= self._connect_at and not (self._ending and self._ending.is_alive()):
                self._connector = Connector(
                    self.name, self._workers, self._settings, self._start_process, self._find_kept, self._wake
                )
                self._connector.start()
        elif self._connector.outcome is not None:
            outcome, self._connector = self._connector.outcome, None
            self.refusal = outcome if isinstance(outcome, RefusedError) else None
            if not isinstance(outcome, Started):
                raise outcome
            self._begin(outcome, now)

    def _begin(self, started: Started, now: float) -> None:
        process, keys, port, self.heir_key, self.inherited = started
        self.connection = Connection(self._context, process, keys, port, self._settings, now)
        for kept in self.inherited:
            at = kept.location
            self.sessions[at.alias] = Session(
                kept.id, self, kept.language, True, now - kept.age_s, at.requester, at.alias,
                idle_since=now - kept.idle_s,
            )
        self._granted, self._opened = 0, len(self.sessions)
        self.state, self.sentence = "starting", self._loading()

    def lose(self, why: str, now: float, *, leaves: bool) -> list[Session]:
        """Cut the connection, to connect again after a pause; return the sessions that are lost with it.

        ``leaves``: whether its supervisor may wait for us with its kept sessions.
        """
        served_s = now - self._ready_since if self.state == "ready" else 0.0
        sentence = f"{self.label}: {why}"
        if sentence != self.sentence:
            log.warning("%s", sentence)
        self.state, self.sentence, self.hello, self._languages = "down", sentence, None, None
        self._connect_at = now + self._redial.pause_s(served_s, at_fault=not leaves)
        self._hang_up(leaves=leaves)
        lost, self.sessions, self.receiving, self.inherited = list(self.sessions.values()), {}, None, None
        return lost

    def close(self, sentence: str, *, leaves: bool) -> threading.Thread | None:
        """End the supervisor and everything below it; return the thread to wait for, if there is one.

        ``leaves``: what its supervisor keeps waits for the next device.
        """
        self.state, self.sentence, self.hello, self._languages = "down", f"{self.label}: {sentence}", None, None
        if self._connector is not None:
            self._connector.give_up(partial(_hang_up, leaves=leaves))
        self._hang_up(leaves=leaves)
        return self._ending

    def _hang_up(self, *, leaves: bool) -> None:
        if self.connection is not None:
            connection, self.connection = self.connection, None
            connection.close()
            # Its end may take a while; the other accounts do not wait for it.
            self._ending = threading.Thread(
                target=_hang_up, args=(connection.process,), kwargs={"leaves": leaves}, name=f"end {self.label}",
                daemon=True,
            )  # fmt: skip
            self._ending.start()

    # --- frames -------------------------------------------------------------------------------------------------
    def send(self, frame: Frame) -> None:
        """Send a frame; nothing when the account is away, for then its sessions are gone. Raises FrameTooLongError."""
        if self.connection is not None:
            self.connection.send(frame)

    def send_behind_uploads(self, frame: Frame) -> None:
        """Send a piece of an upload, or what belongs behind it, as ``send`` does; what others are sent overtakes it."""
        if self.connection is not None:
            self.connection.send_behind_uploads(frame)

    def admit(self, session: Session) -> None:
        """Count a session that is opened here, and send its Open."""
        self._opened += 1
        self.sessions[session.alias] = session
        self.send(Open(session.alias, session.language))

    def discharge(self, session: Session) -> None:
        """Forget a session that the supervisor has closed."""
        del self.sessions[session.alias]
        self.closed_at = time.monotonic()

    def receive(self, now: float) -> Iterator[Up | LongOutput]:
        """Yield the frames about sessions and introspection that have come. Raises SupervisorProtocolError."""
        for frame in self.connection.receive(now) if self.connection else ():
            match frame:
                case Hello():
                    self._take_hello(frame, now)
                case Languages():
                    self._take_languages(frame)
                case Credit():
                    self._take_credit(frame)
                case _:
                    yield frame

    def _take_credit(self, credit: Credit) -> None:
        if self.hello is None or not self._granted < credit.granted <= self._opened + self._workers:
            raise SupervisorProtocolError(f"credit for {credit.granted} sessions")
        self.changed = self.changed or self._granted == 0
        self._granted = credit.granted

    def _take_hello(self, hello: Hello, now: float) -> None:
        if self.hello is not None:
            raise SupervisorProtocolError("a second Hello")
        handshake.check(hello)
        self._languages = AccountLanguages(hello.languages, self._settings)
        self._require_hope(self._languages)
        self.hello, self.state, self.sentence, self._ready_since = hello, "ready", "", now
        log.info("%s: %s; limits by %s", self.label, self._languages, hello.limiter)
        for layer in hello.layers:
            if layer.state == "waived":
                log.warning("%s: runs without the layer %s, as waived_layers says", self.label, layer.name)

    def _take_languages(self, frame: Languages) -> None:
        if self._languages is None or self.connection is None:
            raise SupervisorProtocolError("Languages before Hello")
        for report in self._languages.change(frame.languages, self.connection.pings):
            level = logging.INFO if report.state == "ready" else logging.WARNING
            log.log(level, "%s: %s", self.label, describe(report))
        self._require_hope(self._languages)
        self.sentence, self.changed = "" if self._languages.ready else self._loading(), True

    def _require_hope(self, languages: AccountLanguages) -> None:
        if languages.hopeless:
            raise ConnectError("its supervisor could load no language; the lines that it logged say why")

    def _loading(self) -> str:
        return f"{self.label}: its supervisor loads the languages"


def _hang_up(process: Process, *, leaves: bool) -> None:
    if leaves:
        process.leave()
    else:
        process.end()
