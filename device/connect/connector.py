"""Starts a supervisor in an untrusted account, in a thread, because SSH and a self-test take their time."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable
from typing import NamedTuple

from device.connect import bundle, start_config
from device.connect.local import LocalProcess
from device.connect.process import Process, wait_until_listening
from device.connect.ssh import SshProcess
from device.errors import ConnectError, PortTakenError
from settings import Settings

PORT_TRIES = 5
log = logging.getLogger(__name__)


class Started(NamedTuple):
    """A supervisor that has been started and listens."""

    process: Process
    keys: start_config.Keys
    port: int


StartProcess = Callable[[str, str, Settings], Process]


def start_process(account: str, python: str, settings: Settings) -> Process:
    """Start what receives the bundle: a child process when ``account`` is "", else behind SSH. Raises ConnectError."""
    return SshProcess(account, settings, python) if account else LocalProcess(python)


class Connector:
    """One attempt to start a supervisor; there is an ``outcome`` when it is over. ``account`` "" is a child process."""

    def __init__(
        self, account: str, workers: int, settings: Settings, start_process: StartProcess,
        when_done: Callable[[], None],
    ) -> None:  # fmt: skip
        self._account, self._workers, self._settings = account, workers, settings
        self._start_process = start_process
        self._when_done = when_done
        self._given_up = False
        self.outcome: Started | ConnectError | None = None
        self._thread = threading.Thread(target=self._connect, name=f"connect {account}", daemon=True)

    def start(self) -> None:
        """Begin, in a thread."""
        self._thread.start()

    def give_up(self) -> None:
        """End the supervisor at once, if one comes or has come of it."""
        self._given_up = True
        if isinstance(self.outcome, Started):
            self.outcome.process.end()

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
        if self._given_up and isinstance(outcome, Started):
            outcome.process.end()
        self._when_done()

    def _try(self) -> Started:
        settings = self._settings
        keys, port = start_config.Keys.make(), start_config.choose_port(settings)
        process = self._start_process(self._account, start_config.choose_python(settings), settings)
        try:
            process.write(bundle.pack())
            process.write(start_config.start_line(settings, keys, process.address, port, self._workers))
            wait_until_listening(process, port)
        except BaseException:
            process.end()
            raise
        return Started(process, keys, port)
