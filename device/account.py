"""One untrusted account: dialled, spoken to, and dialled again after a pause when it is lost."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Iterator
from typing import Any

import zmq

from device import handshake
from device.connect.connection import Connection, LongOutput
from device.connect.connector import Connector, Started, StartProcess
from device.errors import ConnectError, SupervisorProtocolError
from device.handshake import AccountLanguages, describe
from device.runs import Session
from settings import Settings
from wire import Credit, Frame, Hello, Languages, Open, Up

log = logging.getLogger(__name__)


class Account:
    """An account and all sessions opened in it. ``name`` is "" for a child process of this very account."""

    def __init__(
        self,
        name: str,
        settings: Settings,
        context: zmq.Context,
        workers: int,
        start_process: StartProcess,
        wake: Callable[[], None],
    ) -> None:
        self.name, self.label = name, name or "the child process"
        self._start_process = start_process
        self._settings, self._context, self._workers, self._wake = settings, context, workers, wake
        self.state, self.sentence = "connecting", f"{self.label}: it has not been dialled yet"
        self.hello: Hello | None = None
        self._offer: AccountLanguages | None = None
        self.changed = False  # whether what it can run has changed since this was last looked at
        self.link: Connection | None = None
        self.sessions: dict[str, Session] = {}  # by alias, from Open to Closed
        self.receiving: Session | None = None  # whose file of several pieces is on its way: one at a time
        # While files are on their way, the ends of other sessions with files may wait behind them.
        self.last_file = 0.0
        self.closed_at = 0.0  # when a session was closed last: credit for its place comes after that
        self._dialling: Connector | None = None
        self._ending: threading.Thread | None = None
        self._pause_s, self._dial_at, self._ready_since = settings.redial_s_first, 0.0, 0.0
        self._granted = self._opened = 0

    @property
    def _loads(self) -> str:
        return f"{self.label}: its supervisor loads the languages"

    @property
    def free(self) -> int:
        """How many sessions it can take now."""
        if self.state != "ready" or self.link is None or self.link.blocked or not self.languages:
            return 0
        return self._granted - self._opened

    @property
    def full(self) -> bool:
        """Whether it is spoken to and has no room: that it cannot be spoken to for the moment is no want of room."""
        return self.state == "ready" and self.link is not None and not self.link.blocked and self.free <= 0

    @property
    def resting(self) -> int:
        """At most how many of its sessions take no place, for they wait for an answer: its credit tells."""
        return len(self.sessions) + self._granted - self._opened - self._workers

    def lacking(self, asking: int) -> int:
        """How many of its sessions must end for one more to have room, where so many wait for an answer.

        More than one, when those that gave their places away have been answered.
        """
        here = sum(session.closing_since is None for session in self.sessions.values())
        return max(1, here - min(asking, self.resting) + 1 - self._workers)

    @property
    def languages(self) -> list[str]:
        """The languages that it runs now."""
        return self._offer.ready if self._offer is not None else []

    def report(self) -> dict[str, Any]:
        """Return what /readyz shows of it."""
        said = handshake.report(self.hello) if self.hello else {"layers": [], "limiter": ""}
        offer = self._offer.report() if self._offer else {"languages": [], "loading": [], "failed": []}
        own = {"account": self.label, "state": self.state, "sentence": self.sentence}
        return own | said | offer | {"capacity": self._workers, "free": self.free}

    # --- being there --------------------------------------------------------------------------------------------
    def keep_up(self, now: float) -> None:
        """Dial when it is time, take up what was dialled, ask for signs of life. Raises ConnectError when it is lost."""
        if self.link is not None:
            self.link.keep_alive(now)
        elif self._dialling is None:
            if now >= self._dial_at and not (self._ending and self._ending.is_alive()):
                self._dialling = Connector(self.name, self._workers, self._settings, self._start_process, self._wake)
                self._dialling.start()
        elif self._dialling.outcome is not None:
            outcome, self._dialling = self._dialling.outcome, None
            if not isinstance(outcome, Started):
                raise outcome
            self.link = Connection(self._context, *outcome, self._settings, now)
            self._granted = self._opened = 0
            self.state, self.sentence = "starting", self._loads

    def lose(self, why: str, now: float) -> list[Session]:
        """Cut the connection, to dial again after a pause; return the sessions that are lost with it."""
        if self.state == "ready" and now - self._ready_since > self._settings.redial_s_max:
            self._pause_s = self._settings.redial_s_first
        sentence = f"{self.label}: {why}"
        if sentence != self.sentence:
            log.warning("%s", sentence)
        self.state, self.sentence, self.hello, self._offer = "down", sentence, None, None
        self._dial_at = now + self._pause_s
        self._pause_s = min(2 * self._pause_s, self._settings.redial_s_max)
        self._hang_up()
        lost, self.sessions, self.receiving = list(self.sessions.values()), {}, None
        return lost

    def close(self, sentence: str) -> threading.Thread | None:
        """End the supervisor and everything below it; return what to wait for."""
        self.state, self.sentence, self.hello, self._offer = "down", f"{self.label}: {sentence}", None, None
        if self._dialling is not None:
            self._dialling.give_up()
        self._hang_up()
        return self._ending

    def _hang_up(self) -> None:
        if self.link is not None:
            link, self.link = self.link, None
            link.socket.close()
            # Its end may take a while; the other accounts do not wait for it.
            self._ending = threading.Thread(target=link.process.end, name=f"end {self.label}", daemon=True)
            self._ending.start()

    # --- frames -------------------------------------------------------------------------------------------------
    def send(self, frame: Frame) -> None:
        """Send a frame; nothing when the account is away, for then its sessions are gone. Raises FrameTooLongError."""
        if self.link is not None:
            self.link.send(frame)

    def open(self, session: Session) -> None:
        """Open a session here."""
        self._opened += 1
        self.sessions[session.alias] = session
        self.send(Open(session.alias, session.language))

    def receive(self, now: float) -> Iterator[Up | LongOutput]:
        """Yield the frames about sessions and questions that have come. Raises SupervisorProtocolError."""
        for frame in self.link.receive(now) if self.link else ():
            match frame:
                case Hello():
                    self._greet(frame, now)
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

    def _greet(self, hello: Hello, now: float) -> None:
        if self.hello is not None:
            raise SupervisorProtocolError("a second greeting")
        handshake.check(hello)
        self._offer = AccountLanguages(hello.languages, self._settings)
        self._check_hope(self._offer)
        self.hello, self.state, self.sentence, self._ready_since = hello, "ready", "", now
        log.info("%s: %s; limits by %s", self.label, self._offer, hello.limiter)
        for layer in hello.layers:
            if layer.state == "waived":
                log.warning("%s: runs without the layer %s, as waived_layers says", self.label, layer.name)

    def _take_languages(self, frame: Languages) -> None:
        if self._offer is None or self.link is None:
            raise SupervisorProtocolError("news about its languages before the greeting")
        for report in self._offer.change(frame.languages, self.link.pings):
            level = logging.INFO if report.state == "ready" else logging.WARNING
            log.log(level, "%s: %s", self.label, describe(report))
        self._check_hope(self._offer)
        self.sentence, self.changed = "" if self._offer.ready else self._loads, True

    def _check_hope(self, offer: AccountLanguages) -> None:
        if offer.hopeless:
            raise ConnectError("its supervisor could load no language; the lines that it logged say why")
