"""Starts a supervisor in an untrusted account, in a thread, because SSH and a self-test take their time."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Sequence
from typing import NamedTuple

from device.connect import bundle, start_config
from device.connect.local import LocalProcess
from device.connect.process import Process, wait_until_listening
from device.connect.ssh import SshProcess
from device.errors import ConnectError, PortTakenError
from settings import Settings
from store import KeptSession
from wire import Inheritance

PORT_TRIES = 5
INHERITANCES_MAX = 16  # supervisors that are tried, those whose sessions were used last
log = logging.getLogger(__name__)


class Started(NamedTuple):
    """A supervisor that listens: a new one, or one that an earlier device left with the kept sessions ``inherited``.

    ``heir_key``: what the next device shows to that supervisor.
    """

    process: Process
    keys: start_config.Keys
    port: int
    heir_key: str
    inherited: list[KeptSession]


StartProcess = Callable[[str, str, Settings], Process]
FindKept = Callable[[str], list[KeptSession]]  # in an account; it may take a while


def start_process(account: str, python: str, settings: Settings) -> Process:
    """Start what receives the bundle: a child process when ``account`` is "", else behind SSH. Raises ConnectError."""
    return SshProcess(account, settings, python) if account else LocalProcess(python)


class Connector:
    """One attempt to start a supervisor; there is an ``outcome`` when it is over. ``account`` "" is a child process.

    Where an earlier device left a supervisor with kept sessions in the account, that one goes on.
    """

    def __init__(
        self, account: str, workers: int, settings: Settings, start_process: StartProcess, find_kept: FindKept,
        when_done: Callable[[], None],
    ) -> None:  # fmt: skip
        self._account, self._workers, self._settings = account, workers, settings
        self._start_process, self._find_kept = start_process, find_kept
        self._when_done = when_done
        self._hang_up: Callable[[Process], None] | None = None  # once given up
        self.outcome: Started | ConnectError | None = None
        self._thread = threading.Thread(target=self._connect, name=f"connect {account}", daemon=True)

    def start(self) -> None:
        """Begin, in a thread."""
        self._thread.start()

    def give_up(self, hang_up: Callable[[Process], None]) -> None:
        """Hang up at once, if a supervisor comes or has come of it."""
        self._hang_up = hang_up
        if isinstance(self.outcome, Started):
            hang_up(self.outcome.process)

    def _connect(self) -> None:
        outcome: Started | ConnectError
        outcome = ConnectError("no port was free over there; widen wall_port_first and wall_port_last")
        for _ in range(PORT_TRIES):
            try:
                outcome = self._try()
                break
            except PortTakenError:
                continue
            except ConnectError as error:
                outcome = error
                break
            except Exception as error:  # a thread has nobody to raise to
                log.exception("connecting to %s failed", self._account)
                outcome = ConnectError(f"connecting failed: {error}")
                break
        self.outcome = outcome
        if self._hang_up is not None and isinstance(outcome, Started):
            self._hang_up(outcome.process)
        self._when_done()

    def _try(self) -> Started:
        settings = self._settings
        keys, port = start_config.Keys.make(), start_config.choose_port(settings)
        process = self._start_process(self._account, start_config.choose_python(settings), settings)
        inherits: list[Inheritance] = []
        try:
            process.write(bundle.pack())
            held = _by_key(self._find_kept(self._account))
            inherits = [Inheritance(key, [one.location.alias for one in kept]) for key, kept in held.items()]
            process.write(start_config.start_line(settings, keys, process.address, port, self._workers, inherits))
            index = wait_until_listening(process, port, len(inherits))
        except BaseException:
            if inherits:
                process.leave()  # kept sessions go on waiting
            else:
                process.end()
            raise
        if index is None:
            return Started(process, keys, port, keys.heir, [])
        key = inherits[index].key
        return Started(process, keys, port, key, held[key])


def _by_key(kept: Sequence[KeptSession]) -> dict[str, list[KeptSession]]:
    """Return kept sessions by the key of their supervisor, in order, of the first few supervisors."""
    found: dict[str, list[KeptSession]] = {}
    for session in kept:
        found.setdefault(session.location.key, []).append(session)
    return dict(list(found.items())[:INHERITANCES_MAX])
